"""`/runs`: start a run, list runs, tell how one is and what it has done."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import azure.durable_functions as df
import azure.functions as func
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus
from pydantic import Field

from durable_agents.activities.deliver_webhook import is_allowed_url
from durable_agents.http.contracts import IDEMPOTENCY, PAGE_TOKEN, Contract, Parameter, page_size
from durable_agents.http.problems import ProblemError, invalid_parameter
from durable_agents.http.query import read_time, read_whole_number, read_words
from durable_agents.http.requests import json_response, link, read_idempotency_key, read_json_object
from durable_agents.http.routing import Router, register_route
from durable_agents.orchestration.registry import Orchestration, OrchestrationRegistry
from durable_agents.runs.control import wait_for_state
from durable_agents.runs.history import Step, read_steps
from durable_agents.runs.listing import RunQuery, open_token, query_runs, seal_token
from durable_agents.runs.run_models import Run, RunAccepted, RunHistory, RunPage, start_body_of
from durable_agents.runs.run_view import view_run
from durable_agents.runs.starts import RunStarts, instance_id_for, new_instance_id, stored_input_for
from durable_agents.runs.status import describe_run, find_run, is_over, state_of
from durable_agents.seal import Seal
from durable_agents.settings.runs import CompletionWebhookSettings

_POLL_SECONDS = "1"
# Azure's load balancer drops an HTTP request that has not been answered after 230 seconds.
_LONGEST_WAIT_SECONDS = 230
_PAGE = 50
_LARGEST_PAGE = 200
_STATUSES = ("Pending", "Running", "Suspended", "Completed", "Failed", "Terminated")
_NOT_LISTED = {"input", "output"}
_OUTPUT_CHARACTERS = 2_000
_OUTPUTS = Parameter("outputs", Annotated[int, Field(ge=0, le=1)], "1 to show what came out of each step.")
_START_PARAMETERS = (
    Parameter("wait", Annotated[int, Field(ge=0, le=_LONGEST_WAIT_SECONDS)], "How many seconds to wait for the end."),
    Parameter("webhook", str, "The URL to tell when the run has ended; it must be one of those that are allowed."),
    IDEMPOTENCY,
)


def register(
    router: Router,
    orchestrations: OrchestrationRegistry,
    agents: Mapping[str, str],
    webhooks: CompletionWebhookSettings,
    seal: Seal,
) -> None:
    """Register the routes of runs; `webhooks` says whom a run may tell that it has ended, `seal` marks page tokens."""
    one = "runs/{instance_id}"
    dependencies: dict[str, Any] = {"orchestrations": orchestrations, "agents": agents}
    starting = {**dependencies, "starts": RunStarts(), "webhooks": webhooks}
    starts = {orchestration.name: _start_contract(orchestration) for orchestration in orchestrations.startable}
    register_route(router, "POST", "runs/{orchestration}", start_run, contract=starts, **starting)
    listing = Contract({200: (RunPage,)}, parameters=_list_parameters(orchestrations))
    register_route(router, "GET", "runs", list_runs, contract=listing, orchestrations=orchestrations, seal=seal)
    register_route(
        router, "GET", one, get_run_status, contract=Contract({200: (Run,)}, problems=(409,)), **dependencies
    )
    history = Contract({200: (RunHistory,)}, parameters=(_OUTPUTS,), problems=(409,))
    register_route(router, "GET", f"{one}/history", get_run_history, contract=history, **dependencies)


async def start_run(
    req: func.HttpRequest,
    client: df.DurableOrchestrationClient,
    *,
    orchestrations: OrchestrationRegistry,
    agents: Mapping[str, str],
    starts: RunStarts,
    webhooks: CompletionWebhookSettings,
) -> func.HttpResponse:
    """Start a run of an orchestration; with an `Idempotency-Key`, a repeat returns the run of the first time.

    With `wait`, answer with the run once it is over, if that is within so many seconds.
    """
    orchestration = _find_orchestration(orchestrations, req.route_params["orchestration"])
    key = read_idempotency_key(req)
    wait = read_whole_number(req, "wait", default=0, least=0, most=_LONGEST_WAIT_SECONDS)
    stored_input = stored_input_for(orchestration, read_json_object(req), _read_webhook(req, webhooks))
    if key is None:
        instance_id = new_instance_id(orchestration.name)
        await client.start_new(orchestration.name, instance_id, stored_input)
    else:
        instance_id = instance_id_for(orchestration.name, key)
        await starts.start_once(client, orchestration.name, instance_id, stored_input)
    ended = await wait_for_state(client, orchestrations, instance_id, is_over, wait) if wait else None
    if ended is not None:
        return json_response(await view_run(req, client, ended, agents))
    location = link(req, "runs", instance_id)
    accepted = {
        "instance_id": instance_id,
        "orchestration": orchestration.name,
        "status": "accepted",
        "links": {"self": location},
    }
    return json_response(accepted, 202, {"Location": location, "Retry-After": _POLL_SECONDS})


async def list_runs(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, *, orchestrations: OrchestrationRegistry, seal: Seal
) -> func.HttpResponse:
    """List runs in the order of the task hub, without inputs and outputs: `limit` at a time, then by `page_token`."""
    query = _read_query(req, orchestrations)
    limit = read_whole_number(req, "limit", default=_PAGE, least=1, most=_LARGEST_PAGE)
    page = await query_runs(client, orchestrations, query, limit, _read_page_token(req, query, seal))
    next_token = None if page.next_token is None else seal_token(page.next_token, query, seal)
    return json_response({"runs": [_list_entry(req, run) for run in page.runs], "next_page_token": next_token})


async def get_run_status(
    req: func.HttpRequest,
    client: df.DurableOrchestrationClient,
    *,
    orchestrations: OrchestrationRegistry,
    agents: Mapping[str, str],
) -> func.HttpResponse:
    """Tell how a run is: what it waits for, what came out of it, or which step failed and why."""
    status = await find_run(client, orchestrations, req.route_params["instance_id"])
    return json_response(await view_run(req, client, status, agents))


async def get_run_history(
    req: func.HttpRequest,
    client: df.DurableOrchestrationClient,
    *,
    orchestrations: OrchestrationRegistry,
    agents: Mapping[str, str],
) -> func.HttpResponse:
    """Tell the steps of a run in the order in which they began, with their outputs if `outputs` is 1."""
    shows_outputs = read_whole_number(req, "outputs", default=0, least=0, most=1) == 1
    instance_id = str((await find_run(client, orchestrations, req.route_params["instance_id"])).instance_id)
    # Read together with its history, so that they fit each other; a run can be removed between the two.
    status = await client.get_status(instance_id, show_history=True, show_history_output=True)
    if not status:
        status = await find_run(client, orchestrations, instance_id)
    steps = read_steps(status, agents)
    history = {
        "instance_id": instance_id,
        "orchestration": status.name,
        "runtime_status": state_of(status),
        "steps": [_describe_step(step, shows_outputs) for step in steps],
        "usage": _add_usage(steps),
        "links": {"self": link(req, "runs", instance_id, "history"), "run": link(req, "runs", instance_id)},
    }
    return json_response(history)


def _read_webhook(req: func.HttpRequest, webhooks: CompletionWebhookSettings) -> str | None:
    url: str | None = req.params.get("webhook")
    if url is None or is_allowed_url(url, webhooks.url_prefixes):
        return url
    raise invalid_parameter(
        "webhook", url, "a URL that begins with one of those in the setting COMPLETION_WEBHOOK_URLS"
    )


def _read_query(req: func.HttpRequest, orchestrations: OrchestrationRegistry) -> RunQuery:
    name = req.params.get("orchestration")
    orchestration = None if name is None else orchestrations.find(name)
    if name is not None and orchestration is None:
        raise invalid_parameter("orchestration", name, f"one of {', '.join(orchestrations.names)}")
    return RunQuery(
        orchestration=None if orchestration is None else orchestration.name,
        statuses=read_words(req, "status", _STATUSES),
        created_from=read_time(req, "created_from"),
        created_to=read_time(req, "created_to"),
        has_any_id=orchestration is not None and orchestration.has_any_id,
    )


def _read_page_token(req: func.HttpRequest, query: RunQuery, seal: Seal) -> str | None:
    text = req.params.get("page_token")
    if not text:
        return None
    token = open_token(text, query, seal)
    if token is None:
        raise invalid_parameter("page_token", text, "the next_page_token of the page before, with the same filters")
    return token


def _list_entry(req: func.HttpRequest, status: DurableOrchestrationStatus) -> dict[str, Any]:
    run = {name: value for name, value in describe_run(status).items() if name not in _NOT_LISTED}
    return {**run, "links": {"self": link(req, "runs", run["instance_id"])}}


def _describe_step(step: Step, shows_output: bool) -> dict[str, Any]:
    """Return the step as plain JSON; a long output becomes the beginning of its JSON text."""
    described = step.to_json()
    if shows_output:
        text = json.dumps(step.output)
        is_long = len(text) > _OUTPUT_CHARACTERS
        described |= {"output": text[:_OUTPUT_CHARACTERS] if is_long else step.output, "output_truncated": is_long}
    return described


def _add_usage(steps: list[Step]) -> dict[str, int]:
    total: dict[str, int] = {}
    for step in steps:
        for name, count in step.usage.items():
            total[name] = total.get(name, 0) + count
    return total


def _start_contract(orchestration: Orchestration) -> Contract:
    body = start_body_of(orchestration)
    return Contract({200: (Run,), 202: (RunAccepted,)}, bodies=(body,), parameters=_START_PARAMETERS, problems=(422,))


def _list_parameters(orchestrations: OrchestrationRegistry) -> tuple[Parameter, ...]:
    return (
        Parameter("orchestration", Literal[tuple(orchestrations.names)], "Only runs of this orchestration."),
        Parameter("status", str, f"Only runs in one of these states, separated by commas: {', '.join(_STATUSES)}."),
        Parameter("created_from", datetime, "Only runs that were started then or later."),
        Parameter("created_to", datetime, "Only runs that were started then or before."),
        page_size(_PAGE, _LARGEST_PAGE),
        PAGE_TOKEN,
    )


def _find_orchestration(orchestrations: OrchestrationRegistry, name: str) -> Orchestration:
    orchestration = orchestrations.find(name)
    if orchestration is None or orchestration.is_internal:
        known = [orchestration.name for orchestration in orchestrations.startable]
        detail = f"There is no orchestration {name!r} to start. Known: {', '.join(known)}."
        raise ProblemError(404, "unknown-orchestration", detail, known=known)
    return orchestration
