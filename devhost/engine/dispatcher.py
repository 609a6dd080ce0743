"""Hands what was committed to whoever processes it next, and sees each work item through."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Protocol

from devhost.clock import Clock
from devhost.engine.claims import Claim, Claims
from devhost.engine.commits import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, Commits
from devhost.engine.endings import Endings
from devhost.engine.timers import Timers
from devhost.hub.rows import ActivityItem, Changes, Message
from devhost.hub.store import TaskHub
from devhost.user_log import about

logger = logging.getLogger("devhost.engine")

_LAST_MOMENT_SECONDS = 1.0


class Processor(Protocol):
    """Processes the messages of one target."""

    async def process(self, target: str, messages: deque[Message], error: Exception | None) -> bool:
        """Take messages from the queue and commit what they change.

        `error` says why that failed for the messages in front the last time: now they are to be brought to an end.
        False, without a pause, says that none of the messages can be processed now.
        """
        ...


RunActivity = Callable[[ActivityItem, Exception | None], Awaitable[Changes | None]]
"""Runs an activity and returns the changes that end it, None to leave it for the next start; `error` is as above."""


class Dispatcher:
    """One task for each target with messages, one for each activity; all of them woken by commits, none by a clock.

    A message or an activity is handed on only after the transaction that created it has been committed, and is in the
    task hub until the transaction that finishes it: a killed host goes on with exactly what is left there. All of this
    is on the event loop; only the app's functions run on threads.
    """

    def __init__(
        self,
        hub: TaskHub,
        commits: Commits,
        clock: Clock,
        endings: Endings,
        stopping: asyncio.Event,
        processor_of: Callable[[str], Processor],
        run_activity: RunActivity,
        *,
        deadly: Mapping[str, Exception] | None = None,
        early_timers: bool = False,
    ) -> None:
        """Prepare; nothing more is begun once `stopping` is set. Work of a `deadly` target is ended for its error."""
        self._hub = hub
        self._commits = commits
        self._commits.committed = self._hand_on
        self._timers = Timers(clock, self._enqueue, is_early=early_timers)
        self._endings = endings
        self._stopping = stopping
        self._processor_of = processor_of
        self._run_activity = run_activity
        self._deadly = dict(deadly or {})
        self._claims = Claims()
        self._queues: dict[str, deque[Message]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> int:
        """Take up all that the task hub holds and return how many messages and activities that was."""
        found = Changes(messages=list(self._hub.pending_messages()), activities=list(self._hub.pending_activities()))
        self._hand_on(found)
        return len(found.messages) + len(found.activities)

    async def stop(self, grace_seconds: float) -> None:
        """Start nothing more and wait for what runs, at most this long; the task hub keeps the rest."""
        self._stopping.set()
        self._timers.close()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=grace_seconds)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=_LAST_MOMENT_SECONDS)

    def _hand_on(self, changes: Changes) -> None:
        """Deliver what was committed."""
        for target, execution_id, task_id in changes.canceled_timers:
            self._timers.cancel(target, execution_id, task_id)
        for message in changes.messages:
            if message.due is None:
                self._enqueue(message)
            else:
                self._timers.add(message)
        for item in changes.activities:
            self._spawn(item.instance_id, self._finish_activity(item))
        for instance in changes.instances:
            if instance.status.is_final:
                self._endings.tell(instance.instance_id)

    def _enqueue(self, message: Message) -> None:
        queue = self._queues.setdefault(message.target, deque())
        queue.append(message)
        if message.is_first:
            ordered = sorted(queue, key=lambda one: one.id)
            queue.clear()  # the processor at work holds this very queue
            queue.extend(ordered)
        if not self._stopping.is_set() and (claim := self._claims.take(message.target)) is not None:
            self._spawn(message.target, self._process_all(claim))

    async def _process_all(self, claim: Claim) -> None:
        """Process a target's messages until there are none, or none that can be processed now."""
        processor = self._processor_of(claim.target)

        async def process(error: Exception | None) -> bool:
            queue = self._queues[claim.target]
            return bool(queue) and await processor.process(claim.target, queue, error)

        try:
            await self._see_through(claim.target, process)
            self._deadly.pop(claim.target, None)
        finally:
            claim.give_back()
            if not self._queues[claim.target]:
                del self._queues[claim.target]

    async def _finish_activity(self, item: ActivityItem) -> None:
        async def run(error: Exception | None) -> bool:
            changes = await self._run_activity(item, error)
            if changes is not None:
                await self._commits.soon(changes)
            return False

        await self._see_through(item.instance_id, run)

    async def _see_through(self, name: str, attempt: Callable[[Exception | None], Awaitable[bool]]) -> None:
        """Make one attempt after the other until one says that there is no more to do.

        An attempt after one that failed is told why, and so is the first for a deadly target. After one that failed
        too, and while the task hub refuses, there is a pause, each time a longer one.
        """
        about.set(name)
        error = self._deadly.get(name)
        pause = FIRST_PAUSE_SECONDS
        while not self._stopping.is_set():
            try:
                if not await attempt(error):
                    return
                error, pause = None, FIRST_PAUSE_SECONDS
            except Exception as ex:
                is_passing = isinstance(ex, sqlite3.OperationalError)
                if not is_passing and error is None:
                    error = ex
                    continue
                text = "%s: a work item cannot be finished (%s); it stays in the task hub. Trying again in %.1f s."
                logger.error(text, name, ex, pause, exc_info=None if is_passing else ex)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _spawn(self, name: str, work: Coroutine[None, None, None]) -> None:
        if self._stopping.is_set():
            work.close()
            return
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
