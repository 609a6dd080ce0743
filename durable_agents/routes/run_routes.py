"""`/runs`: start a run, list runs, tell how one is and what it has done."""

from datetime import datetime
from typing import Annotated, Literal

import azure.durable_functions as df
import azure.functions as func
from pydantic import Field

from durable_agents.activities.deliver_webhook import is_allowed_url
from durable_agents.http.access import Access
from durable_agents.http.contracts import IDEMPOTENCY, PAGING, Contract, Parameter
from durable_agents.http.problems import ProblemError, invalid_parameter
from durable_agents.http.query import read_limit, read_page_token, read_time, read_whole_number, read_words
from durable_agents.http.requests import (
    MAX_BODY_BYTES,
    MAX_INPUT_BYTES,
    accepted,
    json_response,
    read_idempotency_key,
)
from durable_agents.http.routing import Router
from durable_agents.orchestration.registry import Orchestration, OrchestrationRegistry
from durable_agents.owners import owned
from durable_agents.runs.control import wait_for_state
from durable_agents.runs.history import read_steps
from durable_agents.runs.listing import PageTokens, RunQuery, query_runs
from durable_agents.runs.run_models import Run, RunAccepted, RunHistory, RunPage
from durable_agents.runs.run_view import RunView
from durable_agents.runs.start_bodies import read_start_body, start_bodies_of
from durable_agents.runs.starts import RunStarts, instance_id_for, new_instance_id, stored_input_for
from durable_agents.runs.status import find_run, is_over, state_of
from durable_agents.sessions.conversation import add_usage
from durable_agents.settings.groups import CompletionWebhookSettings

# Azure's load balancer drops an HTTP request that has not been answered after 230 seconds.
_LONGEST_WAIT_SECONDS = 230
_STATUSES = ("Pending", "Running", "Suspended", "Completed", "Failed", "Terminated")
_OUTPUTS = Parameter("outputs", Annotated[int, Field(ge=0, le=1)], "1 to show what came out of each step.")
_START_PARAMETERS = (
    Parameter("wait", Annotated[int, Field(ge=0, le=_LONGEST_WAIT_SECONDS)], "How many seconds to wait for the end."),
    Parameter("webhook", str, "The URL to tell when the run has ended; it must be one of those that are allowed."),
    IDEMPOTENCY,
)


