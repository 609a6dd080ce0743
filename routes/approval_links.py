"""`/approvals/{token}`: the page behind a reviewer's signed link. `GET` shows the draft, `POST` decides."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import parse_qs, urlsplit

import azure.durable_functions as df
import azure.functions as func
from agent_framework_azurefunctions import AgentFunctionApp
from pydantic import BaseModel, Field, StrictBool

from activities.approval_links import ForgedLinkError, LinkClaims, LinkSigner
from activities.kept_drafts import KeptDraft, draft_key, read_draft
from hosting.approvals.decisions import DecisionBody, RequestState, Submission, decide, describe_decision
from hosting.approvals.models import DecisionAnswer
from hosting.approvals.page import HEADERS, message_page, outcome_page, request_page
from hosting.approvals.requests import RecordedDecision, hash_content
from hosting.approvals.reviewers import read_reviewer
from hosting.http.contracts import Contract, Form
from hosting.http.problems import ProblemError, invalid_fields
from hosting.http.requests import json_response, read_body, read_json_object, read_model
from hosting.registration import OrchestrationTable, register_route
from hosting.runs.status import find_run
from setting_groups.review import DraftSettings

_FORM_TYPE = "application/x-www-form-urlencoded"
_JSON_TYPE = "application/json"
_PAGE_TYPE = "text/html"
_VERDICTS = {"approve": True, "reject": False}
_TITLES = {403: "This link is not valid", 410: "This link is no longer valid"}


class LinkDecision(BaseModel):
    """A decision by link: which draft it is about and who decides is in the token."""

    approved: StrictBool
    feedback: str | None = Field(default=None, max_length=10_000)


class LinkForm(BaseModel):
    """The form of the page, by which a decision is taken without JSON."""

    decision: Literal["approve", "reject"]
    feedback: str = Field(default="", max_length=10_000)


@dataclass(frozen=True, slots=True)
class Links:
    """What links need: the runs they are about, their keys, the drafts, and whether App Service vouches for users."""

    orchestrations: OrchestrationTable
    signer: LinkSigner
    drafts: DraftSettings
    trusts_app_service: bool


def register(app: AgentFunctionApp, links: Links) -> None:
    """Register the routes of signed links. They are anonymous: the token is the credential."""
    template, anonymous = "approvals/{token}", func.AuthLevel.ANONYMOUS
    shown = Contract({status: (_PAGE_TYPE,) for status in (200, 403, 409, 410, 503)})
    register_route(app, ("GET", "HEAD"), template, show_approval, contract=shown, auth_level=anonymous, links=links)
    decided = Contract(
        {
            200: (DecisionAnswer,),
            202: (DecisionAnswer, _PAGE_TYPE),
            303: (),
            **{status: (_PAGE_TYPE,) for status in (400, 403, 409, 410, 413, 415, 503)},
        },
        bodies=(LinkDecision, Form(LinkForm)),
        problems=(403, 409, 410, 415),
    )
    register_route(app, "POST", template, decide_by_link, contract=decided, auth_level=anonymous, links=links)


async def show_approval(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, *, links: Links
) -> func.HttpResponse:
    """Show the draft with a form, or what was decided. Changes nothing: programs that preview links come here too."""
    try:
        claims = _read_claims(req, links)
        reviewer = read_reviewer(req, claims.reviewer, trusts_app_service=links.trusts_app_service)
        state = await _find_state(client, links, claims)
        request, decision = state.request, state.decision_for(reviewer.identity)
        if decision is not None:
            return outcome_page(decision, request)
        if request is None or datetime.now(UTC) >= claims.expires_at:
            raise _gone("The time to decide on this draft is over, or the run no longer waits for it.")
        draft = await _read_draft(claims, links)
    except ProblemError as problem:
        return _problem_page(problem)
    run = f"{state.status.name} ({claims.instance_id})"
    return request_page(run, request, reviewer.name or claims.reviewer, draft.title, draft.content)


async def decide_by_link(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, *, links: Links
) -> func.HttpResponse:
    """Decide on the draft of the link; a form is answered with a page, JSON with JSON."""
    is_json = _media_type(req) == _JSON_TYPE
    try:
        claims = _read_claims(req, links)
        submission = _read_submission(req, claims, links)
        decision = await _decide(client, links, claims, submission)
    except ProblemError as problem:
        if is_json:
            raise
        return _problem_page(problem)
    if is_json:
        answer = describe_decision(claims.instance_id, submission, decision)
        return json_response(answer, 202 if decision is None else 200, HEADERS)
    if decision is None:
        text = "It is about to take effect. Open the link again to see what came of it."
        return message_page("Your decision was received", text, 202)
    # To the page that shows the outcome, so that reloading it sends nothing.
    return func.HttpResponse(status_code=303, headers={**HEADERS, "Location": urlsplit(req.url).path})


async def _decide(
    client: df.DurableOrchestrationClient, links: Links, claims: LinkClaims, submission: Submission
) -> RecordedDecision | None:
    """Decide as every route does, after a look at whether the draft that the page shows is still the right one.

    Raises:
        ProblemError: 410 for whatever keeps the decision from counting: for its holder, the link has had its day.
            409 and 503 as `_read_draft`.
    """
    state = await _find_state(client, links, claims)
    if state.request is not None:
        await _read_draft(claims, links)
    try:
        return await decide(client, links.orchestrations, claims.instance_id, submission)
    except ProblemError as problem:
        raise ProblemError(410, problem.kind, problem.detail, **problem.members) from problem


def _read_claims(req: func.HttpRequest, links: Links) -> LinkClaims:
    try:
        return links.signer.read(req.route_params["token"])
    except ForgedLinkError as error:
        detail = "The link was not made by this app, or is not complete. Copy it whole from the message you got."
        raise ProblemError(403, "forged-link", detail) from error


def _read_submission(req: func.HttpRequest, claims: LinkClaims, links: Links) -> Submission:
    """Return the decision in the body of the request.

    Raises:
        ProblemError: 415 for another type of body, 413 for one that is too large, 400 for a decision that is not valid.
    """
    media_type = _media_type(req)
    if media_type not in (_JSON_TYPE, _FORM_TYPE):
        detail = f"The request body has the type {media_type!r}. Send {_FORM_TYPE} or {_JSON_TYPE}."
        raise ProblemError(415, "unsupported-type", detail)
    body = read_json_object(req) if media_type == _JSON_TYPE else _read_form(req)
    decision = read_model(body, LinkDecision)
    reviewer = read_reviewer(req, claims.reviewer, trusts_app_service=links.trusts_app_service)
    named = DecisionBody(
        approved=decision.approved,
        feedback=decision.feedback,
        request_id=claims.request_id,
        content_hash=claims.content_hash,
    )
    return Submission(named, reviewer, "link")


def _read_form(req: func.HttpRequest) -> dict[str, object]:
    """Return the fields of the page's form as those of `LinkDecision`."""
    try:
        fields = parse_qs(read_body(req).decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=10)
    except ValueError as error:
        raise ProblemError(400, "invalid-form", "The request body is not a form. Use the page's own.") from error
    decision, feedback = fields.pop("decision", []), fields.pop("feedback", [""])
    if len(decision) != 1 or decision[0] not in _VERDICTS:
        raise invalid_fields([{"field": "decision", "message": "expected approve or reject, once"}])
    # A form sends line breaks as CR LF.
    text = "\n".join(feedback).replace("\r\n", "\n").strip()
    return {"approved": _VERDICTS[decision[0]], "feedback": text or None, **fields}


