"""`/review`: the page behind a reviewer's signed link, and what it and programs ask with the token of the link.

The token is a secret, and hosts log the path and query of every request. So it comes in bodies only.
"""

from datetime import UTC, datetime

import azure.durable_functions as df
import azure.functions as func
from pydantic import BaseModel, Field, StrictBool

from durable_agents.http.contracts import Contract
from durable_agents.http.problems import ProblemError
from durable_agents.http.requests import json_response, read_json_object, read_model
from durable_agents.http.review_links import ForgedLinkError, LinkClaims, LinkSigner
from durable_agents.http.routing import Router
from durable_agents.orchestration.approval_requests import AuditEntry, hash_content
from durable_agents.orchestration.registry import OrchestrationRegistry
from durable_agents.routes.review_page import PRIVATE, show_page
from durable_agents.runs.approval_models import DecisionAnswer, Review, ReviewedRequest
from durable_agents.runs.decisions import DecisionBody, RequestState, Submission, answer_to, decide, without_feedback
from durable_agents.runs.reviewers import Reviewer, read_reviewer
from durable_agents.runs.shown_drafts import show_draft
from durable_agents.runs.status import find_run
from durable_agents.settings.groups import Folder
from durable_agents.storage.drafts import KeptDraft, draft_key, read_draft
from durable_agents.threads import in_store_thread
from durable_agents.workflows.link_answers import answer_by_link, request_state
from durable_agents.workflows.workflow_registry import WorkflowRegistry


class ReviewBody(BaseModel):
    """The token of a link: what follows the `#`."""

    token: str


class ReviewDecision(ReviewBody):
    """A decision by link: which draft it is about and who decides is in the token."""

    approved: StrictBool
    feedback: str | None = Field(default=None, max_length=10_000)


