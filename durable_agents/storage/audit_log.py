"""The audit log: one chain of entries, appended and never changed, that outlives what it tells of.

Each entry has the hash of the one before it. It is appended on the condition that nobody else has appended since that
one was read, so of any number of writers there is one chain. A file is closed, each day and when it is full, by an
entry that names the next and is appended on the same condition: nobody writes behind it, and what is removed is missed.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from durable_agents.settings.groups import Folder
from durable_agents.storage.audit_files import SUFFIX, AuditFiles, open_audit_files
from durable_agents.storage.audit_lines import BEGINNING, Line, read_lines, write_line
from durable_agents.storage.once_blobs import BlobCredential

# An append blob takes 50,000.
_MOST_APPENDS = 40_000
_MOST_BYTES = 65_536
_SECONDS = 60.0
_FIRST = f"000001{SUFFIX}"


class AuditLogBusyError(Exception):
    """Others have appended to the log for so long that an entry did not get its turn."""


@dataclass(frozen=True, slots=True)
class _End:
    """Where the next entry goes: after the one with the hash `previous`, in a file of this length."""

    name: str
    previous: str
    length: int = 0
    appends: int = 0
    ids: frozenset[str] = frozenset()
    day: str | None = None


class AuditLog:
    """The log in a folder, or in a container, for any number of threads, processes and machines.

    `now` is the clock by which a new file begins each day, in UTC.
    """

    def __init__(
        self,
        folder: Folder,
        credential: BlobCredential | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._files: AuditFiles = open_audit_files(folder, credential)
        self._now = now
        self._lock = Lock()
        self._name: str | None = None

    def append(self, entry_id: str, members: Mapping[str, Any]) -> None:
        """Append an entry, which is kept when this returns.

        Safe to run twice: an id that is among the last entries, some hundreds, is not appended again. One that comes
        much later stands there twice, and counts once by its id.

        Raises:
            ValueError: It has more than 64 kB.
            AuditLogBusyError: It did not get its turn within a minute.
            azure.core.exceptions.AzureError: Blob Storage cannot be reached or refused it.
            OSError: The folder cannot be written.
        """
        deadline = time.monotonic() + _SECONDS
        with self._lock:
            while not self._append(entry_id, members):
                if time.monotonic() >= deadline:
                    raise AuditLogBusyError(f"The audit log took no entry for {_SECONDS:.0f} seconds. Try again later.")
                time.sleep(random.uniform(0, 0.05))

    def _append(self, entry_id: str, members: Mapping[str, Any]) -> bool:
        """Append the entry, or what has to come before it; say whether it is there."""
        end, today = self._find_end(), self._now().strftime("%Y-%m-%d")
        if entry_id in end.ids:
            return True
        entry = {"id": entry_id, "recorded_at": self._now().isoformat(), **members}
        is_last = end.length > 0 and (end.appends >= _MOST_APPENDS or (end.day or today) < today)
        if is_last:
            number = int(end.name.partition("-")[0].removesuffix(SUFFIX)) + 1
            following = f"{number:06}-{today}{SUFFIX}"
            entry = {"id": f"end of {end.name}", "kind": "end", "continued_in": following}
        line = write_line(end.previous, entry)
        if len(line) > _MOST_BYTES:
            raise ValueError(f"Entry {entry_id!r} of the audit log has {len(line)} bytes, more than {_MOST_BYTES}.")
        is_appended = self._files.append(end.name, end.length, line)
        return is_appended and not is_last

    def _find_end(self) -> _End:
        """Return where the chain ends: from the newest file that has an entry, as the last entries lead on."""
        name, previous = self._name or self._newest(), BEGINNING
        while True:
            tail = self._files.tail(name)
            lines = list(read_lines(tail.content))
            if not lines:
                if name == self._name:
                    # Somebody has removed what this process has read before.
                    self._name = None
                    return self._find_end()
                return _End(name, previous)
            self._name, last = name, lines[-1]
            if last.continued_in is None:
                ids = frozenset(line.id for line in lines)
                return _End(name, last.hash, tail.length, tail.appends, ids, _day_of(name, last))
            name, previous = last.continued_in, last.hash

    def _newest(self) -> str:
        for name in reversed(self._files.names()):
            if self._files.tail(name).length:
                return name
        return _FIRST


def read_log(files: AuditFiles) -> Iterator[tuple[str, Line]]:
    """Yield all entries of a log with the names of their files, as the files follow each other."""
    for name in files.names():
        for line in read_lines(files.read(name)):
            yield name, line


def _day_of(name: str, last: Line) -> str:
    """Return the day on which a file began; of the first, which is named by none, that of its last entry."""
    stated = name.removesuffix(SUFFIX).partition("-")[2]
    return stated or str(last.members.get("recorded_at"))[:10]
