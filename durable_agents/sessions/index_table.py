"""The session index in Azure Table Storage, for any number of machines.

All rows of an agent are in one partition, so that those of one session change in one transaction:

    row key                       what for
    s_<session>                   to find a session; holds its times
    u_<~used>_<session>           listing, the last used first: the time is counted down
    o_<owner>_<~used>_<session>   the same of those that belong to one owner; missing where a session has none
    x_<expires>_<session>         the sweep, the longest expired first; missing where a session never expires
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING, Any

from durable_agents.owners import owner_of
from durable_agents.sessions.index import PageStart, SessionEntry, from_micros, to_micros
from durable_agents.threads import in_store_thread

if TYPE_CHECKING:
    from azure.data.tables import TableClient

_LAST_MICROS = 10**17 - 1
_ATTEMPTS = 3

Row = dict[str, Any]


class TableSessionIndex:
    """A `SessionIndex` in a table, which is created when it is missing; `connect` returns its client.

    Nothing is imported or connected before the first use. The client is a blocking one, used from threads: sessions
    write from another event loop than HTTP functions read.
    """

    def __init__(self, connect: Callable[[], "TableClient"]) -> None:
        self._connect = connect
        self._lock = Lock()
        self._connected: TableClient | None = None

    async def put(self, agent: str, entry: SessionEntry) -> None:
        """See `SessionIndex.put`.

        Raises:
            azure.core.exceptions.AzureError: The table cannot be reached, or another process keeps changing the rows.
        """
        await in_store_thread(self._replace, agent, entry.session_id, entry)

    async def remove(self, agent: str, session_id: str) -> None:
        """See `SessionIndex.remove`; raises as `put` does."""
        await in_store_thread(self._replace, agent, session_id, None)

    async def find(self, agent: str, session_id: str) -> SessionEntry | None:
        """See `SessionIndex.find`; raises as `put` does."""
        return await in_store_thread(self._find, agent, session_id)

    async def newest(
        self, agent: str, limit: int, start: PageStart | None = None, owner: str | None = None
    ) -> Sequence[SessionEntry]:
        """See `SessionIndex.newest`; raises as `put` does."""
        # "`" comes next after "_".
        kind = "u" if owner is None else f"o_{owner}"
        after = f"{kind}_" if start is None else _use_key(start.used_at, start.session_id, kind)
        return await in_store_thread(self._range, agent, after, f"{kind}`", limit)

    async def expired(self, agent: str, now: datetime, limit: int) -> Sequence[SessionEntry]:
        """See `SessionIndex.expired`; raises as `put` does."""
        return await in_store_thread(self._range, agent, "x_", f"x_{to_micros(now) + 1:017d}_", limit)

    def _replace(self, agent: str, session_id: str, entry: SessionEntry | None) -> None:
        """Put the rows of a session in the place of those it has; again if another process was faster."""
        from azure.data.tables import TableTransactionError, TransactionOperation

        for attempt in range(1, _ATTEMPTS + 1):
            present = set(_keys(self._find(agent, session_id)))
            wanted = set(_keys(entry))
            operations: list[Any] = [
                (TransactionOperation.DELETE, {"PartitionKey": agent, "RowKey": key}) for key in present - wanted
            ]
            if entry is not None:
                operations += [(TransactionOperation.UPSERT, _row(agent, key, entry)) for key in wanted]
            if not operations:
                return
            try:
                self._client().submit_transaction(operations)
                return
            except TableTransactionError:
                if attempt == _ATTEMPTS:
                    raise

    def _find(self, agent: str, session_id: str) -> SessionEntry | None:
        from azure.core.exceptions import ResourceNotFoundError

        try:
            return _entry(self._client().get_entity(agent, f"s_{session_id}"))
        except ResourceNotFoundError:
            return None

    def _range(self, agent: str, after: str, before: str, limit: int) -> list[SessionEntry]:
        rows = self._client().query_entities(
            "PartitionKey eq @agent and RowKey gt @after and RowKey lt @before",
            parameters={"agent": agent, "after": after, "before": before},
            results_per_page=limit,
        )
        return [_entry(row) for row in islice(rows, limit)]

    def _client(self) -> "TableClient":
        from azure.core.exceptions import ResourceExistsError

        with self._lock:
            if self._connected is None:
                client = self._connect()
                with contextlib.suppress(ResourceExistsError):
                    client.create_table()
                self._connected = client
            return self._connected


def _use_key(used_at: datetime, session_id: str, kind: str = "u") -> str:
    return f"{kind}_{_LAST_MICROS - to_micros(used_at):017d}_{session_id}"


def _keys(entry: SessionEntry | None) -> Iterator[str]:
    """Yield the keys of the rows that a session has."""
    if entry is None:
        return
    yield f"s_{entry.session_id}"
    yield _use_key(entry.used_at, entry.session_id)
    if (owner := owner_of(entry.session_id)) is not None:
        yield _use_key(entry.used_at, entry.session_id, f"o_{owner}")
    if entry.expires_at is not None:
        yield f"x_{to_micros(entry.expires_at):017d}_{entry.session_id}"


def _row(agent: str, key: str, entry: SessionEntry) -> Row:
    # Numbers of this size would need a type of their own; a missing value is an empty text.
    expires_at = "" if entry.expires_at is None else str(to_micros(entry.expires_at))
    return {
        "PartitionKey": agent,
        "RowKey": key,
        "session_id": entry.session_id,
        "used_at": str(to_micros(entry.used_at)),
        "expires_at": expires_at,
    }


def _entry(row: Mapping[str, Any]) -> SessionEntry:
    expires_at = from_micros(int(row["expires_at"])) if row["expires_at"] else None
    return SessionEntry(row["session_id"], from_micros(int(row["used_at"])), expires_at)
