"""`/agents`: talk to an agent, pick up an answer, list the agents."""

from datetime import UTC, datetime, timedelta
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from agent_framework_azurefunctions import AgentFunctionApp
from agent_framework_durabletask import AgentSessionId, RunRequest

from hosting.agent_directory import AgentDirectory
from hosting.agent_replies import Reply, read_reply, wait_for_reply
from hosting.agent_requests import read_agent_request
from hosting.correlation import issued_at, new_correlation_id
from hosting.names import is_session_id
from hosting.problems import ProblemError
from hosting.registration import register_route
from hosting.requests import json_response, link

_SESSION_HEADER = "x-ms-session-id"
_POLL_SECONDS = "1"
# How long an id without an answer counts as a run in progress. After that the turn was lost with its session.
_LONGEST_RUN = timedelta(hours=24)


def register(app: AgentFunctionApp, wait_seconds: float) -> None:
    """Register the routes of agents; `wait_seconds` is how long a caller waits for an answer before it gets 202."""
    agents = AgentDirectory(app.agents)
    register_route(app, "GET", "agents", list_agents, agents=agents)
    register_route(app, "POST", "agents/{agent}/run", run_agent, agents=agents, wait_seconds=wait_seconds)
    template = "agents/{agent}/sessions/{session}/responses/{correlation_id}"
    register_route(app, "GET", template, get_agent_response, agents=agents)


async def list_agents(req: func.HttpRequest, *, agents: AgentDirectory) -> func.HttpResponse:
    """List the agents with what they do and where to reach them."""
    listing = [
        {"name": agent.name, "description": agent.description, "links": {"run": link(req, "agents", agent.name, "run")}}
        for agent in agents.describe()
    ]
    return json_response({"agents": listing})


async def run_agent(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, *, agents: AgentDirectory, wait_seconds: float
) -> func.HttpResponse:
    """Hand a message to an agent and answer with its reply, or with where the reply can be picked up."""
    agent = agents.find(req.route_params["agent"])
    request = read_agent_request(req)
    now = datetime.now(UTC)
    correlation_id = new_correlation_id(agent, request.session_id, now)
    run_request = RunRequest(
        message=request.message,
        correlation_id=correlation_id,
        request_response_format="text" if request.plain_text else "json",
        enable_tool_calls=request.enable_tool_calls,
        created_at=now,
    )
    session = AgentSessionId(agent, request.session_id)
    await client.signal_entity(df.EntityId(session.entity_name, session.key), "run", run_request.to_dict())
    reply = None
    if request.wait:
        reply = await wait_for_reply(client, agent, request.session_id, correlation_id, wait_seconds)
    run = {"message": request.message, "session_id": request.session_id, "correlation_id": correlation_id}
    if reply is None:
        location = link(req, "agents", agent, "sessions", request.session_id, "responses", correlation_id)
        status = "running" if request.wait else "accepted"
        return _answer_later(run, status, location, plain_text=request.plain_text)
    return _answer(run, reply, agent, plain_text=request.plain_text)


async def get_agent_response(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, *, agents: AgentDirectory
) -> func.HttpResponse:
    """Answer with the reply of an earlier run of an agent, or that it is still at work."""
    agent = agents.find(req.route_params["agent"])
    session_id, correlation_id = req.route_params["session"], req.route_params["correlation_id"]
    issued = issued_at(correlation_id, agent, session_id) if is_session_id(session_id) else None
    reply = None
    if issued is not None:
        reply = await read_reply(client, agent, session_id, correlation_id)
    if issued is None or (reply is None and datetime.now(UTC) - issued > _LONGEST_RUN):
        detail = f"Agent {agent!r} has no response {correlation_id!r} in session {session_id!r}."
        raise ProblemError(404, "unknown-response", detail)
    run = {"session_id": session_id, "correlation_id": correlation_id}
    if reply is None:
        location = link(req, "agents", agent, "sessions", session_id, "responses", correlation_id)
        return _answer_later(run, "running", location, plain_text=False)
    return _answer(run, reply, agent, plain_text=False)


def _answer(run: dict[str, Any], reply: Reply, agent: str, *, plain_text: bool) -> func.HttpResponse:
    """Answer with what came out of the run: 200, or 502 when the model failed, which is never plain text."""
    headers = {_SESSION_HEADER: run["session_id"]}
    if reply.error_code is not None:
        detail = f"The model of agent {agent!r} failed ({reply.error_code}). The log of the function app has its error."
        failed = {"response": None, **run, "status": "failed", "error": detail, "error_code": reply.error_code}
        return json_response(failed, 502, headers)
    if plain_text:
        return func.HttpResponse(reply.text, headers=headers, mimetype="text/plain")
    counts = {"message_count": reply.message_count, "usage": reply.usage}
    return json_response({"response": reply.text, **run, "status": "success", **counts}, 200, headers)


def _answer_later(run: dict[str, Any], status: str, location: str, *, plain_text: bool) -> func.HttpResponse:
    """Answer 202 with where the reply can be picked up."""
    headers = {_SESSION_HEADER: run["session_id"], "Location": location, "Retry-After": _POLL_SECONDS}
    text = "Agent request accepted" if status == "accepted" else "Agent is still working"
    if plain_text:
        return func.HttpResponse(text, status_code=202, headers=headers, mimetype="text/plain")
    return json_response({"response": text, **run, "status": status, "links": {"response": location}}, 202, headers)
