"""`POST /runs/{instance_id}/events/{name}` raises an event that a run has declared to wait for."""

import json
from typing import Any

import azure.durable_functions as df
import azure.functions as func

from durable_agents.http.contracts import Contract
from durable_agents.http.problems import ProblemError
from durable_agents.http.requests import json_response, link, read_json_value
from durable_agents.http.routing import Router, register_route
from durable_agents.ids import is_event_name
from durable_agents.orchestration.registry import OrchestrationRegistry
from durable_agents.runs.decisions import Submission, decide, read_decision_body
from durable_agents.runs.reviewers import read_reviewer
from durable_agents.runs.run_models import EventAccepted, EventPayload
from durable_agents.runs.status import describe_run, find_run, is_over


def register(router: Router, orchestrations: OrchestrationRegistry, *, trusts_app_service: bool) -> None:
    """Register the route of events."""
    register_route(
        router,
        "POST",
        "runs/{instance_id}/events/{name}",
        raise_run_event,
        contract=Contract({202: (EventAccepted,)}, bodies=(EventPayload,), body_required=False, problems=(403, 409)),
        orchestrations=orchestrations,
        trusts_app_service=trusts_app_service,
    )


async def raise_run_event(
    req: func.HttpRequest,
    client: df.DurableOrchestrationClient,
    *,
    orchestrations: OrchestrationRegistry,
    trusts_app_service: bool,
) -> func.HttpResponse:
    """Raise the event if the run waits for it now; the event of an approval is checked as any decision is."""
    instance_id, name = req.route_params["instance_id"], req.route_params["name"]
    waiting_for = await _find_wait(client, orchestrations, instance_id, name)
    if waiting_for.get("kind") == "approval":
        body = read_decision_body(req)
        if body.request_id != waiting_for.get("request_id"):
            detail = f"The decision names another request than event {name!r} is for. Decide on the one in waiting_for."
            raise ProblemError(409, "other-draft-pending", detail, waiting_for=waiting_for)
        reviewer = read_reviewer(req, body.reviewer, trusts_app_service=trusts_app_service)
        await decide(client, orchestrations, instance_id, Submission(body, reviewer, "event"))
    else:
        await _raise_event(client, orchestrations, instance_id, name, read_json_value(req) if req.get_body() else None)
    location = link(req, "runs", instance_id)
    accepted = {"instance_id": instance_id, "event_name": name, "status": "accepted", "links": {"self": location}}
    return json_response(accepted, 202, {"Location": location, "Retry-After": "1"})


async def _raise_event(
    client: df.DurableOrchestrationClient,
    orchestrations: OrchestrationRegistry,
    instance_id: str,
    name: str,
    payload: Any,
) -> None:
    try:
        await client.raise_event(instance_id, name, payload)
    except Exception:
        # The run may have ended since; the SDK tells that by the text of its exception only.
        await _find_wait(client, orchestrations, instance_id, name)
        raise


async def _find_wait(
    client: df.DurableOrchestrationClient, orchestrations: OrchestrationRegistry, instance_id: str, name: str
) -> dict[str, Any]:
    """Return what the run says in its custom status about the wait for this event.

    Raises:
        ProblemError: 400 for a name that no event has; 404 if there is no such run; 409 if it is over, or does not
            wait for this event now.
    """
    if not is_event_name(name):
        detail = f"The event name {json.dumps(name)} is not possible. Use the one in waiting_for.event_name of the run."
        raise ProblemError(400, "invalid-event-name", detail)
    status = await find_run(client, orchestrations, instance_id)
    run = describe_run(status)
    state, waiting_for = run["runtime_status"], run["waiting_for"]
    if is_over(status):
        detail = f"Run {instance_id!r} is over ({state}), so it takes no events."
        raise ProblemError(409, "run-is-over", detail, runtime_status=state)
    if not isinstance(waiting_for, dict) or waiting_for.get("event_name") != name:
        detail = f"Run {instance_id!r} ({state}) does not wait for event {name!r} now; waiting_for says for which."
        raise ProblemError(409, "event-not-awaited", detail, runtime_status=state, waiting_for=waiting_for)
    return waiting_for
