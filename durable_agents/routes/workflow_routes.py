"""`/workflow`: run a graph workflow, tell how a run is, answer what it asks humans.

Paths, members and successful answers are those of the routes that the framework would generate.
"""

from functools import partial
from typing import Annotated, Any

import azure.durable_functions as df
import azure.functions as func
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus
from pydantic import Field, TypeAdapter, ValidationError

from durable_agents.http.contracts import IDEMPOTENCY, Contract, Parameter
from durable_agents.http.problems import ProblemError, invalid_parameter
from durable_agents.http.query import read_whole_number
from durable_agents.http.requests import json_response, link, read_idempotency_key, read_json_object
from durable_agents.http.routing import Router, register_route
from durable_agents.ids import WORKFLOW_RUN_ID, is_workflow_run_id
from durable_agents.orchestration.human_requests import read_human_requests
from durable_agents.polling import poll
from durable_agents.routes.agent_requests import WAIT_HEADER, Flag
from durable_agents.runs.starts import RunStarts, instance_id_for, new_instance_id, stored_input_for
from durable_agents.runs.status import describe_run, is_over
from durable_agents.workflows.human_answers import WorkflowRun, find_workflow_run, respond
from durable_agents.workflows.workflow_models import (
    PendingHumanInput,
    ResponseDelivered,
    WorkflowAccepted,
    WorkflowCustomStatus,
    WorkflowEnded,
    WorkflowStatus,
)
from durable_agents.workflows.workflow_registry import HostedWorkflow, WorkflowRegistry

_WAIT_SECONDS = 10
_LONGEST_WAIT_SECONDS = 200
_POLL_SECONDS = "1"
_PARAMETERS = (
    Parameter(
        "runId",
        Annotated[str, Field(pattern=f"^{WORKFLOW_RUN_ID.pattern}$")],
        "The id of the run; 409 if it is taken. Left out, the run gets one.",
    ),
    Parameter("waitForResponse", Flag, "Whether to wait for the end, or for the first request to a human."),
    Parameter("timeoutSeconds", Annotated[int, Field(ge=1, le=_LONGEST_WAIT_SECONDS)], "How long to wait; 10."),
    Parameter(WAIT_HEADER, Flag, "The same as `waitForResponse`, before it.", "header"),
    IDEMPOTENCY,
)


def register(router: Router, workflows: WorkflowRegistry) -> None:
    """Register the routes of workflows."""
    runs = {workflow.name: _run_contract(workflow) for workflow in workflows}
    statuses = {workflow.name: Contract({200: (WorkflowStatus,)}) for workflow in workflows}
    responses = {workflow.name: _respond_contract(workflow) for workflow in workflows if workflow.responses}
    running: dict[str, Any] = {"workflows": workflows, "starts": RunStarts()}
    register_route(router, "POST", "workflow/{workflow}/run", run_workflow, contract=runs, **running)
    status, answer = "status/{instance_id}", "respond/{instance_id}/{human_request_id}"
    register_route(
        router, "GET", f"workflow/{{workflow}}/{status}", get_workflow_status, contract=statuses, workflows=workflows
    )
    register_route(
        router, "POST", f"workflow/{{workflow}}/{answer}", respond_to_workflow, contract=responses, workflows=workflows
    )


async def run_workflow(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, *, workflows: WorkflowRegistry, starts: RunStarts
) -> func.HttpResponse:
    """Start a run of a workflow, and wait for its end if that is asked for.

    With a `runId` the caller names the run. With an `Idempotency-Key`, a repeat returns the run of the first time.
    """
    workflow = workflows.find(req.route_params["workflow"])
    key, run_id, wait = read_idempotency_key(req), _read_run_id(req), _read_wait_seconds(req)
    if key is not None and run_id is not None:
        detail = "Both runId and Idempotency-Key name the run. Give one: a repeat with the runId is 409."
        raise ProblemError(400, "conflicting-run-ids", detail)
    name, stored_input = workflow.orchestration.name, stored_input_for(workflow.orchestration, read_json_object(req))
    if key is not None:
        instance_id = instance_id_for(name, key)
        await starts.start_once(client, name, instance_id, stored_input)
    else:
        instance_id = run_id or new_instance_id(name)
        await starts.start_new(client, name, instance_id, stored_input)
    status = await poll(partial(_find_rest, client, instance_id), wait) if wait else None
    if status is not None and is_over(status):
        return json_response(_describe_end(status))
    return _accept(req, workflow, instance_id)


async def get_workflow_status(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, *, workflows: WorkflowRegistry
) -> func.HttpResponse:
    """Tell how a run is, what it asks humans, and what came out of it."""
    workflow = workflows.find(req.route_params["workflow"])
    run = await find_workflow_run(client, workflow, req.route_params["instance_id"])
    return json_response(_describe(req, workflow, run))