class ReviewRoutes:
    """Shows and decides what signed links are about. They are anonymous: the token of the link is the credential.

    `signer` reads tokens, `drafts` says where the drafts are kept that they are about, and `trusts_app_service` that
    App Service authentication vouches for who is signed in. What one of the `workflows` asks is decided by link where
    yes or no is an answer to it.
    """

    def __init__(
        self,
        orchestrations: OrchestrationRegistry,
        workflows: WorkflowRegistry,
        signer: LinkSigner,
        drafts: Folder,
        *,
        trusts_app_service: bool,
    ) -> None:
        self._orchestrations = orchestrations
        self._workflows = workflows
        self._signer = signer
        self._drafts = drafts
        self._trusts_app_service = trusts_app_service

    def register(self, router: Router) -> None:
        """Register the routes."""
        anonymous = func.AuthLevel.ANONYMOUS
        page = Contract({200: ("text/html",)})
        router.add(("GET", "HEAD"), "review", self.show_review_page, contract=page, auth_level=anonymous)
        reading = Contract({200: (Review,)}, bodies=(ReviewBody,), problems=(403, 409, 410))
        router.add("POST", "review", self.read_review, contract=reading, auth_level=anonymous)
        answers = {200: (DecisionAnswer,), 202: (DecisionAnswer,)}
        deciding = Contract(answers, bodies=(ReviewDecision,), problems=(403, 409, 410))
        router.add("POST", "review/decision", self.decide_review, contract=deciding, auth_level=anonymous)

    async def show_review_page(self, req: func.HttpRequest) -> func.HttpResponse:
        """Show the page behind reviewers' links. It changes nothing: programs that preview links come here too."""
        return show_page()

    async def read_review(self, req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
        """Tell what the reviewer of the link is asked, with the whole draft, or what was decided. Changes nothing."""
        claims = self._read_claims(read_model(read_json_object(req), ReviewBody).token)
        reviewer = self._read_reviewer(req, claims)
        state = await self._find_state(client, claims)
        request, decision = state.request, state.decision_for(reviewer)
        if decision is None and (request is None or datetime.now(UTC) >= claims.expires_at):
            raise _gone("The time to decide on this draft is over, or the run no longer waits for it.")
        review = Review(
            run=f"{state.status.name} ({claims.instance_id})",
            reviewer=reviewer.name,
            request=None if request is None else ReviewedRequest(**request.model_dump()),
            draft=show_draft(await self._read_draft(claims)) if decision is None else None,
            decision=None if decision is None else without_feedback(decision),
        )
        return json_response(review, 200, PRIVATE)

    async def decide_review(self, req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
        """Decide on the draft of the link: 200 once it counts, 202 while that is not known yet."""
        body = read_model(read_json_object(req), ReviewDecision)
        claims = self._read_claims(body.token)
        named = DecisionBody(
            approved=body.approved,
            feedback=body.feedback,
            request_id=claims.request_id,
            content_hash=claims.content_hash,
        )
        submission = Submission(named, self._read_reviewer(req, claims), "link")
        decision = await self._decide(client, claims, submission)
        answer = answer_to(claims.instance_id, submission, decision)
        return json_response(answer, 202 if decision is None else 200, PRIVATE)

    async def _decide(
        self, client: df.DurableOrchestrationClient, claims: LinkClaims, submission: Submission
    ) -> AuditEntry | None:
        """Decide as every route does, after a look at whether the draft that the page shows is still the right one.

        Raises:
            ProblemError: 410 for whatever keeps the decision from counting: for its holder, the link has had its day.
                409 and 503 as `_read_draft`; 409 also where yes or no is no answer; 403, somebody else is signed in.
        """
        state = await self._find_state(client, claims)
        if state.request is not None:
            await self._read_draft(claims)
        try:
            workflow = self._workflows.of_orchestration(state.status.name)
            if workflow is not None:
                return await answer_by_link(client, workflow, claims, submission)
            return await decide(client, self._orchestrations, claims.instance_id, submission)
        except ProblemError as problem:
            if problem.status == 403 or problem.kind == "answered-elsewhere":
                raise
            raise ProblemError(410, problem.kind, problem.detail, **problem.members) from problem

    def _read_claims(self, token: str) -> LinkClaims:
        try:
            return self._signer.read(token)
        except ForgedLinkError as error:
            detail = "The link was not made by this app, or is not complete. Copy it whole from the message you got."
            raise ProblemError(403, "forged-link", detail) from error

    def _read_reviewer(self, req: func.HttpRequest, claims: LinkClaims) -> Reviewer:
        return read_reviewer(req, claims.reviewer, trusts_app_service=self._trusts_app_service, by_link=True)

    async def _find_state(self, client: df.DurableOrchestrationClient, claims: LinkClaims) -> RequestState:
        try:
            status = await find_run(client, self._orchestrations, claims.instance_id)
            workflow = self._workflows.of_orchestration(status.name)
            if workflow is not None:
                return await request_state(client, workflow, claims)
        except ProblemError as problem:
            if problem.status == 409:  # it is there, and nobody can decide on it now
                raise
            raise _gone("The run that asked for this decision no longer exists.") from problem
        return RequestState.of(status, claims.request_id)

    async def _read_draft(self, claims: LinkClaims) -> KeptDraft:
        """Return the draft the link is about.

        Raises:
            ProblemError: 503, it is not where it was put; 409, it is another text than the run asks about.
        """
        key = draft_key(claims.instance_id, claims.request_id)
        draft = await in_store_thread(read_draft, key, self._drafts)
        if draft is None:
            detail = "The draft cannot be found, so nothing can be decided. Try again later."
            raise ProblemError(503, "draft-missing", detail)
        if hash_content(draft.title, draft.content) != claims.content_hash:
            detail = (
                "The draft has changed since you were asked, so nothing can be decided. Tell whoever runs this app."
            )
            raise ProblemError(409, "draft-changed", detail)
        return draft


def _gone(detail: str) -> ProblemError:
    return ProblemError(410, "link-expired", detail)
