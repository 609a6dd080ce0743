"""The session index of a single machine, in one SQLite file."""

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from durable_agents.owners import prefix_of
from durable_agents.sessions.index import PageStart, SessionEntry, from_micros, to_micros
from durable_agents.storage.sqlite_file import SqliteFile

# Times are microseconds since 1970-01-01 UTC.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS sessions (
    agent TEXT NOT NULL,
    session_id TEXT NOT NULL,
    used_at INTEGER NOT NULL,
    expires_at INTEGER,
    PRIMARY KEY (agent, session_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sessions_by_use ON sessions (agent, used_at DESC, session_id);
CREATE INDEX IF NOT EXISTS sessions_by_expiry ON sessions (agent, expires_at) WHERE expires_at IS NOT NULL;
"""
_COLUMNS = "session_id, used_at, expires_at"


class SqliteSessionIndex:
    """A `SessionIndex` in the file `path`, for any number of processes."""

    def __init__(self, path: Path) -> None:
        self._file = SqliteFile(path, _SCHEMA)

    async def put(self, agent: str, entry: SessionEntry) -> None:
        """See `SessionIndex.put`."""
        expires_at = None if entry.expires_at is None else to_micros(entry.expires_at)
        row = (agent, entry.session_id, to_micros(entry.used_at), expires_at)
        await self._file.write(lambda database: database.execute("REPLACE INTO sessions VALUES (?, ?, ?, ?)", row))

    async def remove(self, agent: str, session_id: str) -> None:
        """See `SessionIndex.remove`."""
        query = "DELETE FROM sessions WHERE agent = ? AND session_id = ?"
        await self._file.write(lambda database: database.execute(query, (agent, session_id)))

    async def find(self, agent: str, session_id: str) -> SessionEntry | None:
        """See `SessionIndex.find`."""
        where = "WHERE agent = ? AND session_id = ?"
        return next(iter(await self._select(where, agent, session_id)), None)

    async def newest(
        self, agent: str, limit: int, start: PageStart | None = None, owner: str | None = None
    ) -> Sequence[SessionEntry]:
        """See `SessionIndex.newest`."""
        where, values = "WHERE agent = ?", list[object]([agent])
        if owner is not None:
            prefix = prefix_of(owner)
            where, values = f"{where} AND substr(session_id, 1, ?) = ?", [*values, len(prefix), prefix]
        if start is not None:
            used_at = to_micros(start.used_at)
            where += " AND used_at <= ? AND (used_at < ? OR session_id > ?)"
            values += [used_at, used_at, start.session_id]
        return await self._select(f"{where} ORDER BY used_at DESC, session_id LIMIT ?", *values, limit)

    async def expired(self, agent: str, now: datetime, limit: int) -> Sequence[SessionEntry]:
        """See `SessionIndex.expired`."""
        where = "WHERE agent = ? AND expires_at <= ? ORDER BY expires_at LIMIT ?"
        return await self._select(where, agent, to_micros(now), limit)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    async def _select(self, condition: str, *values: object) -> list[SessionEntry]:
        query = f"SELECT {_COLUMNS} FROM sessions {condition}"
        return await self._file.read(lambda database: _entries(database.execute(query, values)))


def _entries(rows: Iterable[Any] | sqlite3.Cursor) -> list[SessionEntry]:
    return [
        SessionEntry(session_id, from_micros(used_at), None if expires_at is None else from_micros(expires_at))
        for session_id, used_at, expires_at in rows
    ]
