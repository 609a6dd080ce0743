"""`/agents/{agent}/sessions`: list the sessions of an agent, read one, clear it, end it."""

from datetime import UTC, datetime
from typing import Literal

import azure.durable_functions as df
import azure.functions as func

from durable_agents.http.access import Access
from durable_agents.http.contracts import PAGING, Contract
from durable_agents.http.links import Links
from durable_agents.http.problems import ProblemError
from durable_agents.http.query import read_limit, read_page_token
from durable_agents.http.requests import accepted, json_response
from durable_agents.http.routing import Router
from durable_agents.ids import SESSION_ID, fits
from durable_agents.polling import poll
from durable_agents.sessions.agent_registry import AgentRegistry
from durable_agents.sessions.index import PageStart, SessionIndex
from durable_agents.sessions.session_models import Session, SessionChange, SessionPage, SessionSummary
from durable_agents.sessions.session_view import StoredSession, find_session, has_turns, view_session
from durable_agents.sessions.signal import signal_session

# How long a caller waits for a session to be cleared or ended: messages that came before are answered first.
_WAIT_SECONDS = 5.0


class SessionRoutes:
    """The routes of sessions."""

    def __init__(self, agents: AgentRegistry, access: Access, links: Links, index: SessionIndex) -> None:
        self._agents = agents
        self._access = access
        self._links = links
        self._index = index

    def register(self, router: Router) -> None:
        """Register the routes."""
        every, one = "agents/{agent}/sessions", "agents/{agent}/sessions/{session}"
        listing = Contract({200: (SessionPage,)}, parameters=PAGING)
        deletion, reset = Contract({204: (), 202: (SessionChange,)}), Contract({200: (Session,), 202: (SessionChange,)})
        router.add("GET", every, self.list_sessions, contract=listing)
        router.add("GET", one, self.get_session, contract=Contract({200: (Session,)}))
        router.add("DELETE", one, self.delete_session, contract=deletion)
        router.add("POST", f"{one}/reset", self.reset_session, contract=reset)

    async def list_sessions(self, req: func.HttpRequest) -> func.HttpResponse:
        """List the sessions of an agent, the last used first; `limit` at a time, then from `page_token` on."""
        agent = self._agents.find(req.route_params["agent"]).name
        limit = read_limit(req)
        now = datetime.now(UTC)
        start = read_page_token(req, PageStart.parse)
        entries = await self._index.newest(agent, limit, start, self._access.listed_owner(req) or None)
        sessions = [
            SessionSummary(
                session_id=entry.session_id,
                used_at=entry.used_at,
                expires_at=entry.expires_at,
                links={"self": self._location(req, agent, entry.session_id)},
            )
            for entry in entries
            if not entry.is_expired(now) and not entry.is_gone and self._access.sees(req, entry.session_id)
        ]
        next_token = entries[-1].token if len(entries) == limit else None
        return json_response(SessionPage(sessions=sessions, next_page_token=next_token))

    async def get_session(self, req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
        """Show the conversation of a session, turn by turn, and what it has cost."""
        agent, session_id = self._named(req)
        session = await find_session(client, agent, session_id, datetime.now(UTC))
        if session is None:
            raise _unknown_session(agent, session_id)
        return self._show(req, agent, session_id, session)

    async def delete_session(self, req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
        """End a session, after the messages that came before; the next message with its id begins a new one."""
        agent, session_id = await self._existing(req, client)
        await signal_session(client, agent, session_id, "delete")

        async def probe() -> bool | None:
            return None if await self._exists(client, agent, session_id) else True

        if await poll(probe, _WAIT_SECONDS):
            return func.HttpResponse(status_code=204)
        return self._accept(req, agent, session_id, "deleting")

    async def reset_session(self, req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
        """Clear the conversation of a session, after the messages that came before; the session itself stays."""
        agent, session_id = await self._existing(req, client)
        await signal_session(client, agent, session_id, "reset")

        async def probe() -> StoredSession | None:
            session = await find_session(client, agent, session_id, datetime.now(UTC))
            return None if session is None or has_turns(session) else session

        cleared = await poll(probe, _WAIT_SECONDS)
        if cleared is None:
            return self._accept(req, agent, session_id, "resetting")
        return self._show(req, agent, session_id, cleared)

    def _named(self, req: func.HttpRequest) -> tuple[str, str]:
        """Return the agent and the session id that the route names.

        Raises:
            ProblemError: 404, there is no such agent, or no session can have this id.
        """
        agent, session_id = self._agents.find(req.route_params["agent"]).name, req.route_params["session"]
        if not fits(SESSION_ID, session_id):
            raise _unknown_session(agent, session_id)
        return agent, session_id

    async def _existing(self, req: func.HttpRequest, client: df.DurableOrchestrationClient) -> tuple[str, str]:
        """Return the agent and the session id that the route names.

        Raises:
            ProblemError: 404, there is no such session.
        """
        agent, session_id = self._named(req)
        if not await self._exists(client, agent, session_id):
            raise _unknown_session(agent, session_id)
        return agent, session_id

    async def _exists(self, client: df.DurableOrchestrationClient, agent: str, session_id: str) -> bool:
        """Say whether the session is listed, as it is from its first message on, or stored."""
        entry = await self._index.find(agent, session_id)
        is_listed = entry is not None and not entry.is_gone
        return is_listed or await find_session(client, agent, session_id, datetime.now(UTC)) is not None

    def _show(self, req: func.HttpRequest, agent: str, session_id: str, session: StoredSession) -> func.HttpResponse:
        location, run = self._location(req, agent, session_id), self._links.to(req, "agents", agent, "run")
        links = {"self": location, "reset": f"{location}/reset", "run": run}
        return json_response(view_session(session, agent, session_id, links))

    def _accept(
        self, req: func.HttpRequest, agent: str, session_id: str, status: Literal["deleting", "resetting"]
    ) -> func.HttpResponse:
        location = self._location(req, agent, session_id)
        change = SessionChange(agent=agent, session_id=session_id, status=status, links={"self": location})
        return accepted(change, location)

    def _location(self, req: func.HttpRequest, agent: str, session_id: str) -> str:
        return self._links.to(req, "agents", agent, "sessions", session_id)


def _unknown_session(agent: str, session_id: str) -> ProblemError:
    return ProblemError(404, "unknown-session", f"Agent {agent!r} has no session {session_id!r}.")
