"""`POST /runs/{orchestration}` starts a run; `GET /runs/{instance_id}` tells how it is."""

import azure.durable_functions as df
import azure.functions as func
from agent_framework_azurefunctions import AgentFunctionApp

from hosting.problems import ProblemError
from hosting.registration import Orchestration, OrchestrationTable, register_route
from hosting.requests import json_response, link, read_idempotency_key, read_json_object
from hosting.run_starts import RunStarts, instance_id_for, new_instance_id, stored_input_for
from hosting.run_status import describe_run, find_run

_POLL_SECONDS = "1"


def register(app: AgentFunctionApp, orchestrations: OrchestrationTable) -> None:
    """Register the routes of runs."""
    register_route(app, "POST", "runs/{orchestration}", start_run, orchestrations=orchestrations, starts=RunStarts())
    register_route(app, "GET", "runs/{instance_id}", get_run_status, orchestrations=orchestrations)


async def start_run(
    req: func.HttpRequest,
    client: df.DurableOrchestrationClient,
    *,
    orchestrations: OrchestrationTable,
    starts: RunStarts,
) -> func.HttpResponse:
    """Start a run of an orchestration; with an `Idempotency-Key`, a repeat returns the run of the first time."""
    orchestration = _find_orchestration(orchestrations, req.route_params["orchestration"])
    key = read_idempotency_key(req)
    stored_input = stored_input_for(orchestration, read_json_object(req))
    if key is None:
        instance_id = new_instance_id(orchestration.name)
        await client.start_new(orchestration.name, instance_id, stored_input)
    else:
        instance_id = instance_id_for(orchestration.name, key)
        await starts.start_once(client, orchestration.name, instance_id, stored_input)
    location = link(req, "runs", instance_id)
    accepted = {
        "instance_id": instance_id,
        "orchestration": orchestration.name,
        "status": "accepted",
        "links": {"self": location},
    }
    return json_response(accepted, 202, {"Location": location, "Retry-After": _POLL_SECONDS})


async def get_run_status(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, *, orchestrations: OrchestrationTable
) -> func.HttpResponse:
    """Tell how a run is: what it waits for, or what came out of it."""
    status = await find_run(client, orchestrations, req.route_params["instance_id"])
    run = describe_run(status)
    links = {"self": link(req, "runs", run["instance_id"])}
    if run["waiting_for"] is not None:
        links["approval"] = link(req, "approval", run["instance_id"])
    return json_response({**run, "links": links})


def _find_orchestration(orchestrations: OrchestrationTable, name: str) -> Orchestration:
    orchestration = orchestrations.find(name)
    if orchestration is None:
        known = orchestrations.names
        detail = f"There is no orchestration {name!r}. Known: {', '.join(known)}."
        raise ProblemError(404, "unknown-orchestration", detail, known=known)
    return orchestration
