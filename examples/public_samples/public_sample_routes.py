"""The routes of the agent framework's public samples, for clients that move over from them.

Each starts or shows a run of one of this app's orchestrations, so `/runs` shows it too. Paths and field names are those
of the samples, errors are this app's. What differs is told in durable_agents/docs/http-api.md.
"""

from collections.abc import Callable
from typing import Annotated, Any

import azure.durable_functions as df
import azure.functions as func
from pydantic import BaseModel, ConfigDict, Field, StrictBool
from pydantic.alias_generators import to_camel

from durable_agents.http.access import Access
from durable_agents.http.contracts import Contract
from durable_agents.http.links import Links
from durable_agents.http.problems import ProblemError
from durable_agents.http.requests import accepted, json_response, read_json_object, read_model, read_text
from durable_agents.http.routing import Router
from durable_agents.orchestration.approval_requests import ReviewerName
from durable_agents.orchestration.registry import OrchestrationRegistry
from durable_agents.owners import owned
from durable_agents.runs.decisions import DecisionBody, Submission, decide
from durable_agents.runs.reviewers import read_reviewer
from durable_agents.runs.run_models import RunState
from durable_agents.runs.starts import new_instance_id, stored_input_for
from durable_agents.runs.status import describe_run, find_run
from examples.public_samples.parallel_answers import parallel_answers
from examples.public_samples.text_refinement import TextRefinementOutput, text_refinement
from orchestrations.content_approval import ContentApprovalOutput, content_approval
from orchestrations.email_triage import EmailTriageOutput, email_triage

_TOPIC = "learning"
_TEXT = ("text/plain",)
_EmailId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$", max_length=64)]


class SpamDetectionBody(BaseModel):
    """An e-mail. The samples know no sender: without one, the reply goes to an address that cannot exist."""

    email_id: _EmailId
    email_content: str = Field(min_length=1, max_length=100_000)
    sender: str | None = None


class HitlBody(BaseModel):
    """An article to write. When a human rejects the last attempt, there is no other.

    `approval_timeout_hours` is taken as in the sample and changes nothing: the deployment says how long reviewers have.
    """

    topic: str
    max_review_attempts: int = Field(default=3, ge=1, le=100)
    approval_timeout_hours: float = Field(default=72, gt=0)


