"""Commits work items and hands what they sent to whoever processes it next."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Protocol

from devhost.clock import Clock
from devhost.engine.commits import BUSY_ITEMS, Commits
from devhost.engine.timers import Timers
from devhost.hub.rows import ActivityItem, Changes, Instance, Message
from devhost.hub.store import TaskHub

logger = logging.getLogger("devhost.engine")

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0


class Processor(Protocol):
    """Processes the messages of one target."""

    async def process(self, target: str, messages: deque[Message]) -> list[ActivityItem] | None:
        """Take messages from the queue, commit what they change and return the activities to run now.

        None says that no message can be processed now.
        """
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
        self._owners: dict[str, object] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiters: dict[str, set[asyncio.Future[None]]] = {}
        self._is_stopping = False
        self._loop: asyncio.AbstractEventLoop
        self._processor_of: Callable[[str], Processor]
        self._run_activity: Callable[[ActivityItem], Awaitable[Changes | ActivityItem]]

    def start(
        self,
        processor_of: Callable[[str], Processor],
        run_activity: Callable[[ActivityItem], Awaitable[Changes | ActivityItem]],
    ) -> int:
        """Take up all that the task hub holds and return how many messages and activities that was.

        `run_activity` returns the changes that end an activity, with one message: its result. Or, where it has gone on
        from there by itself, the activity that is to be run next.
        """
        self._loop = asyncio.get_running_loop()
        self._processor_of = processor_of
        self._run_activity = run_activity
        found = Changes(messages=list(self._hub.pending_messages()), activities=list(self._hub.pending_activities()))
        self._hand_on(found, is_awaited=False)
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

    @property
    def is_calm(self) -> bool:
        """Whether no work item gains by waiting for others, nor has to end; may be asked on any thread."""
        return len(self._tasks) <= BUSY_ITEMS and not self._is_stopping

    def claim(self, message: Message) -> bool:
        """Take the target of a message for whoever has the message; False when the target is being processed.

        May be called on any thread, as `setdefault` is atomic. The claim ends with `release`, or else when
        `run_activity` has returned the message and its target has been processed.
        """
        return self._owners.setdefault(message.target, message) is message

    def release(self, target: str) -> None:
        """Give up a claim, on any thread. Messages that have come meanwhile are processed on the event loop."""
        del self._owners[target]
        if target in self._queues:
            self._loop.call_soon_threadsafe(self._take_up, target)

    def commit_here(self, group: Sequence[Changes]) -> None:
        """Commit, on any thread, changes that leave nothing to hand on but to the caller.

        Raises:
            sqlite3.Error: Nothing of it happened.
        """
        for changes in group:
            self._hub.number(changes)
        self._hub.commit(group)

    def commit(self, changes: Changes) -> None:
        """Commit changes at once, then hand on what they sent.

        Raises:
            sqlite3.Error: Nothing of it happened.
        """
        self._commits.now(changes)

    async def commit_soon(self, changes: Changes) -> list[ActivityItem]:
        """Commit a finished work item together with others, and return its activities, which the caller has to run.

        What it sent has been handed on when this returns.
        """
        await self._commits.soon(changes)
        return changes.activities

    def instance(self, instance_id: str) -> Instance | None:
        """Return an instance as it will be when all that waits is committed, or None when there is none of this id."""
        return self._commits.instance(instance_id)

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

    def _hand_on(self, changes: Changes, is_awaited: bool) -> None:
        """Deliver what was committed; activities are left to whoever awaits the commit."""
        for target, execution_id, task_id in changes.canceled_timers:
            self._timers.cancel(target, execution_id, task_id)
        if changes.finished_activity is None:
            self._deliver(changes.messages)
        if not is_awaited:
            self._start_activities(changes.activities)
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

    def _start_activities(self, items: Iterable[ActivityItem]) -> None:
        for item in items:
            self._spawn(item.instance_id, self._run_on(item))

    def _put(self, message: Message) -> deque[Message]:
        queue = self._queues.setdefault(message.target, deque())
        if message.is_first and queue:
            ordered = sorted((*queue, message), key=lambda one: one.id)
            queue.clear()
            queue.extend(ordered)
        else:
            queue.append(message)
        return queue

    def _enqueue(self, message: Message) -> None:
        queue = self._put(message)
        if self.claim(message):
            self._spawn(message.target, self._process(message.target, queue))

    def _take_up(self, target: str) -> None:
        queue = self._queues.get(target)
        if queue and self.claim(queue[0]):
            self._spawn(target, self._process(target, queue))

    async def _process(self, target: str, queue: deque[Message]) -> None:
        await self._run_on(await self._drain(target, queue))

    async def _run_on(self, item: ActivityItem | None) -> None:
        """Run an activity, the turn its result leads to, the activity that turn leads to, and so on.

        A lone chain of activities stays in one asyncio task. A result is handed on before it is durable, and committed
        with the turn: a turn has no effect before its own commit. A crash before that runs the activity again.
        """
        while item is not None and not self._is_stopping:
            result = await self._run_activity(item)
            if isinstance(result, ActivityItem):
                item = result
                continue
            self._commits.with_next(result)
            (message,) = result.messages
            queue = self._put(message)
            if not self.claim(message):
                return
            item = await self._drain(message.target, queue)

    async def _drain(self, target: str, queue: deque[Message]) -> ActivityItem | None:
        """Process a target's messages until there are none, or none that can be processed now.

        Start the activities they lead to; but where the last turn leads to just one, return it for the caller to run.
        """
        processor = self._processor_of(target)
        pause = _FIRST_PAUSE_SECONDS
        single: list[ActivityItem] = []
        try:
            while queue and not self._is_stopping:
                self._start_activities(single)
                single = []
                try:
                    items = await processor.process(target, queue)
                    if items is None:
                        break
                    if len(items) == 1:
                        single = items
                    else:
                        self._start_activities(items)
                    pause = _FIRST_PAUSE_SECONDS
                except sqlite3.OperationalError as ex:
                    logger.error("%s: the task hub refuses (%s); trying again in %.1f s.", target, ex, pause)
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        finally:
            del self._owners[target]
            if not queue:
                self._queues.pop(target, None)
        return single[0] if single else None

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
