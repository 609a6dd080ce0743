"""One host per task hub file: an operating-system lock that ends with the process, however it ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType
from typing import IO

from devhost.hub.file import HubFileError, lock_path


class HubInUseError(Exception):
    """Another host has the task hub open."""


class HubLock:
    """Holds the lock file beside a task hub. The file stays; the lock on it goes with the process, kill -9 included.

    On POSIX it is a record lock: unlike one of `flock`, a child that a fork makes does not have it and cannot keep it
    when the host is killed. It is not for two in one process, which share it. A hub whose lock file is deleted takes no
    commit any more (`HubFiles`), so that a second host, which then gets a lock, is the only one that writes.
    """

    def __init__(self, hub: Path) -> None:
        self._hub = hub
        self._path = lock_path(hub)
        self._file: IO[str] | None = None

    def __enter__(self) -> HubLock:
        """Take the lock and write this process's id into its file; a missing folder is made.

        Raises:
            HubInUseError: Another process holds it; the message names its id.
            HubFileError: The folder or a file in it cannot be made or written.
        """
        try:
            self._hub.parent.mkdir(parents=True, exist_ok=True)
            file = open(self._path, "a+", encoding="ascii", errors="replace")
        except OSError as ex:
            raise HubFileError(
                f"The task hub {self._hub} cannot be used ({ex.strerror}): name a file that can be written with --db."
            ) from ex
        try:
            _lock(file)
        except OSError as ex:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            file.close()
            raise HubInUseError(
                f"The task hub {self._hub} is in use by process {holder}. "
                "Stop that host first, or name another file with --db."
            ) from ex
        file.seek(0)
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()
        self._file = file
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release the lock."""
        if self._file is not None:
            self._file.close()
            self._file = None


def holder(hub: Path) -> str | None:
    """Return the id of the process that has a task hub open, or None. The lock is taken for the moment of looking.

    Not for a process that has the hub open itself: on POSIX, closing the file here would give its lock back.

    Raises:
        OSError: The lock file cannot be opened.
    """
    if not lock_path(hub).exists():
        return None
    with open(lock_path(hub), "r+", encoding="ascii", errors="replace") as file:
        try:
            _lock(file)
        except OSError:
            return file.read().strip() or "unknown"
    return None


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[str]) -> None:
        # Far behind the text, so that another process can still read the holder's id.
        os.lseek(file.fileno(), 1 << 20, os.SEEK_SET)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: IO[str]) -> None:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
