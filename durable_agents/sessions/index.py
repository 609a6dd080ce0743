"""The index of agent sessions: which there are, when each was last used, when it expires.

The durable SDK cannot list entities, and reading every session to list them would not do. So each session's entity
enters itself here before it takes a turn, and takes itself out when it ends; nobody else writes.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol, Self

from durable_agents.ids import SESSION_ID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TOKEN = re.compile(rf"([0-9]{{1,17}})_({SESSION_ID.pattern})")


def to_micros(moment: datetime) -> int:
    """Return an aware datetime as microseconds since 1970-01-01 UTC."""
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return the UTC datetime of a number of microseconds since 1970-01-01."""
    return _EPOCH + micros * _MICROSECOND


@dataclass(frozen=True, slots=True)
class SessionEntry:
    """One session of an agent.

    Attributes:
        session_id: Its id.
        used_at: When it last got a message (UTC); in 1970 if it is gone.
        expires_at: When it ends unless it is used again (UTC), or None for never.
    """

    session_id: str
    used_at: datetime
    expires_at: datetime | None

    def is_expired(self, now: datetime) -> bool:
        """Say whether its time is over."""
        return self.expires_at is not None and self.expires_at <= now

    @property
    def is_gone(self) -> bool:
        """Whether the session has ended, and only tells who asks for one of its runs; then it is not listed."""
        return self.used_at == _EPOCH

    @property
    def token(self) -> str:
        """The page token that continues a listing after this session."""
        return f"{to_micros(self.used_at)}_{self.session_id}"


@dataclass(frozen=True, slots=True)
class PageStart:
    """Where a page of a listing begins: after the session that was last used at `used_at` and has this id."""

    used_at: datetime
    session_id: str

    @classmethod
    def parse(cls, token: str) -> Self | None:
        """Read the token of a `SessionEntry`; None if the text is not one."""
        found = _TOKEN.fullmatch(token)
        return None if found is None else cls(from_micros(int(found[1])), found[2])


class SessionIndex(Protocol):
    """Keeps the sessions of all agents. Agents are named as they are registered; every method may be repeated."""

    async def put(self, agent: str, entry: SessionEntry) -> None:
        """Enter a session, in the place of its earlier entry if it has one."""
        ...

    async def remove(self, agent: str, session_id: str) -> None:
        """Take a session out, if it is in."""
        ...

    async def find(self, agent: str, session_id: str) -> SessionEntry | None:
        """Return the entry of one session."""
        ...

    async def newest(
        self, agent: str, limit: int, start: PageStart | None = None, owner: str | None = None
    ) -> Sequence[SessionEntry]:
        """Return at most `limit` sessions of an agent, the last used first; reads no more than these.

        With an `owner`, only those that belong to it.

        Sessions that are used while a caller goes from page to page move to the front, so it may miss them.
        """
        ...

    async def expired(self, agent: str, now: datetime, limit: int) -> Sequence[SessionEntry]:
        """Return at most `limit` sessions of an agent whose time is over, the longest expired first."""
        ...