class RunRoutes:
    """Starts, lists and shows runs; `webhooks` says whom a run may tell that it has ended."""

    def __init__(
        self,
        orchestrations: OrchestrationRegistry,
        access: Access,
        view: RunView,
        tokens: PageTokens,
        webhooks: CompletionWebhookSettings,
    ) -> None:
        self._access = access
        self._orchestrations = orchestrations
        self._view = view
        self._tokens = tokens
        self._webhooks = webhooks
        self._starts = RunStarts(view.claims)

    def register(self, router: Router) -> None:
        """Register the routes."""
        one = "runs/{instance_id}"
        router.add("POST", "runs/{orchestration}", self.start_run, contract=self._start_contracts)
        router.add("GET", "runs", self.list_runs, contract=self._list_contract)
        router.add("GET", one, self.get_run_status, contract=Contract({200: (Run,)}, problems=(409,)))
        history = Contract({200: (RunHistory,)}, parameters=(_OUTPUTS,), problems=(409,))
        router.add("GET", f"{one}/history", self.get_run_history, contract=history)

    async def start_run(self, req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
        """Start a run of an orchestration; with an `Idempotency-Key`, a repeat returns the run of the first time.

        With `wait`, answer with the run once it is over, if that is within so many seconds.
        """
        orchestration = self._find_orchestration(req.route_params["orchestration"])
        key = read_idempotency_key(req)
        wait = read_whole_number(req, "wait", default=0, least=0, most=_LONGEST_WAIT_SECONDS)
        can_be_kept = self._view.claims.is_reader("orchestration", orchestration.name)
        body = read_start_body(req, orchestration, MAX_INPUT_BYTES if can_be_kept else MAX_BODY_BYTES)
        stored_input = stored_input_for(orchestration, body, self._read_webhook(req))
        owner = self._access.owner(req)
        if key is None:
            instance_id = owned(new_instance_id(orchestration.name), owner)
            await self._starts.start(client, orchestration.name, instance_id, stored_input)
        else:
            instance_id = owned(instance_id_for(orchestration.name, key), owner)
            as_sent = orchestration.stores_as_sent
            await self._starts.start_once(client, orchestration.name, instance_id, stored_input, as_sent=as_sent)
        ended = await wait_for_state(client, self._orchestrations, instance_id, is_over, wait) if wait else None
        if ended is not None:
            return json_response(await self._view.show(req, client, ended))
        links = {"self": self._view.links.to(req, "runs", instance_id)}
        run = RunAccepted(instance_id=instance_id, orchestration=orchestration.name, status="accepted", links=links)
        return accepted(run, links["self"])

    async def list_runs(self, req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
        """List runs in the order of the task hub, without inputs and outputs: `limit` at a time, then by `page_token`.

        A page may have fewer runs, or none, although there is a next one.
        """
        query = self._read_query(req)
        limit = read_limit(req)
        token = read_page_token(req, lambda text: self._tokens.decode(text, query))
        page = await query_runs(client, self._orchestrations, query, limit, token)
        runs = [self._view.summarize(req, status) for status in page.runs]
        return json_response(RunPage(runs=runs, next_page_token=self._tokens.encode(page.next_token, query)))

    async def get_run_status(self, req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
        """Tell how a run is: what it waits for, what came out of it, or which step failed and why."""
        status = await find_run(client, self._orchestrations, req.route_params["instance_id"])
        return json_response(await self._view.show(req, client, status))

    async def get_run_history(self, req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
        """Tell the steps of a run in the order in which they began, with inputs and outputs if `outputs` is 1."""
        with_payloads = read_whole_number(req, "outputs", default=0, least=0, most=1) == 1
        instance_id = str((await find_run(client, self._orchestrations, req.route_params["instance_id"])).instance_id)
        # Read together with its history, so that they fit each other; a run can be removed between the two.
        status = await client.get_status(instance_id, show_history=True, show_history_output=True)
        if not status:
            status = await find_run(client, self._orchestrations, instance_id)
        steps = read_steps(status, self._view.agents)
        for step in steps if with_payloads else ():
            step.output = await self._view.restore(instance_id, step.output)
        location = self._view.links.to(req, "runs", instance_id)
        history = RunHistory(
            instance_id=instance_id,
            orchestration=str(status.name),
            runtime_status=state_of(status),
            steps=[step.shown(with_payloads=with_payloads) for step in steps],
            usage=add_usage(step.usage for step in steps),
            links={"self": f"{location}/history", "run": location},
        )
        return json_response(history)

    def _start_contracts(self) -> dict[str, Contract]:
        return {orchestration.name: _start_contract(orchestration) for orchestration in self._orchestrations.startable}

    def _list_contract(self) -> Contract:
        return Contract({200: (RunPage,)}, parameters=_list_parameters(self._orchestrations.names))

    def _find_orchestration(self, name: str) -> Orchestration:
        orchestration = self._orchestrations.find(name)
        if orchestration is None or orchestration.is_internal:
            known = [orchestration.name for orchestration in self._orchestrations.startable]
            detail = f"There is no orchestration {name!r} to start. Known: {', '.join(known)}."
            raise ProblemError(404, "unknown-orchestration", detail, known=known)
        return orchestration

    def _read_webhook(self, req: func.HttpRequest) -> str | None:
        url: str | None = req.params.get("webhook")
        if url is None or is_allowed_url(url, self._webhooks.url_prefixes):
            return url
        raise invalid_parameter(
            "webhook", url, "a URL that begins with one of those in the setting COMPLETION_WEBHOOK_URLS"
        )

    def _read_query(self, req: func.HttpRequest) -> RunQuery:
        name = req.params.get("orchestration")
        orchestration = self._orchestrations.find(name)
        if name is not None and orchestration is None:
            raise invalid_parameter("orchestration", name, f"one of {', '.join(self._orchestrations.names)}")
        return RunQuery(
            orchestration=None if orchestration is None else orchestration.name,
            statuses=read_words(req, "status", _STATUSES),
            created_from=read_time(req, "created_from"),
            created_to=read_time(req, "created_to"),
            has_any_id=orchestration is not None and orchestration.has_any_id,
            owner=self._access.listed_owner(req),
        )


def _start_contract(orchestration: Orchestration) -> Contract:
    return Contract(
        {200: (Run,), 202: (RunAccepted,)},
        bodies=start_bodies_of(orchestration),
        body_required=not orchestration.is_decorated,
        parameters=_START_PARAMETERS,
        problems=(422,),
    )


def _list_parameters(orchestrations: list[str]) -> tuple[Parameter, ...]:
    return (
        Parameter("orchestration", Literal[tuple(orchestrations)], "Only runs of this orchestration."),
        Parameter("status", str, f"Only runs in one of these states, separated by commas: {', '.join(_STATUSES)}."),
        Parameter("created_from", datetime, "Only runs that were started then or later."),
        Parameter("created_to", datetime, "Only runs that were started then or before."),
        *PAGING,
    )
