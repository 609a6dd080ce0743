"""The stream store of a single machine: one SQLite file, for any number of processes."""

import json
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from durable_agents.polling import poll
from durable_agents.storage.sqlite_file import SqliteFile
from durable_agents.streams.store import (
    PAGE_EVENTS,
    START,
    Cursor,
    StoredEvent,
    StreamEvent,
    StreamId,
    StreamTakenError,
)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS streams (
    stream TEXT PRIMARY KEY,
    expires_at REAL NOT NULL        -- seconds since 1970
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS streams_by_expiry ON streams (expires_at);
CREATE TABLE IF NOT EXISTS events (
    stream TEXT NOT NULL,
    epoch INTEGER NOT NULL,         -- the two halves of the cursor
    number INTEGER NOT NULL,
    kind TEXT NOT NULL,
    data TEXT NOT NULL,             -- a JSON object
    PRIMARY KEY (stream, epoch, number)
) WITHOUT ROWID;
"""
_LONGEST_INTERVAL_SECONDS = 0.2
# How many expired streams the begin of another removes: more than one, so that they become fewer.
_REMOVED_AT_ONCE = 20


class SqliteStreamStore:
    """A `StreamStore` in the file `path`; neither file nor folder is made before the first use.

    A stream can be read until `expiry_seconds` after its last event, and is removed when others begin.
    """

    def __init__(self, path: Path, expiry_seconds: float, now: Callable[[], float] = time.time) -> None:
        self._file = SqliteFile(path, _SCHEMA)
        self._expiry_seconds = expiry_seconds
        self._now = now

    async def begin(self, stream: StreamId) -> Cursor:
        """See `StreamStore.begin`."""
        return await self._file.write(lambda database: self._begin(database, stream.key))

    async def append(self, stream: StreamId, after: Cursor, events: Sequence[StreamEvent]) -> Cursor:
        """See `StreamStore.append`."""
        return await self._file.write(lambda database: self._append(database, stream, after, events))

    async def read(self, stream: StreamId, after: Cursor | None, wait_seconds: float) -> list[StoredEvent]:
        """See `StreamStore.read`. The file tells nobody when it changes: it is looked at, ever more rarely."""

        async def look() -> list[StoredEvent] | None:
            return await self._file.read(lambda database: self._read(database, stream.key, after)) or None

        return await poll(look, wait_seconds, _LONGEST_INTERVAL_SECONDS) or []

    async def remove(self, streams: Sequence[StreamId]) -> None:
        """See `StreamStore.remove`."""
        keys = [(stream.key,) for stream in streams]
        await self._file.write(lambda database: _remove(database, keys))

    def close(self) -> None:
        """Close the file; what is under way is finished first."""
        self._file.close()

    def _begin(self, database: sqlite3.Connection, key: str) -> Cursor:
        self._remove_expired(database)
        start = Cursor.of_start(self._now(), _last_cursor(database, key))
        self._insert(database, key, [StoredEvent(start, START)])
        return start

    def _append(
        self, database: sqlite3.Connection, stream: StreamId, after: Cursor, events: Sequence[StreamEvent]
    ) -> Cursor:
        last = _last_cursor(database, stream.key)
        if last is not None and last > after:
            raise StreamTakenError(stream)
        stored = [StoredEvent(after := after.next(), event) for event in events]
        self._insert(database, stream.key, stored)
        return after

    def _insert(self, database: sqlite3.Connection, key: str, events: Sequence[StoredEvent]) -> None:
        rows = [(key, e.cursor.epoch, e.cursor.number, e.event.kind, json.dumps(dict(e.event.data))) for e in events]
        database.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?)", rows)
        database.execute("INSERT OR REPLACE INTO streams VALUES (?, ?)", (key, self._now() + self._expiry_seconds))

    def _read(self, database: sqlite3.Connection, key: str, after: Cursor | None) -> list[StoredEvent]:
        epoch, number = (0, 0) if after is None else (after.epoch, after.number)
        query = """
            SELECT epoch, number, kind, data FROM events JOIN streams USING (stream)
            WHERE stream = ? AND (epoch, number) > (?, ?) AND expires_at > ? ORDER BY epoch, number LIMIT ?"""
        rows = database.execute(query, (key, epoch, number, self._now(), PAGE_EVENTS))
        return [StoredEvent(Cursor(*place), StreamEvent(kind, json.loads(data))) for *place, kind, data in rows]

    def _remove_expired(self, database: sqlite3.Connection) -> None:
        query = "SELECT stream FROM streams WHERE expires_at <= ? ORDER BY expires_at LIMIT ?"
        expired = database.execute(query, (self._now(), _REMOVED_AT_ONCE)).fetchall()
        _remove(database, expired)


def _remove(database: sqlite3.Connection, keys: Sequence[tuple[str]]) -> None:
    database.executemany("DELETE FROM events WHERE stream = ?", keys)
    database.executemany("DELETE FROM streams WHERE stream = ?", keys)


def _last_cursor(database: sqlite3.Connection, key: str) -> Cursor | None:
    query = "SELECT epoch, number FROM events WHERE stream = ? ORDER BY epoch DESC, number DESC LIMIT 1"
    row = database.execute(query, (key,)).fetchone()
    return None if row is None else Cursor(*row)
