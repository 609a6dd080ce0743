"""The stream store of a single machine: one SQLite file, for any number of processes.

One thread does all the work of a process, so neither an event loop nor the pool of threads that tools run in has to
wait for the disk. A crash of the process loses nothing that was appended; a power failure may lose the latest events.
"""

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from hosting.streams import PAGE_EVENTS, START, Cursor, StoredEvent, StreamEvent, StreamId, StreamTakenError

ResultT = TypeVar("ResultT")

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
_LOCK_SECONDS = 5.0
_FIRST_INTERVAL_SECONDS = 0.02
_LONGEST_INTERVAL_SECONDS = 0.2
_GROWTH = 1.5
# How many expired streams the begin of another removes: more than one, so that they become fewer.
_REMOVED_AT_ONCE = 20


class SqliteStreamStore:
    """A `StreamStore` in the file `path`; neither file nor folder is made before the first use.

    A stream can be read until `expiry_seconds` after its last event, and is removed when others begin.
    """

    def __init__(self, path: Path, expiry_seconds: float, now: Callable[[], float] = time.time) -> None:
        self._path = path
        self._expiry_seconds = expiry_seconds
        self._now = now
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="streams")
        self._connection: sqlite3.Connection | None = None

    async def begin(self, stream: StreamId) -> Cursor:
        """See `StreamStore.begin`."""
        return await self._run(lambda database: self._begin(database, stream.key))

    async def append(self, stream: StreamId, after: Cursor, events: Sequence[StreamEvent]) -> Cursor:
        """See `StreamStore.append`."""
        return await self._run(lambda database: self._append(database, stream, after, events))

    async def read(self, stream: StreamId, after: Cursor | None, wait_seconds: float) -> list[StoredEvent]:
        """See `StreamStore.read`. The file tells nobody when it changes: it is looked at, ever more rarely."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait_seconds
        interval = _FIRST_INTERVAL_SECONDS
        while True:
            events = await self._run(lambda database: self._read(database, stream.key, after))
            remaining = deadline - loop.time()
            if events or remaining <= 0:
                return events
            await asyncio.sleep(min(interval, remaining))
            interval = min(interval * _GROWTH, _LONGEST_INTERVAL_SECONDS)

    def close(self) -> None:
        """Close the file; what is under way is finished first."""
        self._thread.shutdown()
        if self._connection is not None:
            self._connection.close()

    async def _run(self, work: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        """Return what `work` returns, done in the thread in a transaction of its own."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work)

    def _transact(self, work: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        if self._connection is None:
            self._connection = _open(self._path)
        with self._connection as database:
            return work(database)

    def _begin(self, database: sqlite3.Connection, key: str) -> Cursor:
        database.execute("BEGIN IMMEDIATE")
        self._remove_expired(database)
        start = Cursor.of_start(self._now(), _last_cursor(database, key))
        self._insert(database, key, [StoredEvent(start, START)])
        return start

    def _append(
        self, database: sqlite3.Connection, stream: StreamId, after: Cursor, events: Sequence[StreamEvent]
    ) -> Cursor:
        database.execute("BEGIN IMMEDIATE")
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
        database.executemany("DELETE FROM events WHERE stream = ?", expired)
        database.executemany("DELETE FROM streams WHERE stream = ?", expired)


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Used by one thread only, but closed by the one that closes the store. Transactions are begun by hand.
    database = sqlite3.connect(path, timeout=_LOCK_SECONDS, isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.executescript(_SCHEMA)
    return database


def _last_cursor(database: sqlite3.Connection, key: str) -> Cursor | None:
    query = "SELECT epoch, number FROM events WHERE stream = ? ORDER BY epoch DESC, number DESC LIMIT 1"
    row = database.execute(query, (key,)).fetchone()
    return None if row is None else Cursor(*row)
