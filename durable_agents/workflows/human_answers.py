"""The one check that every answer to a request of a workflow goes through, and the truth about what came of it.

What was asked and answered is read from the history of the run. Its custom status shows only what is open, and its
events include some that answer no request, such as the responses of agents.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import azure.durable_functions as df
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus
from pydantic import BaseModel, RootModel, ValidationError

from durable_agents.http.problems import ProblemError, invalid_body
from durable_agents.http.requests import as_json_object, read_model
from durable_agents.ids import HUMAN_REQUEST_ID, INSTANCE_ID, fits
from durable_agents.orchestration.human_requests import read_human_answer, read_human_requests
from durable_agents.polling import poll
from durable_agents.runs.history import Step, read_steps
from durable_agents.runs.status import is_over, state_of
from durable_agents.workflows.workflow_registry import HostedWorkflow

_EFFECT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class WorkflowRun:
    """A run of a workflow, with its history.

    Attributes:
        status: The status of its instance.
        asked: The requests it has ever made: the type of the answer each wants, as `module:class`, by id.
        answers: The answers it has, by the id of the request; of those that are one, the first counts.
    """

    status: DurableOrchestrationStatus
    asked: Mapping[str, str | None]
    answers: Mapping[str, Any]


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
            return WorkflowRun(status, asked, _answers_in(steps, asked, workflow.responses))
        if status:
            detail = f"The run {instance_id!r} is not one of workflow {workflow.name!r}, but of {str(status.name)!r}."
            raise ProblemError(404, "unknown-run", detail)
    detail = f"Workflow {workflow.name!r} has no run {instance_id!r}. Check the instanceId that its start returned."
    raise ProblemError(404, "unknown-run", detail)


async def respond(
    client: df.DurableOrchestrationClient,
    workflow: HostedWorkflow,
    instance_id: str,
    request_id: str,
    body: Any,
) -> bool:
    """Pass the answer to the run, and say whether it has it: False if that does not show within five seconds.

    The same answer again changes nothing and is answered like the first one, also when the run has ended.

    Raises:
        ProblemError: 404, there is no such run or request. 400, the answer does not have the form that was asked for.
            409 with the state of the run: another answer was given, or the run is over.
    """
    run = await find_workflow_run(client, workflow, instance_id)
    answer = _check(workflow, run, request_id, body)
    if request_id in run.answers:
        return True

    async def probe() -> bool | None:
        now = await find_workflow_run(client, workflow, instance_id)
        _check(workflow, now, request_id, body)
        return True if request_id in now.answers else None

    try:
        await client.raise_event(instance_id, request_id, answer)
    except Exception:
        # The run may have ended since; the SDK tells that by the text of its exception only.
        if await probe() is None:
            raise
        return True
    return await poll(probe, _EFFECT_SECONDS) is not None


def _check(workflow: HostedWorkflow, run: WorkflowRun, request_id: str, body: Any) -> Any:
    """Return the answer as it travels in the event, if it is the one that counts or still can be."""
    state = state_of(run.status)
    pending = [request.request_id for request in read_human_requests(run.status.custom_status)]
    members: dict[str, Any] = {"runtime_status": state, "pending_requests": [] if is_over(run.status) else pending}
    place = f"Run {run.status.instance_id!r} of workflow {workflow.name!r}"
    if request_id in run.asked:
        model = workflow.responses[str(run.asked[request_id])]
        answer = _read_body(body, model).model_dump(mode="json")
        if run.answers.get(request_id, answer) != answer:
            detail = f"{place} has another answer to request {request_id!r}. That stands."
            raise ProblemError(409, "already-answered", detail, **members)
        if request_id in run.answers or request_id in members["pending_requests"]:
            return answer
    if is_over(run.status):
        raise ProblemError(409, "run-is-over", f"{place} is over ({state}), so it takes no answers.", **members)
    if request_id in run.asked:
        # Two answers before the run waits would be one too many: only the second would reach it.
        detail = f"{place} is still at work and does not wait for the answer yet. Send it again in a moment."
        raise ProblemError(409, "not-awaited-yet", detail, **members)
    detail = f"{place} has made no request {request_id!r}. It waits for: {', '.join(pending) or 'none'}."
    raise ProblemError(404, "unknown-request", detail, **members)


def _read_body(body: Any, model: type[BaseModel]) -> BaseModel:
    """Return the answer in the body of a request, as this model.

    Raises:
        ProblemError: 400, it does not have the form that was asked for.
    """
    if not issubclass(model, RootModel):
        return read_model(as_json_object(body), model)
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise invalid_body(error) from error


def _requests_in(step: Step) -> list[tuple[str, str | None]]:
    """Return id and type of answer of each request that an executor has made in this step.

    An id that may not go into a URL is left out; the run has failed with it.
    """
    result = _read_json(step.output) if step.kind == "activity" else None
    made = result.get("pending_request_info_events", ()) if isinstance(result, dict) else ()
    return [(one["request_id"], one["response_type"]) for one in made if fits(HUMAN_REQUEST_ID, one["request_id"])]


def _answers_in(
    steps: Sequence[Step], asked: Mapping[str, str | None], models: Mapping[str, type[BaseModel]]
) -> dict[str, Any]:
    """Return the answers among the events of a run, by the ids of their requests, as the run itself reads them."""
    answers: dict[str, Any] = {}
    for step in steps:
        model = models.get(str(asked.get(step.name))) if step.kind == "event" else None
        answer = None if model is None else read_human_answer(_read_json(step.output), model)
        if answer is not None:
            answers.setdefault(step.name, answer.model_dump(mode="json"))
    return answers


def _read_json(value: Any) -> Any:
    """Return the value in JSON text, which may be JSON text again: the SDK encodes payloads and results twice."""
    while isinstance(value, str):
        try:
            value = json.loads(value)
        except json.JSONDecodeError:
            return value
    return value
