"""Commits work items in groups: one transaction for all that finish at about the same time."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from datetime import timedelta

from devhost.hub.rows import Changes, Instance
from devhost.hub.store import TaskHub

logger = logging.getLogger("devhost.engine")

BUSY_ITEMS = 8
_WAIT_SECONDS_PER_ITEM = 0.0001
_LONGEST_WAIT_SECONDS = 0.01
HELD = timedelta(milliseconds=5)
"""How long a finished activity's result may wait for the turn that it leads to before it is committed without."""

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0


class Commits:
    """Collects changes and writes them to the task hub, in the order in which they came.

    `committed` is called for each, once it is durable, and told whether somebody waits for it. `busy` tells how many
    work items run: while there are many, those that are done wait for others, for up to ten milliseconds or until all
    wait; else they do not wait at all.
    """

    def __init__(self, hub: TaskHub, committed: Callable[[Changes, bool], None], busy: Callable[[], int]) -> None:
        self._hub = hub
        self._committed = committed
        self._busy = busy
        self._group: list[tuple[Changes, asyncio.Future[None] | None]] = []
        self._wake: asyncio.TimerHandle | None = None
        self._waiting = 0
        self._pause = _FIRST_PAUSE_SECONDS

    def now(self, changes: Changes) -> None:
        """Commit these changes and all that wait.

        Raises:
            sqlite3.Error: Nothing of these changes happened.
        """
        self._hub.number(changes)
        self._group.append((changes, None))
        try:
            self._write()
        except sqlite3.Error:
            self._group = [waiting for waiting in self._group if waiting[0] is not changes]
            self._wake_in(self._pause)
            raise

    async def soon(self, changes: Changes) -> None:
        """Commit these changes, together with others, and return when they are durable.

        While the file refuses (disk full, say) it is tried again: a work item that is done is not run again.
        """
        self._hub.number(changes)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._group.append((changes, future))
        self._waiting += 1
        busy = self._busy()
        if busy <= BUSY_ITEMS or self._waiting >= busy:
            self._try_to_write()
        elif self._waiting == 1:
            self._wake_in(min(_WAIT_SECONDS_PER_ITEM * busy, _LONGEST_WAIT_SECONDS))
        await future

    def with_next(self, changes: Changes) -> None:
        """Commit these changes with the next, or in five milliseconds if there is none."""
        self._hub.number(changes)
        self._group.append((changes, None))
        if self._wake is None:
            self._wake_in(HELD.total_seconds())

    def instance(self, instance_id: str) -> Instance | None:
        """Return an instance as it will be when all that waits is committed."""
        for changes, _ in reversed(self._group):
            for instance in changes.instances:
                if instance.instance_id == instance_id:
                    return instance
        return self._hub.instance(instance_id)

    def flush(self) -> None:
        """Commit all that waits.

        Raises:
            sqlite3.Error: Nothing of it happened; it goes on waiting.
        """
        if self._group:
            self._write()

    def _wake_in(self, seconds: float) -> None:
        if self._wake is not None:
            self._wake.cancel()
        self._wake = asyncio.get_running_loop().call_later(seconds, self._on_wake)

    def _on_wake(self) -> None:
        self._wake = None
        self._try_to_write()

    def _try_to_write(self) -> None:
        try:
            self.flush()
        except sqlite3.OperationalError as ex:
            logger.error("The task hub cannot be written (%s); trying again in %.1f s.", ex, self._pause)
            self._wake_in(self._pause)
            self._pause = min(2 * self._pause, _LONGEST_PAUSE_SECONDS)
        except sqlite3.Error:
            self._write_one_by_one()

    def _write(self) -> None:
        self._hub.commit([changes for changes, _ in self._group])
        self._pause = _FIRST_PAUSE_SECONDS
        group, self._group = self._group, []
        self._waiting = 0
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        for changes, future in group:
            self._committed(changes, future is not None)
            if future is not None and not future.done():
                future.set_result(None)

    def _write_one_by_one(self) -> None:
        """Let changes that the task hub does not take harm none but their own work item."""
        group, self._group = self._group, []
        for changes, future in group:
            self._group = [(changes, future)]
            try:
                self._write()
            except sqlite3.Error as ex:
                targets = {one.instance_id for one in changes.instances} | {one.target for one in changes.messages}
                logger.exception("%s: the task hub does not take a work item.", ", ".join(sorted(targets)))
                if future is not None and not future.done():
                    future.set_exception(ex)
        self._group = []
