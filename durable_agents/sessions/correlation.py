"""Ids of agent runs that can be told from ids nobody ever handed out.

While an agent works, its entity shows no trace of the request, so the id itself must say whether it is real. It is no
secret, and nobody else can make one. Its 40 hex digits:

    0-9     when it was issued, seconds since 1970; under an idempotency key, when the day began (UTC)
    10-21   the run key, which names the run within its session: random, or from the idempotency key
    22-29   the body of the request, if the run has an idempotency key; else random
    30-39   a seal over agent, session and all of these
"""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta

from durable_agents.ids import CORRELATION_ID
from durable_agents.seal import Seal

_PURPOSE = "run"

LONGEST_RUN = timedelta(hours=48)
"""How long an id without an answer counts as a run in progress; after that the turn was lost.

Ids under an idempotency key are dated to the beginning of their day.
"""


class RunIds:
    """Makes the ids of runs, and knows those it has made."""

    def __init__(self, seal: Seal) -> None:
        self._seal = seal

    def new(self, agent: str, session_id: str, now: datetime) -> str:
        """Return a new id for a run of this agent in this session."""
        return self._sealed(agent, session_id, now, secrets.token_hex(10))

    def under_key(self, agent: str, session_id: str, idempotency_key: str, body: str, now: datetime) -> str:
        """Return the id of the run under this key, the same all day; `body` is the checked request as text.

        On another day, or sealed with another key of the app, it differs, and a repeat is still known by `run_key`.
        """
        day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return self._sealed(agent, session_id, day, _digest(idempotency_key)[:12] + _digest(body)[:8])

    def issued_at(self, correlation_id: str, agent: str, session_id: str) -> datetime | None:
        """Return when the id was issued for this agent and session (UTC, whole seconds), or None if it never was."""
        body, seal = correlation_id[:30], correlation_id[30:]
        if CORRELATION_ID.fullmatch(correlation_id) is None:
            return None
        if not self._seal.fits(_PURPOSE, f"{agent}\n{session_id}\n{body}", seal):
            return None
        return datetime.fromtimestamp(int(body[:10], 16), UTC)

    def _sealed(self, agent: str, session_id: str, issued: datetime, rest: str) -> str:
        body = f"{int(issued.timestamp()):010x}{rest}"
        return body + self._seal.of(_PURPOSE, f"{agent}\n{session_id}\n{body}")[:10]


def issued_seconds(correlation_id: str) -> int:
    """Return when an id of this form says it was issued, in seconds since 1970."""
    return int(correlation_id[:10], 16)


def run_key(correlation_id: str) -> str:
    """Return what names the run within its session; an id that others have made stands for itself."""
    return correlation_id[10:22] if CORRELATION_ID.fullmatch(correlation_id) else correlation_id


def has_same_body(first: str, second: str) -> bool:
    """Say whether two ids of one run key stand for the same request body."""
    return first[22:30] == second[22:30]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
