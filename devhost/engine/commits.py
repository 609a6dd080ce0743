"""The one way to write: work items that are done at the same time are committed in one transaction."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from devhost.hub.file import HubGoneError
from devhost.hub.rows import Changes, Instance
from devhost.hub.store import TaskHub

logger = logging.getLogger("devhost.engine")

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """Changes to be written, and who is told that they are."""

    changes: Changes
    is_durable: asyncio.Future[None]


class Commits:
    """Writes changes to the task hub in the order in which they come. Used on the event loop.

    Nothing waits for others to come: what is ready in the same round of the event loop is written together.
    `committed` is called for each item once it is durable, before whoever waits for it goes on.
    """

    def __init__(self, hub: TaskHub) -> None:
        self.committed: Callable[[Changes], None] = lambda changes: None
        self._hub = hub
        self._group: list[_Waiting] = []
        self._wake: asyncio.Handle | None = None
        self._pause = FIRST_PAUSE_SECONDS

    async def soon(self, changes: Changes) -> None:
        """Commit these changes and return when they are durable.

        While the file cannot be written (disk full, say) it is tried again: work that is done is not done again. Who
        gives up waiting takes the changes back.

        Raises:
            HubGoneError: The file was deleted or replaced; nothing can be written any more.
            Exception: The task hub does not take these changes, whatever others it takes; nothing of them happened.
        """
        loop = asyncio.get_running_loop()
        self._hub.number(changes)
        waiting = _Waiting(changes, loop.create_future())
        self._group.append(waiting)
        if self._wake is None:
            self._wake = loop.call_soon(self._write)
        try:
            await waiting.is_durable
        except asyncio.CancelledError:
            with contextlib.suppress(ValueError):  # written already
                self._group.remove(waiting)
            raise

    def instance(self, instance_id: str) -> Instance | None:
        """Return an instance as it will be when all that waits is committed, or None when there is none of this id."""
        for waiting in reversed(self._group):
            for instance in waiting.changes.instances:
                if instance.instance_id == instance_id:
                    return instance
            if instance_id in waiting.changes.purged:
                return None
        return self._hub.instance(instance_id)

    def _write(self) -> None:
        self._wake = None
        group, self._group = self._group, []
        try:
            self._hub.commit([waiting.changes for waiting in group])
        except HubGoneError as ex:
            logger.error("%s", ex)
            self._refuse(group, ex)
        except sqlite3.OperationalError as ex:
            self._try_again(group, ex)
        except Exception:
            self._write_one_by_one(group)
        else:
            self._tell(group)

    def _write_one_by_one(self, group: Sequence[_Waiting]) -> None:
        """Let changes that the task hub does not take harm nobody but their own work item."""
        for n, waiting in enumerate(group):
            try:
                self._hub.commit([waiting.changes])
            except sqlite3.OperationalError as ex:
                self._try_again(group[n:], ex)
                return
            except Exception as ex:
                self._refuse([waiting], ex)
            else:
                self._tell([waiting])

    def _tell(self, group: Sequence[_Waiting]) -> None:
        self._pause = FIRST_PAUSE_SECONDS
        for waiting in group:
            self.committed(waiting.changes)
            if not waiting.is_durable.done():
                waiting.is_durable.set_result(None)

    def _refuse(self, group: Sequence[_Waiting], reason: Exception) -> None:
        for waiting in group:
            if not waiting.is_durable.done():
                waiting.is_durable.set_exception(reason)

    def _try_again(self, group: Sequence[_Waiting], reason: sqlite3.OperationalError) -> None:
        logger.error("The task hub cannot be written (%s); trying again in %.1f s.", reason, self._pause)
        self._group = [*group, *self._group]
        self._wake = asyncio.get_running_loop().call_later(self._pause, self._write)
        self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)
