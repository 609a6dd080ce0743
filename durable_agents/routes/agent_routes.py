"""`/agents`: talk to an agent, pick up an answer, list the agents."""

import math
from datetime import UTC, datetime
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from agent_framework_durabletask import RunRequest

from durable_agents.http.contracts import Contract
from durable_agents.http.problems import invalid_fields
from durable_agents.http.requests import json_response, link
from durable_agents.http.routing import Router, register_route
from durable_agents.routes.agent_answers import check_same_run, describe_answer, describe_request, find_agent_run
from durable_agents.routes.agent_models import (
    AgentAccepted,
    AgentAnswer,
    AgentFailure,
    AgentList,
    AgentSummary,
    AgentWaiting,
    McpServerSummary,
    OutputModel,
    answer_of,
    run_body_of,
)
from durable_agents.routes.agent_requests import RUN_PARAMETERS, AgentRunRequest, read_agent_request
from durable_agents.sessions.agent_registry import AgentDescription, AgentRegistry
from durable_agents.sessions.correlation import RunIds
from durable_agents.sessions.failures import Failure
from durable_agents.sessions.pending import PendingTurn
from durable_agents.sessions.responses import Reply, read_reply, wait_for_reply
from durable_agents.sessions.signal import send_message

_SESSION_HEADER = "x-ms-session-id"
_POLL_SECONDS = "1"
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


def register(router: Router, agents: AgentRegistry, ids: RunIds, wait_seconds: float) -> None:
    """Register the routes of agents; `wait_seconds` is how long a caller waits for an answer before it gets 202."""
    register_route(router, "GET", "agents", list_agents, contract=Contract({200: (AgentList,)}), agents=agents)
    runs = {agent.name: _run_contract(agent) for agent in agents.describe()}
    register_route(
        router,
        "POST",
        "agents/{agent}/run",
        run_agent,
        contract=runs,
        agents=agents,
        ids=ids,
        wait_seconds=wait_seconds,
    )
    template = "agents/{agent}/sessions/{session}/responses/{correlation_id}"
    later = Contract({200: (AgentAnswer,), 202: (AgentAccepted, AgentWaiting), **_FAILURES}, problems=(422,))
    register_route(router, "GET", template, get_agent_response, contract=later, agents=agents, ids=ids)


async def list_agents(req: func.HttpRequest, *, agents: AgentRegistry) -> func.HttpResponse:
    """List the agents with what they do, what they can be asked for, and where to reach them."""
    listing = AgentList(agents=[_summarize(req, agent) for agent in agents.describe()])
    return json_response(listing.model_dump(mode="json", by_alias=True))


async def run_agent(
    req: func.HttpRequest,
    client: df.DurableOrchestrationClient,
    *,
    agents: AgentRegistry,
    ids: RunIds,
    wait_seconds: float,
) -> func.HttpResponse:
    """Hand a message to an agent and answer with its reply, or with where the reply can be picked up."""
    agent = agents.find(req.route_params["agent"])
    request = read_agent_request(req)
    run_request = _to_run_request(request, agent, ids)
    correlation_id = run_request.correlation_id
    if request.idempotency_key is None or not await _is_known(client, agent, request, correlation_id):
        await send_message(client, agent.name, request.session_id, run_request, request.budget)
    reply = None
    if request.wait:
        reply = await wait_for_reply(client, agent.name, request.session_id, correlation_id, wait_seconds)
    run = {"message": request.message, "session_id": request.session_id, "correlation_id": correlation_id}
    location = link(req, "agents", agent.name, "sessions", request.session_id, "responses", correlation_id)
    if reply is None or reply.is_at_work:
        status = "running" if request.wait else "accepted"
        return _answer_later(run, status, location, plain_text=request.plain_text)
    check_same_run(reply, correlation_id)
    if reply.pending is not None:
        return _answer_waiting(run, location, reply.pending)
    return _answer({**run, "correlation_id": reply.correlation_id}, reply, agent, plain_text=request.plain_text)


async def get_agent_response(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, *, agents: AgentRegistry, ids: RunIds
) -> func.HttpResponse:
    """Answer with the reply of an earlier run of an agent, or that it is still at work."""
    found = find_agent_run(req, agents, ids)
    reply = await read_reply(client, found.agent.name, found.session_id, found.correlation_id)
    found.check_reply(reply)
    run = {"session_id": found.session_id, "correlation_id": found.correlation_id}
    path = ("agents", found.agent.name, "sessions", found.session_id, "responses", found.correlation_id)
    if reply is None or reply.is_at_work:
        return _answer_later(run, "running", link(req, *path), plain_text=False)
    if reply.pending is not None:
        return _answer_waiting(run, link(req, *path), reply.pending)
    return _answer(run, reply, found.agent, plain_text=False)


