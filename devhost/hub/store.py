"""The task hub file: what is committed here survives the process."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any

from devhost.hub.columns import INSTANCE, PUT_INSTANCE, from_micros, instance_of, to_micros, values_of
from devhost.hub.file import HubFiles, HubGoneError, open_to_write
from devhost.hub.rows import ActivityItem, Changes, Entity, HistoryRow, Instance, Message, Status

_left_open: list[sqlite3.Connection] = []


class TaskHub:
    """Instances, histories, messages, activities and entities in one SQLite file in WAL mode.

    Every public method that writes is one transaction: it happens as a whole or not at all, and what it wrote outlives
    a kill of the process (`synchronous=NORMAL`: a power cut may lose the latest transactions, never their consistency).
    It raises `HubGoneError`, and nothing happens, once a file of the hub was deleted or replaced.
    Methods may be called on any thread, and wait for each other.
    """

    def __init__(self, path: Path | None) -> None:
        """Open the file, creating it when absent; None keeps the hub in memory only.

        Raises:
            HubVersionError: The file has a newer schema than this devhost knows.
            NotATaskHubError: The file is something else.
            HubFileError: It cannot be made or written, or is damaged.
        """
        self._lock = Lock()
        self._db = open_to_write(path)
        self._last_id: int = self._db.execute(
            "SELECT coalesce(max(id), 0) FROM (SELECT id FROM messages UNION ALL SELECT id FROM activities)"
        ).fetchone()[0]
        self._first_id: int = self._db.execute("SELECT min(0, coalesce(min(id), 0)) FROM messages").fetchone()[0]
        self._files = None if path is None else HubFiles(path)
        self._db.execute("PRAGMA busy_timeout=0")  # from now on the engine tries again, and never blocks its event loop

    def check_files(self) -> None:
        """Make sure that the files are those that were opened; in memory there are none.

        Raises:
            HubGoneError: A file of the task hub was deleted or replaced.
        """
        if self._files is not None:
            self._files.check()

    def close(self) -> None:
        """Close the file; its write-ahead log is folded in.

        The file of a hub that is gone is left open until the process ends: closing it, SQLite would delete the log of
        whatever stands in its place now.
        """
        with self._lock:
            try:
                self.check_files()
            except HubGoneError:
                _left_open.append(self._db)
            else:
                self._db.close()

    # Work items

    def number(self, changes: Changes) -> None:
        """Give the new messages and activities their ids, which are in the order of the calls."""
        with self._lock:
            self._first_id -= sum(message.is_first for message in changes.messages)
            first_ids = count(self._first_id)
            for message in changes.messages:
                message.id = next(first_ids) if message.is_first else self._next_id()
            for activity in changes.activities:
                activity.id = self._next_id()

    def commit(self, group: Sequence[Changes]) -> None:
        """Apply the numbered changes of work items, one after the other, in one transaction."""
        with self._transaction():
            for changes in group:
                self._apply(changes)

    def pending_messages(self) -> Iterator[Message]:
        """Yield every message not yet processed, oldest first."""
        for row in self._rows("SELECT id, target, execution_id, kind, task_id, body, due FROM messages ORDER BY id"):
            message_id, target, execution_id, kind, task_id, body, due = row
            due_at = None if due is None else from_micros(due)
            yield Message(target, kind, body, execution_id, task_id, due_at, id=message_id)

    def pending_activities(self) -> Iterator[ActivityItem]:
        """Yield every activity not yet finished, oldest first."""
        query = "SELECT id, instance_id, execution_id, task_id, name, input FROM activities ORDER BY id"
        for activity_id, instance_id, execution_id, task_id, name, input_text in self._rows(query):
            yield ActivityItem(instance_id, execution_id, task_id, name, input_text, activity_id)

    # Instances

    def instance(self, instance_id: str) -> Instance | None:
        """Return an instance, or None when there is none of this id."""
        rows = self._rows(f"SELECT {INSTANCE} FROM instances WHERE instance_id = ?", instance_id)
        return instance_of(rows[0]) if rows else None

    def history(self, instance_id: str) -> list[HistoryRow]:
        """Return the stored history of an instance's present execution, in order."""
        query = "SELECT event, note FROM history WHERE instance_id = ? ORDER BY n"
        return [HistoryRow(event, note) for event, note in self._rows(query, instance_id)]

    def instances(
        self,
        *,
        statuses: frozenset[Status] | None = None,
        created_from: datetime | None = None,
        created_to: datetime | None = None,
        id_prefix: str = "",
        after: tuple[datetime, str] | None = None,
        limit: int,
    ) -> list[Instance]:
        """Return instances in order of creation, at most `limit`, of those after the given (created, id).

        Without `statuses` every status counts; times are inclusive.
        """
        where, values = ["1"], list[object]()
        if statuses is not None:
            where.append(f"status IN ({', '.join('?' * len(statuses))})")
            values += sorted(statuses)
        if created_from is not None:
            where.append("created >= ?")
            values.append(to_micros(created_from))
        if created_to is not None:
            where.append("created <= ?")
            values.append(to_micros(created_to))
        if id_prefix:
            where.append("substr(instance_id, 1, ?) = ?")
            values += [len(id_prefix), id_prefix]
        if after is not None:
            where.append("(created, instance_id) > (?, ?)")
            values += [to_micros(after[0]), after[1]]
        query = f"SELECT {INSTANCE} FROM instances WHERE {' AND '.join(where)} ORDER BY created, instance_id LIMIT ?"
        return [instance_of(row) for row in self._rows(query, *values, limit)]

    # Entities

    def entity(self, entity_id: str) -> Entity | None:
        """Return an entity's row, or None when it never ran."""
        rows = self._rows("SELECT * FROM entities WHERE entity_id = ?", entity_id)
        return _entity(rows[0]) if rows else None

    def entities(
        self,
        *,
        name: str = "",
        updated_from: datetime | None = None,
        updated_to: datetime | None = None,
        after: tuple[datetime, str] | None = None,
        limit: int,
    ) -> list[Entity]:
        """Return the present entities in order of their last operation, at most `limit`; no name means every name."""
        where, values = ["present"], list[object]()
        if name:
            prefix = f"@{name}@"
            where.append("substr(entity_id, 1, ?) = ?")
            values += [len(prefix), prefix]
        if updated_from is not None:
            where.append("updated >= ?")
            values.append(to_micros(updated_from))
        if updated_to is not None:
            where.append("updated <= ?")
            values.append(to_micros(updated_to))
        if after is not None:
            where.append("(updated, entity_id) > (?, ?)")
            values += [to_micros(after[0]), after[1]]
        query = f"SELECT * FROM entities WHERE {' AND '.join(where)} ORDER BY updated, entity_id LIMIT ?"
        return [_entity(row) for row in self._rows(query, *values, limit)]

    # Below: one statement each, inside a transaction of the caller.

    def _apply(self, changes: Changes) -> None:
        db = self._db
        for message_id in changes.consumed:
            db.execute("DELETE FROM messages WHERE id = ?", (message_id,))
        for timer in changes.canceled_timers:
            db.execute(
                "DELETE FROM messages WHERE target = ? AND execution_id = ? AND task_id = ? AND due IS NOT NULL", timer
            )
        if changes.finished_activity is not None:
            db.execute("DELETE FROM activities WHERE id = ?", (changes.finished_activity,))
        for instance_id in changes.forget_history:
            db.execute("DELETE FROM history WHERE instance_id = ?", (instance_id,))
        for instance in changes.instances:
            db.execute(PUT_INSTANCE, values_of(instance))
        db.executemany(
            "INSERT INTO history VALUES (?, ?, ?, ?)",
            [(instance_id, n, row.event, row.note) for instance_id, n, row in changes.history],
        )
        if changes.entity is not None:
            self._put_entity(changes.entity)
        for message in changes.messages:
            self._add_message(message)
        for activity in changes.activities:
            self._add_activity(activity)
        for instance_id in changes.purged:
            self._purge(instance_id)

    def _purge(self, instance_id: str) -> None:
        for table, column in (
            ("instances", "instance_id"),
            ("history", "instance_id"),
            ("messages", "target"),
            ("activities", "instance_id"),
        ):
            self._db.execute(f"DELETE FROM {table} WHERE {column} = ?", (instance_id,))

    def _put_entity(self, entity: Entity) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO entities (entity_id, present, state, updated) VALUES (?, ?, ?, ?)",
            (entity.entity_id, entity.present, entity.state, to_micros(entity.updated)),
        )

    def _add_message(self, message: Message) -> None:
        self._db.execute(
            "INSERT INTO messages (id, target, execution_id, kind, task_id, body, due) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                message.id,
                message.target,
                message.execution_id,
                message.kind,
                message.task_id,
                message.body,
                None if message.due is None else to_micros(message.due),
            ),
        )

    def _add_activity(self, item: ActivityItem) -> None:
        self._db.execute(
            "INSERT INTO activities (id, instance_id, execution_id, task_id, name, input) VALUES (?, ?, ?, ?, ?, ?)",
            (item.id, item.instance_id, item.execution_id, item.task_id, item.name, item.input),
        )

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def _rows(self, query: str, *values: object) -> list[Any]:
        with self._lock:
            return self._db.execute(query, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self.check_files()
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")


def _entity(row: tuple[str, int, str | None, int]) -> Entity:
    entity_id, present, state, updated = row
    return Entity(entity_id, bool(present), state, from_micros(updated))
