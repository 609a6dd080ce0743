"""Create the session index that the settings ask for. What an index needs is imported only where it is used."""

from hosting.session_index import SessionIndex
from settings import SessionIndexSettings, SqliteIndexSettings, TableIndexSettings


def create_session_index(settings: SessionIndexSettings) -> SessionIndex:
    """Return the index. Nothing is opened yet: a failure shows at the first turn, in the log, and at the first list."""
    match settings:
        case SqliteIndexSettings():
            from hosting.session_index_sqlite import SqliteSessionIndex

            return SqliteSessionIndex(settings.directory / "sessions.db")
        case TableIndexSettings():
            return _create_table_index(settings)


def _create_table_index(settings: TableIndexSettings) -> SessionIndex:
    from azure.data.tables import TableClient
    from azure.identity import DefaultAzureCredential

    from hosting.session_index_table import TableSessionIndex

    credential = DefaultAzureCredential(managed_identity_client_id=settings.managed_identity_client_id)
    return TableSessionIndex(TableClient(settings.account_url, settings.table, credential=credential))