async def respond_to_workflow(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, *, workflows: WorkflowRegistry
) -> func.HttpResponse:
    """Answer a request of a run: 200 once the run has the answer, 202 while that does not show yet.

    The same answer again is answered in the same way, another one is 409.
    """
    workflow = workflows.find(req.route_params["workflow"])
    instance_id, request_id = req.route_params["instance_id"], req.route_params["human_request_id"]
    has_arrived = await respond(client, workflow, instance_id, request_id, read_json_object(req))
    message = "Response delivered successfully" if has_arrived else "Response accepted"
    delivered = ResponseDelivered(message=message, instance_id=instance_id, request_id=request_id)
    if has_arrived:
        return json_response(delivered.model_dump(by_alias=True))
    headers = {"Location": _status_url(req, workflow, instance_id), "Retry-After": _POLL_SECONDS}
    return json_response(delivered.model_dump(by_alias=True), 202, headers)


async def _find_rest(client: df.DurableOrchestrationClient, instance_id: str) -> DurableOrchestrationStatus | None:
    """Return the status of a run that is over or waits for a human: nothing will change by waiting for it."""
    status = await client.get_status(instance_id)
    return status if status and (is_over(status) or read_human_requests(status.custom_status)) else None


def _accept(req: func.HttpRequest, workflow: HostedWorkflow, instance_id: str) -> func.HttpResponse:
    location = _status_url(req, workflow, instance_id)
    accepted = WorkflowAccepted(
        instance_id=instance_id,
        status_query_get_uri=location,
        respond_uri=f"{link(req, 'workflow', workflow.name, 'respond', instance_id)}/{{requestId}}",
        message="Workflow started",
        links={"run": link(req, "runs", instance_id)},
    )
    headers = {"Location": location, "Retry-After": _POLL_SECONDS}
    return json_response(accepted.model_dump(by_alias=True), 202, headers)


def _describe_end(status: DurableOrchestrationStatus) -> dict[str, Any]:
    run = describe_run(status)
    ended = WorkflowEnded(
        instance_id=run.instance_id, runtime_status=str(run.runtime_status), output=run.output, error=run.error
    )
    return ended.model_dump(mode="json", by_alias=True, exclude={"error"} if run.error is None else None)


def _describe(req: func.HttpRequest, workflow: HostedWorkflow, run: WorkflowRun) -> dict[str, Any]:
    shown = describe_run(run.status)
    open_requests = [] if is_over(run.status) else read_human_requests(run.status.custom_status)
    respond_url = link(req, "workflow", workflow.name, "respond", shown.instance_id)
    stage, pending = shown.stage, {request.request_id: request for request in open_requests}
    status = WorkflowStatus(
        instance_id=shown.instance_id,
        runtime_status=shown.runtime_status,
        custom_status=None if stage is None else WorkflowCustomStatus(state=stage, pending_requests=pending),
        output=shown.output,
        error=shown.error,
        created_time=shown.created_at,
        last_updated_time=shown.last_updated_at,
        pending_human_input_requests=[
            PendingHumanInput(
                request_id=request.request_id,
                source_executor=request.source_executor_id,
                request_data=request.data,
                request_type=request.request_type,
                response_type=request.response_type,
                respond_url=f"{respond_url}/{request.request_id}",
            )
            for request in open_requests
        ],
    )
    left_out = None if open_requests else {"pending_human_input_requests"}
    return status.model_dump(mode="json", by_alias=True, exclude=left_out)


def _status_url(req: func.HttpRequest, workflow: HostedWorkflow, instance_id: str) -> str:
    return link(req, "workflow", workflow.name, "status", instance_id)


def _read_run_id(req: func.HttpRequest) -> str | None:
    run_id: str | None = req.params.get("runId")
    if run_id is None or is_workflow_run_id(run_id):
        return run_id
    raise invalid_parameter("runId", run_id, "1 to 100 letters, digits, '_', '-', and '.' but not first")


def _read_wait_seconds(req: func.HttpRequest) -> int:
    """Return how long the caller wants to wait, 0 for not at all."""
    seconds = read_whole_number(req, "timeoutSeconds", default=_WAIT_SECONDS, least=1, most=_LONGEST_WAIT_SECONDS)
    places = {WAIT_HEADER: req.headers.get(WAIT_HEADER), "waitForResponse": req.params.get("waitForResponse")}
    wishes = [_read_flag(place, text) for place, text in places.items() if text is not None]
    return seconds if wishes and wishes[0] else 0


def _read_flag(place: str, text: str) -> bool:
    try:
        return TypeAdapter[bool](Flag).validate_python(text)
    except ValidationError as error:
        raise invalid_parameter(place, text, "true or false") from error


def _run_contract(workflow: HostedWorkflow) -> Contract:
    return Contract(
        {200: (WorkflowEnded,), 202: (WorkflowAccepted,)},
        bodies=(workflow.orchestration.input_model,),
        parameters=_PARAMETERS,
        problems=(409, 422),
    )


def _respond_contract(workflow: HostedWorkflow) -> Contract:
    answers = {200: (ResponseDelivered,), 202: (ResponseDelivered,)}
    return Contract(answers, bodies=tuple(workflow.responses.values()), problems=(409,))
