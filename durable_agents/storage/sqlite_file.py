"""One SQLite file that this app owns, used from coroutines: for a single machine and any number of its processes.

One thread does all the work of a process, so that neither an event loop nor the pool of threads that tools run in has
to wait for the disk. A crash of the process loses nothing that was written; a power failure may lose the latest writes.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

ResultT = TypeVar("ResultT")

_LOCK_SECONDS = 5.0


class SqliteFile:
    """The file at `path`, with the tables of `schema`; neither file nor folder is made before the first use.

    `schema` is SQL that is run whenever the file is opened, and must be safe to run again.
    """

    def __init__(self, path: Path, schema: str) -> None:
        self._path = path
        self._schema = schema
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=path.stem)
        self._connection: sqlite3.Connection | None = None

    async def write(self, work: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        """Return what `work` returns, done in the thread, in one transaction: it happens as a whole or not at all.

        Raises:
            sqlite3.Error: The file cannot be used, or another process locks it for longer than five seconds.
        """
        return await self._in_thread(lambda: self._transact(work))

    async def read(self, work: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        """Return what `work` returns, done in the thread. It waits for no writer.

        Raises:
            sqlite3.Error: The file cannot be used.
        """
        return await self._in_thread(lambda: work(self._database()))

    def close(self) -> None:
        """Close the file; what is under way is finished first."""
        self._thread.shutdown()
        if self._connection is not None:
            self._connection.close()

    async def _in_thread(self, work: Callable[[], ResultT]) -> ResultT:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _transact(self, work: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        with self._database() as database:
            database.execute("BEGIN IMMEDIATE")
            return work(database)

    def _database(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._open()
        return self._connection

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Used by one thread only, but closed by the one that closes the store. Transactions are begun by hand.
        database = sqlite3.connect(self._path, timeout=_LOCK_SECONDS, isolation_level=None, check_same_thread=False)
        _use_write_ahead_log(database)
        database.execute("PRAGMA synchronous = NORMAL")
        database.executescript(self._schema)
        return database


def _use_write_ahead_log(database: sqlite3.Connection) -> None:
    """Change the mode of the file. SQLite waits for no other process here, so this has to try again."""
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.01)
