"""Commits work items and hands what they sent to whoever processes it next."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Protocol

from devhost.clock import Clock
from devhost.engine.commits import Commits
from devhost.engine.timers import Timers
from devhost.hub.rows import ActivityItem, Changes, Message
from devhost.hub.store import TaskHub

logger = logging.getLogger("devhost.engine")

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0


class Processor(Protocol):
    """Processes the messages of one target."""

    async def process(self, target: str, messages: deque[Message]) -> bool:
        """Take messages from the queue and commit what they change; False when none can be processed now."""
        ...


class Dispatcher:
    """One task for each target with messages, one for each activity; all of them woken by commits, none by a clock.

    A message or an activity is handed on only after the transaction that created it has been committed, and is in the
    task hub until the transaction that finishes it: a killed host goes on with exactly what is left there.
    """

    def __init__(self, hub: TaskHub, clock: Clock) -> None:
        self._hub = hub
        self._commits = Commits(hub, self._hand_on, lambda: len(self._tasks))
        self._timers = Timers(clock, self._enqueue)
        self._queues: dict[str, deque[Message]] = {}
        self._draining: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiters: dict[str, set[asyncio.Future[None]]] = {}
        self._is_stopping = False
        self._processor_of: Callable[[str], Processor]
        self._run_activity: Callable[[ActivityItem], Awaitable[None]]

    def start(
        self,
        processor_of: Callable[[str], Processor],
        run_activity: Callable[[ActivityItem], Awaitable[None]],
    ) -> int:
        """Take up all that the task hub holds and return how many messages and activities that was."""
        self._processor_of = processor_of
        self._run_activity = run_activity
        found = Changes(messages=list(self._hub.pending_messages()), activities=list(self._hub.pending_activities()))
        self._hand_on(found)
        return len(found.messages) + len(found.activities)

    async def stop(self, grace_seconds: float) -> None:
        """Start nothing more and wait for what runs, at most this long; the task hub keeps the rest."""
        self._is_stopping = True
        self._timers.close()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=grace_seconds)
            for task in late:
                task.cancel()
        self._commits.flush()

    def commit(self, changes: Changes) -> None:
        """Commit changes at once, then hand on what they sent.

        Raises:
            sqlite3.Error: Nothing of it happened.
        """
        self._commits.now(changes)

    async def commit_soon(self, changes: Changes) -> None:
        """Commit a finished work item together with others; what it sent has been handed on when this returns."""
        await self._commits.soon(changes)

    def commit_result(self, changes: Changes) -> None:
        """Commit a result with the next work item, which may be the very turn it leads to.

        The result is handed on before it is durable: a turn has no effect before its own commit, which includes it. A
        crash before that runs the activity again.
        """
        self._commits.with_next(changes)
        for message in changes.messages:
            self._enqueue(message)

    def flush(self) -> None:
        """Commit everything that waits for others.

        Raises:
            sqlite3.Error: It goes on waiting.
        """
        self._commits.flush()

    async def instance_ended(self, instance_id: str, seconds: float) -> bool:
        """Wait until an instance has ended; False when it has not within this many seconds."""
        instance = self._hub.instance(instance_id)
        if instance is None or instance.status.is_final:
            return instance is not None
        future = asyncio.get_running_loop().create_future()
        waiters = self._waiters.setdefault(instance_id, set())
        waiters.add(future)
        try:
            await asyncio.wait_for(future, seconds)
        except TimeoutError:
            return False
        finally:
            waiters.discard(future)
            if not waiters:
                self._waiters.pop(instance_id, None)
        return True

    def _hand_on(self, changes: Changes) -> None:
        for target, execution_id, task_id in changes.canceled_timers:
            self._timers.cancel(target, execution_id, task_id)
        if changes.finished_activity is None:
            self._deliver(changes.messages)
        for item in changes.activities:
            self._spawn(item.instance_id, self._run_activity_once(item))
        for instance in changes.instances:
            if instance.status.is_final:
                for future in self._waiters.get(instance.instance_id, ()):
                    if not future.done():
                        future.set_result(None)

    def _deliver(self, messages: Iterable[Message]) -> None:
        for message in messages:
            if message.due is None:
                self._enqueue(message)
            else:
                self._timers.add(message)

    def _enqueue(self, message: Message) -> None:
        queue = self._queues.setdefault(message.target, deque())
        if message.is_first and queue:
            ordered = sorted((*queue, message), key=lambda one: one.id)
            queue.clear()
            queue.extend(ordered)
        else:
            queue.append(message)
        if message.target not in self._draining:
            self._draining.add(message.target)
            self._spawn(message.target, self._drain(message.target, queue))

    async def _drain(self, target: str, queue: deque[Message]) -> None:
        """Process a target's messages until there are none, or none that can be processed now."""
        processor = self._processor_of(target)
        pause = _FIRST_PAUSE_SECONDS
        try:
            while queue and not self._is_stopping:
                try:
                    if not await processor.process(target, queue):
                        return
                    pause = _FIRST_PAUSE_SECONDS
                except sqlite3.OperationalError as ex:
                    logger.error("%s: the task hub refuses (%s); trying again in %.1f s.", target, ex, pause)
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        finally:
            self._draining.discard(target)
            if not queue:
                self._queues.pop(target, None)

    async def _run_activity_once(self, item: ActivityItem) -> None:
        if not self._is_stopping:
            await self._run_activity(item)

    def _spawn(self, target: str, work: Coroutine[None, None, None]) -> None:
        if self._is_stopping:
            work.close()
            return
        task = asyncio.get_running_loop().create_task(work, name=target)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            text = "%s: a work item could not be processed; it stays in the task hub."
            logger.error(text, task.get_name(), exc_info=error)