def _run_contract(agent: AgentDescription) -> Contract:
    return Contract(
        {200: (answer_of(agent), _TEXT), 202: (AgentAccepted, AgentWaiting, _TEXT), **_FAILURES},
        bodies=(run_body_of(agent), _TEXT),
        parameters=RUN_PARAMETERS,
        problems=(404, 422),
    )


def _summarize(req: func.HttpRequest, agent: AgentDescription) -> AgentSummary:
    return AgentSummary(
        name=agent.name,
        description=agent.description,
        tools=list(agent.tools),
        mcp_servers=[
            McpServerSummary(
                name=server.name,
                url=server.address,
                allowed_tools=None if server.allowed_tools is None else sorted(server.allowed_tools),
            )
            for server in agent.mcp_servers
        ],
        output_models=[
            OutputModel(name=name, default=name == agent.default_output, json_schema=model.model_json_schema())
            for name, model in agent.output_models.items()
        ],
        budget=agent.budget,
        links={"run": link(req, "agents", agent.name, "run")},
    )


def _to_run_request(request: AgentRunRequest, agent: AgentDescription, ids: RunIds) -> RunRequest:
    """Return the message to the session's entity.

    Raises:
        ProblemError: 400, the agent has no output model of the name that is asked for.
    """
    name = request.response_format
    if name is not None and name not in agent.output_models:
        known = ", ".join(agent.output_models) or "none"
        message = f"agent {agent.name!r} has no output model {name!r}. Known: {known}"
        raise invalid_fields([{"field": "response_format", "message": message}])
    now = datetime.now(UTC)
    if request.idempotency_key is None:
        correlation_id = ids.new(agent.name, request.session_id, now)
    else:
        key, content = request.idempotency_key, request.content
        correlation_id = ids.under_key(agent.name, request.session_id, key, content, now)
    return RunRequest(
        message=request.message,
        correlation_id=correlation_id,
        request_response_format="text" if request.plain_text else "json",
        response_format=None if name is None else agent.output_models[name],
        enable_tool_calls=request.enable_tool_calls,
        created_at=now,
    )


async def _is_known(
    client: df.DurableOrchestrationClient, agent: AgentDescription, request: AgentRunRequest, correlation_id: str
) -> bool:
    """Say whether the run has ended before. While it is at work nothing shows it, and its entity drops the repeat."""
    reply = await read_reply(client, agent.name, request.session_id, correlation_id)
    if reply is None:
        return False
    check_same_run(reply, correlation_id)
    return True


def _answer(run: dict[str, Any], reply: Reply, agent: AgentDescription, *, plain_text: bool) -> func.HttpResponse:
    """Answer with what came out of the run: 200, or a failure, which is never plain text."""
    headers = {_SESSION_HEADER: run["session_id"]}
    answer = describe_answer(run, reply, agent)
    if reply.failure is not None:
        return _answer_failure(answer, reply.failure, headers)
    if plain_text:
        return func.HttpResponse(reply.text, headers=headers, mimetype="text/plain")
    return json_response(answer, 200, headers)


def _answer_failure(answer: dict[str, Any], failure: Failure, headers: dict[str, str]) -> func.HttpResponse:
    """Answer that the run failed: 422 where the caller can change that, 410 for a lost answer, 502 for the model."""
    if failure.retryable:
        seconds = _RETRY_SECONDS if failure.retry_after_seconds is None else failure.retry_after_seconds
        headers["Retry-After"] = str(max(math.ceil(seconds), 1))
    return json_response(answer, _STATUS_OF_FAILURE.get(failure.code, 502), headers)


def _answer_waiting(run: dict[str, Any], location: str, pending: PendingTurn) -> func.HttpResponse:
    """Answer 202 with the tool calls that others have to decide on: who asks for a call is not who approves it."""
    headers = {_SESSION_HEADER: run["session_id"], "Location": location, "Retry-After": _POLL_SECONDS}
    approvals = [describe_request(request) for request in pending.requests]
    answer = {"response": None, **run, "status": "waiting_for_approval", "approvals": approvals}
    return json_response({**answer, "links": {"response": location}}, 202, headers)


def _answer_later(run: dict[str, Any], status: str, location: str, *, plain_text: bool) -> func.HttpResponse:
    """Answer 202 with where the reply can be picked up."""
    headers = {_SESSION_HEADER: run["session_id"], "Location": location, "Retry-After": _POLL_SECONDS}
    text = "Agent request accepted" if status == "accepted" else "Agent is still working"
    if plain_text:
        return func.HttpResponse(text, status_code=202, headers=headers, mimetype="text/plain")
    links = {"response": location, "stream": f"{location}/stream"}
    return json_response({"response": text, **run, "status": status, "links": links}, 202, headers)