class _SampleModel(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class SampleStarted(_SampleModel):
    """The run is started. `prompt`, `emailId` and `topic` repeat what it was started with."""

    message: str
    instance_id: str
    status_query_get_uri: str
    prompt: str = ""
    email_id: str = ""
    topic: str = ""


class SampleStatus(_SampleModel):
    """How the run is. The output is null until it is completed, `failureDetails` unless it ended otherwise."""

    instance_id: str
    runtime_status: str | None
    input: dict[str, Any]
    output: Any
    failure_details: str | None


class PendingApproval(_SampleModel):
    """The draft that waits for a decision, which must name its `requestId`."""

    request_id: str
    title: str
    preview: str


class HitlStatus(SampleStatus):
    """How the run is, and which draft waits for a decision."""

    workflow_status: str | None
    pending_approval: PendingApproval | None


class HitlDecisionBody(_SampleModel):
    """A decision on one draft: the one whose `requestId` the status has shown under `pendingApproval`."""

    approved: StrictBool
    feedback: str | None = Field(default=None, max_length=10_000)
    request_id: str = Field(max_length=100)
    reviewer: ReviewerName | None = None


class HitlDecided(_SampleModel):
    """The decision has reached the run."""

    message: str
    instance_id: str
    approved: bool


class PublicSampleRoutes:
    """Starts and shows the runs that do the work of the samples; `access` says who the sender of a request is.

    Raises:
        ValueError: The app does not have an orchestration that they need.
    """

    def __init__(self, orchestrations: OrchestrationRegistry, links: Links, access: Access) -> None:
        self._links = links
        self._access = access
        self._paragraphs = _only(orchestrations, text_refinement.__name__)
        self._questions = _only(orchestrations, parallel_answers.__name__)
        self._emails = _only(orchestrations, email_triage.__name__)
        self._articles = _only(orchestrations, content_approval.__name__)

    def register(self, router: Router) -> None:
        """Register the routes."""
        for sample, run, show, bodies, shown in (
            ("singleagent", self.run_single_agent_sample, self.show_single_agent_sample, (), SampleStatus),
            ("multiagent", self.run_multi_agent_sample, self.show_multi_agent_sample, ("text/plain",), SampleStatus),
            ("spamdetection", self.run_spam_sample, self.show_spam_sample, (SpamDetectionBody,), SampleStatus),
            ("hitl", self.run_hitl_sample, self.show_hitl_sample, (HitlBody,), HitlStatus),
        ):
            router.add("POST", f"{sample}/run", run, contract=Contract({202: (SampleStarted,)}, bodies=bodies))
            showing = Contract({200: (shown,)}, problems=(409,))
            router.add("GET", f"{sample}/status/{{instance_id}}", show, contract=showing)
        deciding = Contract({200: (HitlDecided,)}, bodies=(HitlDecisionBody,), problems=(403, 409))
        router.add("POST", "hitl/approve/{instance_id}", self.decide_hitl_sample, contract=deciding)

    async def run_single_agent_sample(
        self, req: func.HttpRequest, client: df.DurableOrchestrationClient
    ) -> func.HttpResponse:
        """Have one agent write a paragraph and improve it; the request has no body."""
        message = "Single-agent orchestration started."
        return await self._start(req, client, "singleagent", self._paragraphs, {"topic": _TOPIC}, message=message)

    async def run_multi_agent_sample(
        self, req: func.HttpRequest, client: df.DurableOrchestrationClient
    ) -> func.HttpResponse:
        """Ask two agents at the same time; the body is the question."""
        prompt = read_text(req).strip()
        members = {"message": "Multi-agent concurrent orchestration started.", "prompt": prompt}
        return await self._start(req, client, "multiagent", self._questions, {"question": prompt}, **members)

    async def run_spam_sample(self, req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
        """Quarantine an e-mail if it is spam, else answer it."""
        body = read_model(read_json_object(req), SpamDetectionBody)
        email = {"sender": body.sender or f"{body.email_id}@example.invalid", "body": body.email_content}
        members = {"message": "Spam detection orchestration started.", "email_id": body.email_id}
        return await self._start(req, client, "spamdetection", self._emails, {"email": email}, **members)

    async def run_hitl_sample(self, req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
        """Have an article written that a human approves before it is published."""
        body = read_model(read_json_object(req), HitlBody)
        run_input = {"topic": body.topic, "max_revisions": body.max_review_attempts - 1}
        members = {"message": "HITL content generation orchestration started.", "topic": body.topic}
        return await self._start(req, client, "hitl", self._articles, run_input, **members)

    async def show_single_agent_sample(
        self, req: func.HttpRequest, client: df.DurableOrchestrationClient
    ) -> func.HttpResponse:
        """Tell how the run is; `output` is the improved paragraph."""
        run = await _find(req, client, self._paragraphs)
        return _show(run, lambda output: TextRefinementOutput.model_validate(output).improved.content)

    async def show_multi_agent_sample(
        self, req: func.HttpRequest, client: df.DurableOrchestrationClient
    ) -> func.HttpResponse:
        """Tell how the run is; `output` has the answers of the agents, by their roles."""
        return _show(await _find(req, client, self._questions), lambda output: output)

    async def show_spam_sample(self, req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
        """Tell how the run is; `output` says what was done with the e-mail."""
        return _show(await _find(req, client, self._emails), _describe_triage)

    async def show_hitl_sample(self, req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
        """Tell how the run is and which draft waits for a decision; `output` is the article once it is published."""
        run = await _find(req, client, self._articles)
        output = None if run.output is None else ContentApprovalOutput.model_validate(run.output)
        article = output.draft if output is not None and output.outcome == "published" else None
        status = HitlStatus(
            **_members(run),
            output=None if article is None else {"content": article.content},
            workflow_status=run.stage if output is None else f"Content {output.outcome}.",
            pending_approval=None if run.waiting_for is None else PendingApproval.model_validate(run.waiting_for),
        )
        return json_response(status)

    async def decide_hitl_sample(
        self, req: func.HttpRequest, client: df.DurableOrchestrationClient
    ) -> func.HttpResponse:
        """Decide on the draft that `requestId` names: without it, a decision could reach a draft nobody has read."""
        body = read_model(read_json_object(req), HitlDecisionBody)
        decision = DecisionBody(approved=body.approved, feedback=body.feedback, request_id=body.request_id)
        reviewer = read_reviewer(req, body.reviewer, trusts_app_service=self._access.trusts_app_service)
        run_id = (await _find(req, client, self._articles)).instance_id
        await decide(client, self._articles, run_id, Submission(decision, reviewer, "api"))
        message = "Human approval sent to orchestration."
        return json_response(HitlDecided(message=message, instance_id=run_id, approved=body.approved))

    async def _start(
        self,
        req: func.HttpRequest,
        client: df.DurableOrchestrationClient,
        sample: str,
        runs: OrchestrationRegistry,
        run_input: dict[str, Any],
        **members: str,
    ) -> func.HttpResponse:
        (orchestration,) = runs
        instance_id = owned(new_instance_id(orchestration.name), self._access.owner(req))
        await client.start_new(orchestration.name, instance_id, stored_input_for(orchestration, run_input))
        location = self._links.to(req, sample, "status", instance_id)
        return accepted(SampleStarted(instance_id=instance_id, status_query_get_uri=location, **members), location)


def _only(orchestrations: OrchestrationRegistry, name: str) -> OrchestrationRegistry:
    """Return a registry of the one orchestration that does the work of a sample, whose status shows no other runs."""
    orchestration = orchestrations.find(name)
    if orchestration is None:
        raise ValueError(f"The samples need orchestration {name!r}. Register it, or leave out the samples.")
    return OrchestrationRegistry([orchestration])


async def _find(req: func.HttpRequest, client: df.DurableOrchestrationClient, runs: OrchestrationRegistry) -> RunState:
    """Return the run of the sample that the path names.

    Raises:
        ProblemError: 404, there is none of this id; what else has it, is no matter of the sample.
    """
    instance_id = req.route_params["instance_id"]
    try:
        return describe_run(await find_run(client, runs, instance_id))
    except ProblemError as problem:
        if problem.status != 409:
            raise
        detail = f"The run {instance_id!r} is none of this sample. GET /api/runs/{instance_id} shows it."
        raise ProblemError(404, "unknown-run", detail) from problem


def _show(run: RunState, describe_output: Callable[[Any], Any]) -> func.HttpResponse:
    output = None if run.output is None else describe_output(run.output)
    return json_response(SampleStatus(**_members(run), output=output))


def _members(run: RunState) -> dict[str, Any]:
    return {**run.model_dump(include={"instance_id", "runtime_status", "input"}), "failure_details": run.error}


def _describe_triage(output: Any) -> str:
    triage = EmailTriageOutput.model_validate(output)
    if triage.reply is None and triage.outcome == "ignored":
        return f"Email not answered: {triage.reason}"
    if triage.reply is None:
        return f"Email marked as spam: {triage.verdict.reason}"
    return f"Email sent: {triage.reply.body}"
