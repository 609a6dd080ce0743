"""What a signed link shows of a request of a workflow, and how it answers: by yes or no, where that is an answer."""

import azure.durable_functions as df
from pydantic import BaseModel, RootModel, ValidationError

from durable_agents.http.problems import ProblemError
from durable_agents.http.review_links import LinkClaims
from durable_agents.orchestration.approval_requests import ApprovalRequest, AuditEntry
from durable_agents.orchestration.human_requests import HumanAnswer, HumanRequest, read_answer
from durable_agents.runs.decisions import DecisionBody, RequestState, Submission
from durable_agents.workflows.human_answers import Reply, WorkflowRun, find_workflow_run, respond
from durable_agents.workflows.workflow_registry import HostedWorkflow

FEEDBACK_FIELDS = ("feedback", "comments", "comment", "note", "notes", "reviewer_notes")
"""Where in an answer the words of a reviewer go: the first of these that it has."""

_APPROVED = "approved"


async def request_state(
    client: df.DurableOrchestrationClient, workflow: HostedWorkflow, claims: LinkClaims
) -> RequestState:
    """Return what the run knows of the request of this link, as of a request for an approval.

    Raises:
        ProblemError: 404, the run does not exist.
    """
    run = await find_workflow_run(client, workflow, claims.instance_id)
    waiting = next((request for request in run.open_requests if request.request_id == claims.request_id), None)
    answer = run.answers.get(claims.request_id)
    entry = None if answer is None else _as_decision(answer, claims)
    request = None if waiting is None or answer is not None else _as_approval(waiting, claims)
    return RequestState(run.status, request, [] if entry is None else [entry])


async def answer_by_link(
    client: df.DurableOrchestrationClient, workflow: HostedWorkflow, claims: LinkClaims, submission: Submission
) -> AuditEntry | None:
    """Answer the request of this link, and return the decision that counts; None if that is not known yet.

    Raises:
        ProblemError: As `respond`; 409, what the request asks for is more than yes or no.
    """
    run = await find_workflow_run(client, workflow, claims.instance_id)
    body = _answer_to(run, workflow, claims.request_id, submission.body)
    reply = Reply(body, submission.reviewer, submission.channel)
    if not await respond(client, workflow, claims.instance_id, claims.request_id, reply):
        return None
    answer = (await find_workflow_run(client, workflow, claims.instance_id)).answers[claims.request_id]
    return _as_decision(answer, claims)


def _answer_to(run: WorkflowRun, workflow: HostedWorkflow, request_id: str, decision: DecisionBody) -> object:
    model = workflow.responses.get(str(run.response_type_of(request_id)))
    words = None if model is None else next((name for name in FEEDBACK_FIELDS if name in model.model_fields), None)
    said = {words: decision.feedback} if words is not None and decision.feedback else {}
    for body in (decision.approved, {_APPROVED: decision.approved, **said}):
        try:
            if model is not None and issubclass(model, RootModel) == isinstance(body, bool):
                read_answer(body, model)
                return body
        except ValidationError:
            continue
    detail = (
        "This request asks for more than yes or no. Answer it where the message says, in the form that it asks for."
    )
    raise ProblemError(409, "answered-elsewhere", detail)


def _as_approval(request: HumanRequest, claims: LinkClaims) -> ApprovalRequest:
    return ApprovalRequest(
        request_id=request.request_id,
        event_name=request.request_id,
        content_hash=claims.content_hash,
        attempt=1,
        title=request.source_executor_id,
        preview="",
        preview_truncated=True,
        requested_at=request.requested_at,
        expires_at=claims.expires_at,
        reviewers=request.reviewers,
    )


def _as_decision(answer: HumanAnswer[BaseModel], claims: LinkClaims) -> AuditEntry | None:
    """Return the answer as a decision, if it says yes or no."""
    value = answer.value.root if isinstance(answer.value, RootModel) else getattr(answer.value, _APPROVED, None)
    if not isinstance(value, bool):
        return None
    return AuditEntry(
        request_id=claims.request_id, content_hash=claims.content_hash, approved=value, **answer.by.model_dump()
    )
