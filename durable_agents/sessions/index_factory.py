"""Create the session index that the settings ask for. What an index needs is imported only where it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_agents.sessions.index import SessionIndex
from durable_agents.settings.sessions import SessionIndexSettings, SqliteIndexSettings, TableIndexSettings

if TYPE_CHECKING:
    from azure.data.tables import TableClient

# The list of sessions must not hold up a turn: give up soon, the next message tries again.
_LIMITS: dict[str, Any] = {"retry_total": 2, "retry_backoff_factor": 0.1, "connection_timeout": 3, "read_timeout": 3}


def create_session_index(settings: SessionIndexSettings) -> SessionIndex:
    """Return the index. Nothing is opened yet: a failure shows at the first turn, in the log, and at the first list."""
    match settings:
        case SqliteIndexSettings():
            from durable_agents.sessions.index_sqlite import SqliteSessionIndex

            return SqliteSessionIndex(settings.directory / "sessions.db")
        case TableIndexSettings():
            return _create_table_index(settings)


def _create_table_index(settings: TableIndexSettings) -> SessionIndex:
    from durable_agents.sessions.index_table import TableSessionIndex

    def connect() -> TableClient:
        from azure.data.tables import TableClient
        from azure.identity import DefaultAzureCredential

        credential = DefaultAzureCredential(managed_identity_client_id=settings.managed_identity_client_id)
        return TableClient(settings.account_url, settings.table, credential=credential, **_LIMITS)

    return TableSessionIndex(connect)
