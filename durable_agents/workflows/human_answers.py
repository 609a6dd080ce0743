"""The one check that every answer to a request of a workflow goes through, and the truth about what came of it.

What was asked and answered is read from the history of the run. Its custom status shows only what is open, and its
events include some that answer no request, such as the responses of agents.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import azure.durable_functions as df
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus
from pydantic import BaseModel, RootModel, ValidationError

from durable_agents.characters.person_names import find_person
from durable_agents.http.problems import ProblemError, invalid_body
from durable_agents.http.requests import as_json_object
from durable_agents.ids import HUMAN_REQUEST_ID, INSTANCE_ID, QUALIFIED_REQUEST_ID, fits
from durable_agents.orchestration.approval_requests import Channel
from durable_agents.orchestration.human_requests import (
    AnsweredBy,
    HumanAnswer,
    HumanRequest,
    IgnoredAnswerError,
    Unanswered,
    read_answer,
    read_human_answer,
    read_human_requests,
    read_unanswered,
)
from durable_agents.owners import owner_of
from durable_agents.polling import poll
from durable_agents.runs.history import Step, read_steps
from durable_agents.runs.reviewers import Reviewer, check_has_not_asked
from durable_agents.runs.status import is_over, state_of
from durable_agents.workflows.workflow_registry import HostedWorkflow

_EFFECT_SECONDS = 5.0
_OVER: Mapping[Unanswered, str] = {
    "expired": "there was none in time",
    "withdrawn": "that to another request has settled the matter before",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request is about, and what it wants, both as `module:class`."""

    request_type: str | None
    response_type: str | None


