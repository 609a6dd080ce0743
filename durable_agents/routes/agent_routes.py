"""`/agents`: talk to an agent, pick up an answer, list the agents."""

import math
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import azure.durable_functions as df
import azure.functions as func
from agent_framework_durabletask import RunRequest

from durable_agents.http.access import Access, Resource
from durable_agents.http.contracts import Contract
from durable_agents.http.links import Links
from durable_agents.http.problems import invalid_fields
from durable_agents.http.requests import accepted, json_response
from durable_agents.http.routing import Router
from durable_agents.routes.agent_models import (
    AgentAccepted,
    AgentAnswer,
    AgentFailure,
    AgentList,
    AgentWaiting,
    DecidedToolCall,
    answer_of,
    run_body_of,
)
from durable_agents.routes.agent_requests import (
    RUN_PARAMETERS,
    AgentRunRequest,
    read_agent_request,
    read_stated_session,
)
from durable_agents.routes.agent_runs import AgentRun, find_agent_run
from durable_agents.sessions.agent_registry import AgentRegistry, HostedAgent
from durable_agents.sessions.correlation import RunIds
from durable_agents.sessions.failures import Failure
from durable_agents.sessions.lost import LostRuns
from durable_agents.sessions.responses import StoredResponse, read_response, wait_for_response
from durable_agents.sessions.signal import send_message

_SESSION_HEADER = "x-ms-session-id"
# What a caller is told to wait where the provider of the model has not said.
_RETRY_SECONDS = 5
_STATUS_OF_FAILURE = {
    "budget_exceeded": 422,
    "session_too_large": 422,
    "approval_pending": 409,
    "approval_expired": 410,
    "answer_compacted": 410,
    "session_reset": 410,
    "session_deleted": 410,
    "session_expired": 410,
}
_FAILURES = {status: (AgentFailure,) for status in (409, 410, 422, 502)}
_TEXT = "text/plain"


