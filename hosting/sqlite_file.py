"""One SQLite file that this app owns, used from coroutines: for a single machine and any number of its processes.

One thread does all the work of a process, so that neither an event loop nor the pool of threads that tools run in has
to wait for the disk. A crash of the process loses nothing that was written; a power failure may lose the latest writes.
"""

import asyncio
import sqlite3
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

    async def run(self, work: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        """Return what `work` returns, done in the thread, in one transaction: it happens as a whole or not at all.

        Raises:
            sqlite3.Error: The file cannot be used, or another process locks it for longer than five seconds.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work)

    def close(self) -> None:
        """Close the file; what is under way is finished first."""
        self._thread.shutdown()
        if self._connection is not None:
            self._connection.close()

    def _transact(self, work: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        if self._connection is None:
            self._connection = self._open()
        with self._connection as database:
            database.execute("BEGIN IMMEDIATE")
            return work(database)

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Used by one thread only, but closed by the one that closes the store. Transactions are begun by hand.
        database = sqlite3.connect(self._path, timeout=_LOCK_SECONDS, isolation_level=None, check_same_thread=False)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.executescript(self._schema)
        return database
