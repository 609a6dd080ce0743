"""How long an agent's sessions live: until a time after their last message, and then as if they had never been.

The times are kept in the session itself, which decides, and in the index of sessions, from which they are listed and
swept. A session enters the index before its state is stored, so none escapes the sweep.
"""

import asyncio
import logging
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from agent_framework import SupportsAgentRun
from agent_framework_durabletask import DurableAgentState

from durable_agents.ids import SESSION_ID, fits
from durable_agents.sessions.index import SessionEntry, SessionIndex, from_micros, to_micros

logger = logging.getLogger(__name__)

SESSION_TTL_DAYS = "session_ttl_days"
"""The name in an agent's `additional_properties` of the days that its sessions live unused; None stands for ever."""

_LIFETIME = "lifetime"
# A turn does not end before its session is listed, but waits no longer than this.
_INDEX_SECONDS = 5.0


def ttl_of_agent(agent: SupportsAgentRun, default: timedelta | None) -> timedelta | None:
    """Return how long the sessions of an agent live after their last message, None for ever; `default` unless it says.

    Raises:
        ValueError: It says something that is no positive number of days.
    """
    properties: dict[str, Any] = getattr(agent, "additional_properties", {})
    if SESSION_TTL_DAYS not in properties:
        return default
    days = properties[SESSION_TTL_DAYS]
    if days is None:
        return None
    if isinstance(days, bool) or not isinstance(days, int | float) or not days > 0:
        raise ValueError(
            f"Agent {agent.name!r} declares {SESSION_TTL_DAYS} = {days!r}. Use a positive number of days, or None."
        )
    return timedelta(days=days)


def read_lifetime(extension: Mapping[str, Any] | None, session_id: str) -> SessionEntry | None:
    """Return when a session was last used and when it expires, from its extension data; None if it does not say."""
    stored = (extension or {}).get(_LIFETIME)
    if stored is None:
        return None
    expires_at = stored["expires_at"]
    return SessionEntry(
        session_id, from_micros(stored["used_at"]), None if expires_at is None else from_micros(expires_at)
    )


@dataclass(frozen=True, slots=True)
class SessionLifetime:
    """Keeps the times of the sessions of one agent, in their states and in the index.

    Attributes:
        agent: The agent's name.
        ttl: How long a session lives after its last message, or None for ever.
        index: Where the sessions are listed, or None for nowhere.
    """

    agent: str
    ttl: timedelta | None = None
    index: SessionIndex | None = None

    def is_over(self, state: DurableAgentState, now: datetime) -> bool:
        """Say whether the session has expired. A new time-to-live holds from a session's next message on."""
        entry = read_lifetime(state.data.extension_data, "")
        return entry is not None and entry.is_expired(now)

    def renew(
        self, state: DurableAgentState, session_id: str, now: datetime, at_least: datetime | None = None
    ) -> SessionEntry:
        """Write into the session that it is used now, and return its entry for the index; it lives `at_least` until."""
        expires_at = None if self.ttl is None else max(now + self.ttl, at_least or now)
        state.data.extension_data = {**(state.data.extension_data or {}), _LIFETIME: _times(now, expires_at)}
        return SessionEntry(session_id, now, expires_at)

    async def enter(self, entry: SessionEntry) -> None:
        """Enter the session into the index. A failure is logged: the next message enters it again.

        A session that an orchestration has given an id of another kind cannot be reached over HTTP, and is not listed.
        """
        if self.index is not None and fits(SESSION_ID, entry.session_id):
            await self._attempt(entry.session_id, self.index.put(self.agent, entry))

    def end(self, state: DurableAgentState, session_id: str, now: datetime, swept_at: datetime) -> SessionEntry | None:
        """Write into the session that it is over, and return what stands for it in the index until the sweep.

        None says that no sweep would find it, so that it must not stay.
        """
        if self.index is None or not fits(SESSION_ID, session_id):
            return None
        state.data.extension_data = {**(state.data.extension_data or {}), _LIFETIME: _times(now, now)}
        return SessionEntry(session_id, from_micros(0), swept_at)

    async def leave(self, session_id: str) -> None:
        """Take the session out of the index. A failure is logged: the sweep comes to it again."""
        if self.index is not None:
            await self._attempt(session_id, self.index.remove(self.agent, session_id))

    async def _attempt(self, session_id: str, change: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(_INDEX_SECONDS):
                await change
        except Exception:
            # The index must not cost an answer: the session itself is stored with its entity.
            logger.exception("Agent %s, session %s: the index of sessions could not be written", self.agent, session_id)


def _times(used_at: datetime, expires_at: datetime | None) -> dict[str, int | None]:
    return {"used_at": to_micros(used_at), "expires_at": None if expires_at is None else to_micros(expires_at)}