class AgentRoutes:
    """The routes of agents; `wait_seconds` is how long a caller waits for an answer before it gets 202."""

    def __init__(
        self,
        agents: AgentRegistry,
        access: Access,
        links: Links,
        run_ids: RunIds,
        lost: LostRuns,
        wait_seconds: float,
    ) -> None:
        self._agents = agents
        self._access = access
        self._links = links
        self._run_ids = run_ids
        self._wait_seconds = wait_seconds
        self._lost = lost

    def register(self, router: Router) -> None:
        """Register the routes."""
        later = Contract({200: (AgentAnswer,), 202: (AgentAccepted, AgentWaiting), **_FAILURES}, problems=(422,))
        template = "agents/{agent}/sessions/{session}/responses/{correlation_id}"
        router.add("GET", "agents", self.list_agents, contract=Contract({200: (AgentList,)}))
        router.add(
            "POST", "agents/{agent}/run", self.run_agent, contract=self._run_contracts, resource=self._resource_of_run
        )
        router.add("GET", template, self.get_agent_response, contract=later)

    def _resource_of_run(self, req: func.HttpRequest) -> Resource:
        """Return the agent, and the session that the request states."""
        agent = self._agents.find(req.route_params["agent"])
        stated = read_stated_session(req)
        return Resource(agent=agent.name, session=None if stated is None else self._access.own(req, stated))

    def _run_contracts(self) -> dict[str, Contract]:
        """Return the contract of each agent, also of those that were added after the routes."""
        return {agent.name: _run_contract(agent) for agent in self._agents}

    async def list_agents(self, req: func.HttpRequest) -> func.HttpResponse:
        """List the agents with what they do, what they can be asked for, and where to reach them."""
        links = {agent.name: {"run": self._links.to(req, "agents", agent.name, "run")} for agent in self._agents}
        agents = [agent.summary.model_copy(update={"links": links[agent.name]}) for agent in self._agents]
        return json_response(AgentList(agents=agents))

    async def run_agent(self, req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
        """Hand a message to an agent and answer with its response, or with where that can be picked up."""
        agent = self._agents.find(req.route_params["agent"])
        request = read_agent_request(req, partial(self._access.own, req))
        message = self._to_run_request(request, agent)
        run = AgentRun(agent, request.session_id, message.correlation_id, datetime.now(UTC), request.body.message)
        if request.idempotency_key is None or not await _is_known(client, run):
            await send_message(client, agent.name, run.session_id, message, request.body.budget)
        response = None
        if request.wait:
            seconds = self._wait_seconds
            response = await wait_for_response(client, agent.name, run.session_id, run.correlation_id, seconds)
        if response is not None and response.pending is None:
            run.check(response)
            # A repeat on another day has another id, and the answer of the first one.
            run = replace(run, correlation_id=response.correlation_id)
        return self._respond(req, run, response, waited=request.wait, plain_text=request.plain_text)

    async def get_agent_response(
        self, req: func.HttpRequest, client: df.DurableOrchestrationClient
    ) -> func.HttpResponse:
        """Answer with the response of an earlier run of an agent, or that it is still at work."""
        run = find_agent_run(req, self._agents, self._run_ids)
        response = await read_response(client, run.agent.name, run.session_id, run.correlation_id)
        answer = self._respond(req, run, response)
        if response is None:
            await run.look_for(client, self._lost)
        return answer

    def _to_run_request(self, request: AgentRunRequest, agent: HostedAgent) -> RunRequest:
        """Return the message to the session's entity.

        Raises:
            ProblemError: 400, the agent has no output model of the name that is asked for.
        """
        body, name = request.body, request.body.response_format
        if name is not None and name not in agent.output_models:
            known = ", ".join(agent.output_models) or "none"
            message = f"agent {agent.name!r} has no output model {name!r}. Known: {known}"
            raise invalid_fields([{"field": "response_format", "message": message}])
        now, key = datetime.now(UTC), request.idempotency_key
        if key is None:
            correlation_id = self._run_ids.new(agent.name, request.session_id, now)
        else:
            correlation_id = self._run_ids.under_key(agent.name, request.session_id, key, request.content, now)
        return RunRequest(
            message=body.message,
            correlation_id=correlation_id,
            request_response_format="text" if request.plain_text else "json",
            response_format=None if name is None else agent.output_models[name],
            enable_tool_calls=body.enable_tool_calls,
            created_at=now,
        )

    def _respond(
        self,
        req: func.HttpRequest,
        run: AgentRun,
        response: StoredResponse | None,
        *,
        waited: bool = True,
        plain_text: bool = False,
    ) -> func.HttpResponse:
        """Answer with what came out of the run; with 202 while it is at work or others decide on its tool calls."""
        run.check(response)
        headers, location = {_SESSION_HEADER: run.session_id}, self._links.to(req, *run.path)
        if response is None or response.is_at_work:
            text = "Agent is still working" if waited else "Agent request accepted"
            working = AgentAccepted(
                **run.names,
                status="running" if waited else "accepted",
                response=text,
                links={"response": location, "stream": f"{location}/stream"},
            )
            answer = accepted(working, location, headers)
            return _as_text(answer, text) if plain_text else answer
        if response.pending is not None:
            # Nothing to approve it with: who asks for a call is not who approves it.
            waiting = AgentWaiting(
                **run.names,
                status="waiting_for_approval",
                response=None,
                approvals=DecidedToolCall.list_of(response.pending.requests),
                links={"response": location},
            )
            return accepted(waiting, location, headers)
        outcome = run.ended_with(response)
        if response.failure is not None:
            # Never plain text.
            status = _STATUS_OF_FAILURE.get(response.failure.code, 502)
            return json_response(outcome, status, {**headers, **_retry_header(response.failure)})
        answer = json_response(outcome, 200, headers)
        return _as_text(answer, response.text) if plain_text else answer


def _run_contract(agent: HostedAgent) -> Contract:
    return Contract(
        {200: (answer_of(agent), _TEXT), 202: (AgentAccepted, AgentWaiting, _TEXT), **_FAILURES},
        bodies=(run_body_of(agent), _TEXT),
        parameters=RUN_PARAMETERS,
        problems=(404, 422),
    )


async def _is_known(client: df.DurableOrchestrationClient, run: AgentRun) -> bool:
    """Say whether the run has ended before. While it is at work nothing shows it, and its entity drops the repeat."""
    response = await read_response(client, run.agent.name, run.session_id, run.correlation_id)
    run.check(response)
    return response is not None


def _as_text(answer: func.HttpResponse, text: str) -> func.HttpResponse:
    """Return the same answer with a text in the place of its JSON."""
    return func.HttpResponse(text, status_code=answer.status_code, headers=answer.headers, mimetype=_TEXT)


def _retry_header(failure: Failure) -> dict[str, str]:
    if not failure.retryable:
        return {}
    seconds = _RETRY_SECONDS if failure.retry_after_seconds is None else failure.retry_after_seconds
    return {"Retry-After": str(max(math.ceil(seconds), 1))}
