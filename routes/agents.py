"""`/agents`: talk to an agent, pick up an answer, list the agents."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from agent_framework_azurefunctions import AgentFunctionApp
from agent_framework_durabletask import AgentSessionId, RunRequest

from hosting.agent_directory import AgentDescription, AgentDirectory
from hosting.agent_entity import BUDGET_FIELD
from hosting.agent_replies import Reply, read_reply, wait_for_reply
from hosting.agent_requests import AgentRunRequest, read_agent_request
from hosting.correlation import correlation_id_for, has_same_body, issued_at, new_correlation_id
from hosting.model_failures import Failure
from hosting.names import is_session_id
from hosting.pending_turn import PendingTurn
from hosting.problems import ProblemError, invalid_fields
from hosting.registration import register_route
from hosting.requests import json_response, link
from hosting.tool_requests import ToolRequest

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
}
# How long an id without an answer counts as a run in progress. After that the turn was lost with its session. Ids under
# an idempotency key are dated to the beginning of their day.
_LONGEST_RUN = timedelta(hours=48)


def register(app: AgentFunctionApp, wait_seconds: float) -> None:
    """Register the routes of agents; `wait_seconds` is how long a caller waits for an answer before it gets 202."""
    agents = AgentDirectory(app.agents)
    register_route(app, "GET", "agents", list_agents, agents=agents)
    register_route(app, "POST", "agents/{agent}/run", run_agent, agents=agents, wait_seconds=wait_seconds)
    template = "agents/{agent}/sessions/{session}/responses/{correlation_id}"
    register_route(app, "GET", template, get_agent_response, agents=agents)


async def list_agents(req: func.HttpRequest, *, agents: AgentDirectory) -> func.HttpResponse:
    """List the agents with what they do, what they can be asked for, and where to reach them."""
    listing = [
        {
            "name": agent.name,
            "description": agent.description,
            "tools": list(agent.tools),
            "output_models": [
                {"name": name, "default": name == agent.default_output, "schema": model.model_json_schema()}
                for name, model in agent.output_models.items()
            ],
            "budget": agent.budget.model_dump(),
            "links": {"run": link(req, "agents", agent.name, "run")},
        }
        for agent in agents.describe()
    ]
    return json_response({"agents": listing})


async def run_agent(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, *, agents: AgentDirectory, wait_seconds: float
) -> func.HttpResponse:
    """Hand a message to an agent and answer with its reply, or with where the reply can be picked up."""
    agent = agents.find(req.route_params["agent"])
    request = read_agent_request(req)
    run_request = _to_run_request(request, agent)
    correlation_id = run_request.correlation_id
    if request.idempotency_key is None or not await _is_known(client, agent, request, correlation_id):
        session = AgentSessionId(agent.name, request.session_id)
        message = {**run_request.to_dict(), BUDGET_FIELD: request.budget.model_dump()}
        await client.signal_entity(df.EntityId(session.entity_name, session.key), "run", message)
    reply = None
    if request.wait:
        reply = await wait_for_reply(client, agent.name, request.session_id, correlation_id, wait_seconds)
    run = {"message": request.message, "session_id": request.session_id, "correlation_id": correlation_id}
    location = link(req, "agents", agent.name, "sessions", request.session_id, "responses", correlation_id)
    if reply is None or reply.is_at_work:
        status = "running" if request.wait else "accepted"
        return _answer_later(run, status, location, plain_text=request.plain_text)
    _check_same_run(reply, correlation_id)
    if reply.pending is not None:
        return _answer_waiting(req, agent, run, location, reply.pending)
    return _answer({**run, "correlation_id": reply.correlation_id}, reply, agent, plain_text=request.plain_text)


async def get_agent_response(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, *, agents: AgentDirectory
) -> func.HttpResponse:
    """Answer with the reply of an earlier run of an agent, or that it is still at work."""
    agent = agents.find(req.route_params["agent"])
    session_id, correlation_id = req.route_params["session"], req.route_params["correlation_id"]
    issued = issued_at(correlation_id, agent.name, session_id) if is_session_id(session_id) else None
    reply = None
    if issued is not None:
        reply = await read_reply(client, agent.name, session_id, correlation_id)
    if issued is None or (reply is None and datetime.now(UTC) - issued > _LONGEST_RUN):
        detail = f"Agent {agent.name!r} has no response {correlation_id!r} in session {session_id!r}."
        raise ProblemError(404, "unknown-response", detail)
    run = {"session_id": session_id, "correlation_id": correlation_id}
    location = link(req, "agents", agent.name, "sessions", session_id, "responses", correlation_id)
    if reply is None or reply.is_at_work:
        return _answer_later(run, "running", location, plain_text=False)
    _check_same_run(reply, correlation_id)
    if reply.pending is not None:
        return _answer_waiting(req, agent, run, location, reply.pending)
    return _answer(run, reply, agent, plain_text=False)


def _to_run_request(request: AgentRunRequest, agent: AgentDescription) -> RunRequest:
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
        correlation_id = new_correlation_id(agent.name, request.session_id, now)
    else:
        key, content = request.idempotency_key, request.content
        correlation_id = correlation_id_for(agent.name, request.session_id, key, content, now)
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
    _check_same_run(reply, correlation_id)
    return True


def _check_same_run(reply: Reply, correlation_id: str) -> None:
    """Let a repeat have the answer of the first request.

    Raises:
        ProblemError: 422, the first request under this key had another body.
    """
    if not has_same_body(reply.correlation_id, correlation_id):
        detail = "A run was started under this Idempotency-Key with another body. Repeat that one, or choose a new key."
        raise ProblemError(422, "idempotency-key-reused", detail)


def _answer(run: dict[str, Any], reply: Reply, agent: AgentDescription, *, plain_text: bool) -> func.HttpResponse:
    """Answer with what came out of the run: 200, or a failure, which is never plain text."""
    headers = {_SESSION_HEADER: run["session_id"]}
    if reply.failure is not None:
        return _answer_failure(run, reply, reply.failure, agent)
    if plain_text:
        return func.HttpResponse(reply.text, headers=headers, mimetype="text/plain")
    answer = {"response": reply.text, **run, "status": "success"}
    model = agent.output_models.get(reply.output_model or agent.default_output or "")
    if model is not None:
        answer["value"] = model.model_validate_json(reply.text).model_dump(mode="json")
    counts = {"message_count": reply.message_count, "usage": reply.usage}
    return json_response({**answer, **counts, **_describe_decisions(reply)}, 200, headers)


def _answer_failure(run: dict[str, Any], reply: Reply, failure: Failure, agent: AgentDescription) -> func.HttpResponse:
    """Answer that the run failed: 422 where the caller can change that, 410 for a lost answer, 502 for the model."""
    headers = {_SESSION_HEADER: run["session_id"]}
    if failure.retryable:
        seconds = _RETRY_SECONDS if failure.retry_after_seconds is None else failure.retry_after_seconds
        headers["Retry-After"] = str(max(math.ceil(seconds), 1))
    failed = {
        "response": None,
        **run,
        "status": "failed",
        "error": f"Agent {agent.name!r} failed ({failure.code}). {failure.message}",
        "error_code": failure.code,
        "retryable": failure.retryable,
        "usage": reply.usage,
        **_describe_decisions(reply),
    }
    if failure.used:
        failed["used"] = dict(failure.used)
    return json_response(failed, _STATUS_OF_FAILURE.get(failure.code, 502), headers)


def _describe_decisions(reply: Reply) -> dict[str, Any]:
    """Return what humans were asked and have decided, if anything; a decision of null was never made."""
    if not reply.tool_requests:
        return {}
    return {"approvals": [_describe_request(request) for request in reply.tool_requests]}


def _describe_request(request: ToolRequest) -> dict[str, Any]:
    return request.model_dump(mode="json", exclude={"correlation_id"})


def _answer_waiting(
    req: func.HttpRequest, agent: AgentDescription, run: dict[str, Any], location: str, pending: PendingTurn
) -> func.HttpResponse:
    """Answer 202 with the tool calls a human has to decide on; never plain text, for the caller has to act."""
    session = run["session_id"]
    headers = {_SESSION_HEADER: session, "Location": location, "Retry-After": _POLL_SECONDS}
    approvals = [
        {
            **_describe_request(request),
            "links": {"decide": link(req, "agents", agent.name, "sessions", session, "approvals", request.request_id)},
        }
        for request in pending.requests
    ]
    answer = {"response": None, **run, "status": "waiting_for_approval", "approvals": approvals}
    return json_response({**answer, "links": {"response": location}}, 202, headers)


def _answer_later(run: dict[str, Any], status: str, location: str, *, plain_text: bool) -> func.HttpResponse:
    """Answer 202 with where the reply can be picked up."""
    headers = {_SESSION_HEADER: run["session_id"], "Location": location, "Retry-After": _POLL_SECONDS}
    text = "Agent request accepted" if status == "accepted" else "Agent is still working"
    if plain_text:
        return func.HttpResponse(text, status_code=202, headers=headers, mimetype="text/plain")
    return json_response({"response": text, **run, "status": status, "links": {"response": location}}, 202, headers)
