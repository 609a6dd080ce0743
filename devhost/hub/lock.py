"""One host per task hub file: an operating-system lock that ends with the process, however it ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType
from typing import IO


class HubInUseError(Exception):
    """Another host has the task hub open."""


class HubLock:
    """Holds the lock file beside a task hub. The file stays; the lock on it goes with the process, kill -9 included."""

    def __init__(self, hub: Path) -> None:
        self._hub = hub
        self._path = hub.with_name(hub.name + ".lock")
        self._file: IO[str] | None = None

    def __enter__(self) -> HubLock:
        """Take the lock and write this process's id into its file.

        Raises:
            HubInUseError: Another process holds it; the message names its id.
        """
        file = open(self._path, "a+", encoding="ascii")
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


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[str]) -> None:
        # Far behind the text, so that another process can still read the holder's id.
        os.lseek(file.fileno(), 1 << 20, os.SEEK_SET)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: IO[str]) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