@dataclass(frozen=True, slots=True)
class WorkflowRun:
    """A run of a workflow, with its history.

    Attributes:
        status: The status of its instance.
        asked: The requests it has ever made, by id; those of a workflow inside it without the way to them.
        answers: The answers it has, by the whole id of the request; of those that are one, the first counts.
    """

    status: DurableOrchestrationStatus
    asked: Mapping[str, Asked]
    answers: Mapping[str, HumanAnswer[Any]]

    @property
    def open_requests(self) -> list[HumanRequest]:
        """What it waits with."""
        return [] if is_over(self.status) else read_human_requests(self.status.custom_status)

    def response_type_of(self, request_id: str) -> str | None:
        """Return what the request wants, as `module:class`, or None if the run has made no such request."""
        asked = self.asked.get(_bare(request_id))
        return None if asked is None else asked.response_type

    def has_asked(self, request_id: str) -> bool:
        """Say whether it has made this request; one inside it has the way to it that it shows or was answered by."""
        if _bare(request_id) not in self.asked:
            return False
        known = {*self.answers, *(request.request_id for request in self.open_requests)}
        return request_id in known or not any(_bare(one) == _bare(request_id) for one in known)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer on its way to a run: the body of a request, and who has sent it by what way."""

    body: Any
    reviewer: Reviewer
    channel: Channel = "api"


async def find_workflow_run(
    client: df.DurableOrchestrationClient, workflow: HostedWorkflow, instance_id: str
) -> WorkflowRun:
    """Return the run.

    Raises:
        ProblemError: 404, this workflow has no run of this id; what else has it, the answer says.
    """
    if fits(INSTANCE_ID, instance_id):
        status = await client.get_status(instance_id, show_history=True, show_history_output=True)
        if status and str(status.name).casefold() == workflow.orchestration.name.casefold():
            steps = read_steps(status, {})
            asked = dict(request for step in steps for request in _requests_in(step))
            unanswered = [one for why in _OVER for one in read_unanswered(status.custom_status, why)]
            return WorkflowRun(status, asked, _answers_in(steps, asked, workflow, unanswered))
        if status:
            detail = f"The run {instance_id!r} is not one of workflow {workflow.name!r}, but of {str(status.name)!r}."
            raise ProblemError(404, "unknown-run", detail)
    detail = f"Workflow {workflow.name!r} has no run {instance_id!r}. Check the instanceId that its start returned."
    raise ProblemError(404, "unknown-run", detail)


def is_asked(run: WorkflowRun, request_id: str, reviewer: Reviewer) -> bool:
    """Say whether the run asks this reviewer by name, or has had the answer from them."""
    answer = run.answers.get(request_id)
    if answer is not None and answer.by.verified and answer.by.reviewer_id == reviewer.id:
        return True
    asked = next((request.reviewers for request in run.open_requests if request.request_id == request_id), ())
    return find_person(reviewer.name, asked) is not None


async def respond(
    client: df.DurableOrchestrationClient, workflow: HostedWorkflow, instance_id: str, request_id: str, reply: Reply
) -> bool:
    """Pass the answer to the run, and say whether it has it: False if that does not show within five seconds.

    The same answer again changes nothing and is answered like the first one, also when the run has ended.

    Raises:
        ProblemError: 404, there is no such run or request. 400, the answer does not have the form that was asked for.
            403, others were asked. 409 with the state of the run: another answer was given, nobody has answered in
            time, or the run is over.
    """
    run = await find_workflow_run(client, workflow, instance_id)
    answer = _check(workflow, run, request_id, reply)
    if request_id in run.answers:
        return True

    async def probe() -> bool | None:
        now = await find_workflow_run(client, workflow, instance_id)
        _check(workflow, now, request_id, reply)
        return True if request_id in now.answers else None

    try:
        await client.raise_event(instance_id, request_id, answer.to_event())
    except Exception:
        # The run may have ended since; the SDK tells that by the text of its exception only.
        if await probe() is None:
            raise
        return True
    return await poll(probe, _EFFECT_SECONDS) is not None


def _check(workflow: HostedWorkflow, run: WorkflowRun, request_id: str, reply: Reply) -> HumanAnswer[Any]:
    """Return the answer, if it is the one that counts or still can be."""
    state, pending = state_of(run.status), [request.request_id for request in run.open_requests]
    members: dict[str, Any] = {"runtime_status": state, "pending_requests": pending}
    place = f"Run {run.status.instance_id!r} of workflow {workflow.name!r}"
    has_asked = fits(QUALIFIED_REQUEST_ID, request_id) and run.has_asked(request_id)
    if has_asked:
        model = workflow.responses[str(run.response_type_of(request_id))]
        value = _read_body(reply.body, model)
        counted = run.answers.get(request_id)
        if counted is not None:
            if counted.value.model_dump(mode="json") != value.model_dump(mode="json"):
                who = f" by {counted.by.reviewer!r}" if counted.by.reviewer else ""
                detail = f"{place} has another answer{who} to request {request_id!r}. That stands."
                raise ProblemError(409, "already-answered", detail, **members)
            return counted
        waiting = next((request for request in run.open_requests if request.request_id == request_id), None)
        if waiting is not None:
            _check_reviewer(waiting, reply.reviewer, owner_of(str(run.status.instance_id)))
        if over := _why_over(run, request_id, waiting):
            detail = f"{place} takes no answer to request {request_id!r} any more: {_OVER[over]}."
            raise ProblemError(409, f"request-{over}", detail, **members)
        if waiting is not None:
            return HumanAnswer(value, _answered_by(reply))
    if is_over(run.status):
        raise ProblemError(409, "run-is-over", f"{place} is over ({state}), so it takes no answers.", **members)
    if has_asked:
        # Two answers before the run waits would be one too many: only the second would reach it.
        detail = f"{place} is still at work and does not wait for the answer yet. Send it again in a moment."
        if hidden := (run.status.custom_status or {}).get("requests_not_shown"):
            detail = f"{place} waits with {hidden} requests more than it has room to show. Answer those that it shows."
        raise ProblemError(409, "not-awaited-yet", detail, **members)
    detail = f"{place} has made no request {request_id!r}. It waits for: {', '.join(pending) or 'none'}."
    raise ProblemError(404, "unknown-request", detail, **members)


def _check_reviewer(request: HumanRequest, reviewer: Reviewer, asked_for_by: str | None) -> None:
    """Let only those answer who were asked, where anybody was; who has started the run is not among them then.

    Raises:
        ProblemError: 403, the reviewer was not asked, may be somebody else, or is who has asked.
    """
    if not request.reviewers:
        return
    asked = ", ".join(request.reviewers)
    if find_person(reviewer.name, request.reviewers) is None:
        who = "nobody" if reviewer.name is None else repr(reviewer.name)
        detail = (
            f"This request is for {asked}, and the answer names {who}. Say who answers: ?reviewer=... in the address."
        )
        raise ProblemError(403, "not-a-reviewer", detail, reviewers=request.reviewers)
    check_has_not_asked(reviewer, asked_for_by)
    if reviewer.may_be_anybody:
        detail = f"This request is for {asked}. Sign in, or answer by the link that you were sent."
        raise ProblemError(403, "not-signed-in", detail, reviewers=request.reviewers)


def _why_over(run: WorkflowRun, request_id: str, waiting: HumanRequest | None) -> Unanswered | None:
    """Return why a request that has no answer takes none any more, or None if it does."""
    expires_at = None if waiting is None else waiting.expires_at
    if expires_at is not None and datetime.now(UTC) >= expires_at:
        return "expired"
    return next((why for why in _OVER if request_id in read_unanswered(run.status.custom_status, why)), None)


def _answered_by(reply: Reply) -> AnsweredBy:
    reviewer = reply.reviewer
    return AnsweredBy(
        reviewer=reviewer.name, reviewer_id=reviewer.id, verified=reviewer.verified, channel=reply.channel
    )


def _read_body(body: Any, model: type[BaseModel]) -> BaseModel:
    """Return the answer in the body of a request, as this model.

    Raises:
        ProblemError: 400, it does not have the form that was asked for.
    """
    is_object = not issubclass(model, RootModel)
    try:
        return read_answer(as_json_object(body) if is_object else body, model, forbids_extra=is_object)
    except ValidationError as error:
        raise invalid_body(error) from error


def _bare(request_id: str) -> str:
    """Return the id of a request without the way to it."""
    return request_id.rpartition("~")[2]


def _requests_in(step: Step) -> list[tuple[str, Asked]]:
    """Return each request that an executor has made in this step, with its id.

    An id that may not go into a URL is left out; the run has failed with it.
    """
    result = _read_json(step.output) if step.kind == "activity" else None
    made = result.get("pending_request_info_events", ()) if isinstance(result, dict) else ()
    return [
        (one["request_id"], Asked(one.get("request_type"), one["response_type"]))
        for one in made
        if fits(HUMAN_REQUEST_ID, one["request_id"])
    ]


def _answers_in(
    steps: Sequence[Step], asked: Mapping[str, Asked], workflow: HostedWorkflow, unanswered: Sequence[str]
) -> dict[str, HumanAnswer[Any]]:
    """Return the answers among the events of a run, by the ids of their requests, as the run itself reads them."""
    answers: dict[str, HumanAnswer[Any]] = {}
    for step in steps:
        request = asked.get(_bare(step.name)) if step.kind == "event" and step.name not in unanswered else None
        model = None if request is None else workflow.responses.get(str(request.response_type))
        if request is None or model is None or step.name in answers:
            continue
        reviewers = workflow.policies.of(request.request_type).reviewers
        try:
            answers[step.name] = read_human_answer(_read_json(step.output), model, reviewers)
        except IgnoredAnswerError:
            continue
    return answers


def _read_json(value: Any) -> Any:
    """Return the value in JSON text, which may be JSON text again: the SDK encodes payloads and results twice."""
    while isinstance(value, str):
        try:
            value = json.loads(value)
        except json.JSONDecodeError:
            return value
    return value
