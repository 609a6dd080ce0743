"""A task hub file as it is at one moment, read without changing it: while a host runs on it, and after a crash."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType

from devhost.hub.columns import INSTANCE, from_micros, instance_of, to_micros
from devhost.hub.file import open_to_read
from devhost.hub.rows import HistoryRow, Instance, Status

OF_DAMAGE = (sqlite3.DatabaseError, ValueError, LookupError, TypeError, OverflowError)
"""What reading rows may end in that no devhost wrote."""

_OPEN = ", ".join(f"'{status}'" for status in Status if not status.is_final)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that an instance has yet to process; with `due`, not before that time."""

    kind: int
    task_id: int | None
    due: datetime | None


@dataclass(frozen=True, slots=True)
class EntityRow:
    """An entity that has state: its id, the size of the state in characters, and when it last ran."""

    entity_id: str
    size: int
    updated: datetime


class HubSnapshot:
    """Reads a task hub. All answers are of the same moment, that of the first one, whatever a host writes meanwhile."""

    def __init__(self, path: Path) -> None:
        """Open the file for reading.

        Raises:
            NotATaskHubError: There is no such file, or it is something else.
            HubVersionError: It was written by a newer devhost.
            HubFileError: It cannot be opened.
        """
        self._db = open_to_read(path)

    def __enter__(self) -> HubSnapshot:
        """Return the snapshot; it is closed with the context."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def instance(self, instance_id: str) -> Instance | None:
        """Return an instance, or None when there is none of this id."""
        row = self._db.execute(f"SELECT {INSTANCE} FROM instances WHERE instance_id = ?", (instance_id,)).fetchone()
        return None if row is None else instance_of(row)

    def newest_instances(self, *, status: Status | None, name: str | None, limit: int) -> list[Instance]:
        """Return the instances created last, the newest first; without a status or name, of any. Names ignore case."""
        query = (
            f"SELECT {INSTANCE} FROM instances WHERE (?1 IS NULL OR status = ?1)"
            " AND (?2 IS NULL OR name = ?2 COLLATE NOCASE) ORDER BY created DESC, instance_id DESC LIMIT ?3"
        )
        return [instance_of(row) for row in self._db.execute(query, (status, name, limit))]

    def open_instances(self) -> Iterator[Instance]:
        """Yield the instances that have not ended, the oldest first."""
        query = f"SELECT {INSTANCE} FROM instances WHERE status IN ({_OPEN}) ORDER BY created, instance_id"
        return map(instance_of, self._db.execute(query))

    def open_runs(self) -> dict[str, int]:
        """Return how many instances of each orchestration have not ended."""
        return dict(self._db.execute(f"SELECT name, count(*) FROM instances WHERE status IN ({_OPEN}) GROUP BY name"))

    def damage(self) -> str | None:
        """Return what SQLite finds wrong with the file, or None. Half a second for 500 MB."""
        found: str = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
        return None if found == "ok" else " ".join(found.split())

    def work(self, now: datetime) -> int:
        """Return how many messages and activities a host could work on now: timers only once they are due."""
        query = (
            "SELECT (SELECT count(*) FROM messages WHERE due IS NULL OR due <= ?) + (SELECT count(*) FROM activities)"
        )
        found: int = self._db.execute(query, (to_micros(now),)).fetchone()[0]
        return found

    def history(self, instance_id: str) -> list[HistoryRow]:
        """Return the history of an instance's present execution, in order."""
        query = "SELECT event, note FROM history WHERE instance_id = ? ORDER BY n"
        return [HistoryRow(event, note) for event, note in self._db.execute(query, (instance_id,))]

    def messages(self, instance: Instance) -> list[Waiting]:
        """Return what an instance's present execution has yet to process, oldest first."""
        query = (
            "SELECT kind, task_id, due FROM messages WHERE target = ?"
            " AND (execution_id IS NULL OR execution_id = ?) ORDER BY id"
        )
        found = self._db.execute(query, (instance.instance_id, instance.execution_id))
        return [Waiting(kind, task_id, None if due is None else from_micros(due)) for kind, task_id, due in found]

    def entities(self, prefix: str, limit: int) -> list[EntityRow]:
        """Return the entities with state whose id begins so, the one that ran last first."""
        query = (
            "SELECT entity_id, length(state), updated FROM entities WHERE present AND substr(entity_id, 1, ?) = ?"
            " ORDER BY updated DESC, entity_id LIMIT ?"
        )
        found = self._db.execute(query, (len(prefix), prefix, limit))
        return [EntityRow(entity_id, size or 0, from_micros(updated)) for entity_id, size, updated in found]

    def entity_state(self, entity_id: str) -> str | None:
        """Return an entity's state as JSON text, or None when it has none."""
        row = self._db.execute("SELECT state FROM entities WHERE present AND entity_id = ?", (entity_id,)).fetchone()
        return None if row is None else row[0]
