"""`/agents/{agent}/sessions`: list the sessions of an agent, read one, clear it, end it."""

from datetime import UTC, datetime
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from agent_framework_durabletask import AgentSessionId

from durable_agents.http.contracts import PAGE_TOKEN, Contract, page_size
from durable_agents.http.problems import ProblemError, invalid_parameter
from durable_agents.http.query import read_whole_number
from durable_agents.http.requests import json_response, link
from durable_agents.http.routing import Router, register_route
from durable_agents.ids import is_session_id
from durable_agents.polling import poll
from durable_agents.sessions.agent_registry import AgentRegistry
from durable_agents.sessions.index import PageStart, SessionEntry, SessionIndex
from durable_agents.sessions.session_models import Session, SessionChange, SessionPage
from durable_agents.sessions.session_view import StoredSession, describe_session, find_session, has_turns, utc_text

_PAGE = 50
_LARGEST_PAGE = 200
# How long a caller waits for a session to be cleared or ended: messages that came before are answered first.
_WAIT_SECONDS = 5.0
_POLL_SECONDS = "1"


def register(router: Router, agents: AgentRegistry, index: SessionIndex) -> None:
    """Register the routes of sessions."""
    one = "agents/{agent}/sessions/{session}"
    listing = Contract({200: (SessionPage,)}, parameters=(page_size(_PAGE, _LARGEST_PAGE), PAGE_TOKEN))
    deletion, reset = Contract({204: (), 202: (SessionChange,)}), Contract({200: (Session,), 202: (SessionChange,)})
    register_route(
        router, "GET", "agents/{agent}/sessions", list_sessions, contract=listing, agents=agents, index=index
    )
    register_route(router, "GET", one, get_session, contract=Contract({200: (Session,)}), agents=agents)
    register_route(router, "DELETE", one, delete_session, contract=deletion, agents=agents, index=index)
    register_route(router, "POST", f"{one}/reset", reset_session, contract=reset, agents=agents, index=index)


async def list_sessions(req: func.HttpRequest, *, agents: AgentRegistry, index: SessionIndex) -> func.HttpResponse:
    """List the sessions of an agent, the last used first; `limit` at a time, then from `page_token` on."""
    agent = agents.find(req.route_params["agent"])
    limit = read_whole_number(req, "limit", default=_PAGE, least=1, most=_LARGEST_PAGE)
    start = _read_page_token(req)
    now = datetime.now(UTC)
    entries = await index.newest(agent.name, limit, start)
    listing = [
        {
            "session_id": entry.session_id,
            "used_at": utc_text(entry.used_at),
            "expires_at": utc_text(entry.expires_at),
            "links": {"self": _session_link(req, agent.name, entry.session_id)},
        }
        for entry in entries
        if not entry.is_expired(now) and not entry.is_gone
    ]
    next_token = entries[-1].token if len(entries) == limit else None
    return json_response({"sessions": listing, "next_page_token": next_token})


async def get_session(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, *, agents: AgentRegistry
) -> func.HttpResponse:
    """Show the conversation of a session, turn by turn, and what it has cost."""
    agent, session_id = agents.find(req.route_params["agent"]).name, req.route_params["session"]
    session = None
    if is_session_id(session_id):
        session = await find_session(client, agent, session_id, datetime.now(UTC))
    if session is None:
        raise _unknown_session(agent, session_id)
    return _answer_session(req, agent, session_id, session)


async def delete_session(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, *, agents: AgentRegistry, index: SessionIndex
) -> func.HttpResponse:
    """End a session, after the messages that came before; the next message with its id begins a new one."""
    agent, session_id = agents.find(req.route_params["agent"]).name, req.route_params["session"]
    await _check_exists(client, index, agent, session_id)
    await _signal(client, agent, session_id, "delete")

    async def is_gone() -> bool | None:
        listed = await _find_listed(index, agent, session_id)
        session = None if listed is not None else await find_session(client, agent, session_id, datetime.now(UTC))
        return True if listed is None and session is None else None

    if await poll(is_gone, _WAIT_SECONDS):
        return func.HttpResponse(status_code=204)
    return _answer_later(req, agent, session_id, "deleting")


async def reset_session(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, *, agents: AgentRegistry, index: SessionIndex
) -> func.HttpResponse:
    """Clear the conversation of a session, after the messages that came before; the session itself stays."""
    agent, session_id = agents.find(req.route_params["agent"]).name, req.route_params["session"]
    await _check_exists(client, index, agent, session_id)
    await _signal(client, agent, session_id, "reset")

    async def read_cleared() -> StoredSession | None:
        session = await find_session(client, agent, session_id, datetime.now(UTC))
        return None if session is None or has_turns(session) else session

    cleared = await poll(read_cleared, _WAIT_SECONDS)
    if cleared is None:
        return _answer_later(req, agent, session_id, "resetting")
    return _answer_session(req, agent, session_id, cleared)


async def _check_exists(
    client: df.DurableOrchestrationClient, index: SessionIndex, agent: str, session_id: str
) -> None:
    """Let a session pass that is stored, or listed because its first message is being answered.

    Raises:
        ProblemError: 404, there is none.
    """
    exists = is_session_id(session_id) and (
        await _find_listed(index, agent, session_id) is not None
        or await find_session(client, agent, session_id, datetime.now(UTC)) is not None
    )
    if not exists:
        raise _unknown_session(agent, session_id)


async def _find_listed(index: SessionIndex, agent: str, session_id: str) -> SessionEntry | None:
    entry = await index.find(agent, session_id)
    return None if entry is None or entry.is_gone else entry


async def _signal(client: df.DurableOrchestrationClient, agent: str, session_id: str, operation: str) -> None:
    session = AgentSessionId(agent, session_id)
    await client.signal_entity(df.EntityId(session.entity_name, session.key), operation)


def _answer_session(req: func.HttpRequest, agent: str, session_id: str, session: StoredSession) -> func.HttpResponse:
    described: dict[str, Any] = {"agent": agent, **describe_session(session, session_id)}
    location = _session_link(req, agent, session_id)
    links = {"self": location, "reset": f"{location}/reset", "run": link(req, "agents", agent, "run")}
    return json_response({**described, "links": links})


def _answer_later(req: func.HttpRequest, agent: str, session_id: str, status: str) -> func.HttpResponse:
    location = _session_link(req, agent, session_id)
    body = {"agent": agent, "session_id": session_id, "status": status, "links": {"self": location}}
    return json_response(body, 202, {"Location": location, "Retry-After": _POLL_SECONDS})


def _session_link(req: func.HttpRequest, agent: str, session_id: str) -> str:
    return link(req, "agents", agent, "sessions", session_id)


def _unknown_session(agent: str, session_id: str) -> ProblemError:
    return ProblemError(404, "unknown-session", f"Agent {agent!r} has no session {session_id!r}.")


def _read_page_token(req: func.HttpRequest) -> PageStart | None:
    text = req.params.get("page_token")
    if not text:
        return None
    start = PageStart.parse(text)
    if start is None:
        raise invalid_parameter("page_token", text, "the next_page_token of the page before")
    return start
