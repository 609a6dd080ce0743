"""Ids of agent runs that can be told from ids nobody ever handed out.

While an agent works, its entity shows no trace of the request, so the id itself must say whether it is real: it holds
the time it was issued and a checksum over agent and session. It is no secret and protects nothing.
"""

import hashlib
import secrets
from datetime import UTC, datetime

from hosting.names import CORRELATION_ID


def new_correlation_id(agent: str, session_id: str, now: datetime) -> str:
    """Return a new id for a run of this agent in this session: 40 hex digits."""
    body = f"{int(now.timestamp()):010x}{secrets.token_hex(10)}"
    return body + _checksum(agent, session_id, body)


def issued_at(correlation_id: str, agent: str, session_id: str) -> datetime | None:
    """Return when the id was issued for this agent and session (UTC, whole seconds), or None if it never was."""
    body, checksum = correlation_id[:30], correlation_id[30:]
    if CORRELATION_ID.fullmatch(correlation_id) is None or checksum != _checksum(agent, session_id, body):
        return None
    return datetime.fromtimestamp(int(body[:10], 16), UTC)


def _checksum(agent: str, session_id: str, body: str) -> str:
    return hashlib.sha256(f"{agent}\n{session_id}\n{body}".encode()).hexdigest()[:10]
