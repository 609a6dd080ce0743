"""Create the session index that the settings ask for. What an index needs is imported only where it is used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from durable_agents.sessions.index import SessionIndex

if TYPE_CHECKING:
    from azure.data.tables import TableClient

TABLE = "sessions"
# The list of sessions must not hold up a turn: give up soon, the next message tries again.
_LIMITS: dict[str, Any] = {"retry_total": 2, "retry_backoff_factor": 0.1, "connection_timeout": 3, "read_timeout": 3}


def create_session_index(place: str | Path) -> SessionIndex:
    """Return the index: a file in a folder, for a single machine, or a table of the storage account at a URL.

    Nothing is opened yet: a failure shows at the first turn, in the log, and at the first list.
    """
    if isinstance(place, Path):
        from durable_agents.sessions.index_sqlite import SqliteSessionIndex

        return SqliteSessionIndex(place / "sessions.db")
    from durable_agents.sessions.index_table import TableSessionIndex

    def connect() -> TableClient:
        from azure.data.tables import TableClient
        from azure.identity import DefaultAzureCredential

        return TableClient(place, TABLE, credential=DefaultAzureCredential(), **_LIMITS)

    return TableSessionIndex(connect)