async def _find_state(client: df.DurableOrchestrationClient, links: Links, claims: LinkClaims) -> RequestState:
    try:
        status = await find_run(client, links.orchestrations, claims.instance_id)
    except ProblemError as problem:
        raise _gone("The run that asked for this decision no longer exists.") from problem
    return RequestState.of(status, claims.request_id)


async def _read_draft(claims: LinkClaims, links: Links) -> KeptDraft:
    """Return the draft the link is about.

    Raises:
        ProblemError: 503, it is not where it was put; 409, it is another text than the run asks about.
    """
    key = draft_key(claims.instance_id, claims.request_id)
    draft = await asyncio.to_thread(read_draft, key, links.drafts)
    if draft is None:
        raise ProblemError(
            503, "draft-missing", "The draft cannot be found, so nothing can be decided. Try again later."
        )
    if hash_content(draft.title, draft.content) != claims.content_hash:
        detail = "The draft has changed since you were asked, so nothing can be decided. Tell whoever runs this app."
        raise ProblemError(409, "draft-changed", detail)
    return draft


def _gone(detail: str) -> ProblemError:
    return ProblemError(410, "link-expired", detail)


def _problem_page(problem: ProblemError) -> func.HttpResponse:
    return message_page(_TITLES.get(problem.status, "Nothing was decided"), problem.detail, problem.status)


def _media_type(req: func.HttpRequest) -> str:
    return str(req.headers.get("content-type", "")).partition(";")[0].strip().lower()
