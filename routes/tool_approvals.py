"""`POST /agents/{agent}/sessions/{session}/approvals/{request_id}` decides on a tool call of an agent."""

import asyncio
from datetime import UTC, datetime

import azure.durable_functions as df
import azure.functions as func
from agent_framework_azurefunctions import AgentFunctionApp
from agent_framework_durabletask import AgentSessionId
from pydantic import BaseModel, Field, StrictBool

from hosting.agents.directory import AgentDirectory
from hosting.agents.models import ToolDecisionAccepted
from hosting.agents.replies import read_session
from hosting.http.contracts import Contract
from hosting.http.problems import ProblemError
from hosting.http.requests import json_response, link, read_json_object, read_model
from hosting.names import is_session_id, is_tool_request_id
from hosting.registration import register_route
from hosting.tools.requests import ToolRequest
from hosting.turns.entity import DecisionMessage
from hosting.turns.pending import find_pending, find_request

_LOOK_SECONDS = 0.02
_LONGEST_SECONDS = 10.0


class ToolDecisionBody(BaseModel):
    """A reviewer's decision on one tool call. A rejected tool is not run, and the model reads the feedback."""

    approved: StrictBool
    feedback: str | None = Field(default=None, max_length=2_000)
    reviewer: str | None = Field(default=None, max_length=200)


def register(app: AgentFunctionApp) -> None:
    """Register the route; each tool declares itself whether it needs an approval."""
    template = "agents/{agent}/sessions/{session}/approvals/{request_id}"
    contract = Contract({202: (ToolDecisionAccepted,)}, bodies=(ToolDecisionBody,), problems=(409,))
    register_route(app, "POST", template, decide_tool_approval, contract=contract, agents=AgentDirectory(app.agents))


async def decide_tool_approval(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, *, agents: AgentDirectory
) -> func.HttpResponse:
    """Pass the decision to the session and answer with the one that counts: the first, whoever has sent it.

    The same decision again gets the first answer, so this is safe to repeat.
    """
    agent = agents.find(req.route_params["agent"]).name
    session_id, request_id = req.route_params["session"], req.route_params["request_id"]
    body = read_model(read_json_object(req), ToolDecisionBody)
    request = await _look(client, agent, session_id, request_id)
    if request.decision is None:
        session = AgentSessionId(agent, session_id)
        message = DecisionMessage(request_id=request_id, **body.model_dump()).model_dump()
        await client.signal_entity(df.EntityId(session.entity_name, session.key), "decide", message)
        request = await _wait_until_decided(client, agent, session_id, request_id)
    decision = request.decision
    if decision is None or (decision.approved, decision.feedback) != (body.approved, body.feedback):
        raise _conflict("already-decided", f"Request {request_id!r} has been decided otherwise before.", request)
    location = link(req, "agents", agent, "sessions", session_id, "responses", request.correlation_id)
    answer = {**request.model_dump(mode="json"), "session_id": session_id, "status": "accepted"}
    headers = {"Location": location, "Retry-After": "1"}
    return json_response({**answer, "links": {"response": location}}, 202, headers)


async def _look(client: df.DurableOrchestrationClient, agent: str, session_id: str, request_id: str) -> ToolRequest:
    """Return the request as it stands: decided, or still to be decided.

    Raises:
        ProblemError: 404, the session knows of no such request; 409, nobody has decided and it is too late now.
    """
    known = is_session_id(session_id) and is_tool_request_id(request_id)
    state = await read_session(client, agent, session_id) if known else {}
    request = find_request(state, request_id)
    if request is None:
        detail = f"Session {session_id!r} of agent {agent!r} has no request {request_id!r} to approve a tool call."
        raise ProblemError(404, "unknown-approval", f"{detail} The answer of the run lists those it waits with.")
    if request.decision is not None:
        return request
    if datetime.now(UTC) >= request.expires_at:
        raise _conflict("approval-expired", f"Request {request_id!r} has expired. Send the message again.", request)
    pending = find_pending(state)
    if pending is None or request not in pending.requests:
        detail = f"The turn that asked with request {request_id!r} is over, so nothing can be decided."
        raise _conflict("turn-is-over", detail, request)
    return request


async def _wait_until_decided(
    client: df.DurableOrchestrationClient, agent: str, session_id: str, request_id: str
) -> ToolRequest:
    """Return the request once the session has taken a decision, which is not always the one that was sent last.

    Raises:
        ProblemError: As `_look`; 503, the session takes no messages at present.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _LONGEST_SECONDS
    while loop.time() < deadline:
        request = await _look(client, agent, session_id, request_id)
        if request.decision is not None:
            return request
        await asyncio.sleep(_LOOK_SECONDS)
    detail = "The decision was sent, and the session has not taken it yet. Send it again: it will count only once."
    raise ProblemError(503, "decision-not-confirmed", detail)


def _conflict(kind: str, detail: str, request: ToolRequest) -> ProblemError:
    return ProblemError(409, kind, detail, approval=request.model_dump(mode="json"))
