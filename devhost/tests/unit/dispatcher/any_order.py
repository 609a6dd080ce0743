"""An event loop that takes what is ready in any order, and work on a task hub that knows what was promised."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from random import Random
from typing import Any

from devhost.clock import Clock
from devhost.engine.commits import Commits
from devhost.engine.dispatcher import Dispatcher
from devhost.engine.endings import Endings
from devhost.hub.rows import ActivityItem, Changes, Message
from devhost.hub.store import TaskHub
from devhost.tests.crash.virtual_time import VirtualTimeLoop

TARGETS = ("run", "other", "@entity@key")


class AnyOrderLoop(VirtualTimeLoop):
    """Runs what is ready in an order that the dice choose, and holds some of it back, but not all."""

    _ready: deque[asyncio.Handle]

    def __init__(self, dice: Random) -> None:
        super().__init__()
        self.dice = dice

    def _run_once(self) -> None:
        ready = list(self._ready)
        self.dice.shuffle(ready)
        later = ready[self.dice.randint(1, len(ready)) :] if ready else []
        self._ready = deque(ready[: len(ready) - len(later)])
        super()._run_once()  # type: ignore[misc]  # asyncio's own, in all versions that we support
        self._ready.extendleft(later)

    def rounds(self, count: int) -> None:
        """Let it go so many rounds."""

        async def go() -> None:
            for _ in range(count):
                await asyncio.sleep(0)

        self.run_until_complete(go())

    def seconds(self, seconds: float) -> None:
        """Let time pass."""
        self.run_until_complete(asyncio.sleep(seconds))


class WitnessedHub(TaskHub):
    """A task hub that counts what its commits consume and finish, and refuses some of them."""

    def __init__(self) -> None:
        super().__init__(None)
        self.added: set[int] = set()
        self.consumed: Counter[int] = Counter()
        self.finished: Counter[int] = Counter()
        self.refusals = 0

    def commit(self, group: Sequence[Changes]) -> None:
        """Commit.

        Raises:
            sqlite3.OperationalError: It is refused.
        """
        if self.refusals:
            self.refusals -= 1
            raise sqlite3.OperationalError("database or disk is full")
        super().commit(group)
        for changes in group:
            self.added |= {message.id for message in changes.messages}
            self.consumed.update(changes.consumed)
            if changes.finished_activity is not None:
                self.finished[changes.finished_activity] += 1


@dataclass(slots=True)
class Work:
    """Processes targets and activities, awaits and fails where the dice say, and sees that nobody else does so."""

    hub: WitnessedHub
    clock: Clock
    dice: Random
    fails: bool = True
    held: set[str] = field(default_factory=set)
    owners: set[str] = field(default_factory=set)
    orders: dict[str, list[int]] = field(default_factory=dict)
    activities: Counter[int] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    commits: Commits = field(init=False)
    dispatcher: Dispatcher = field(init=False)
    stopping: asyncio.Event = field(init=False)

    def open(self) -> None:
        """Begin, or begin anew, on what the task hub holds."""
        self.stopping = asyncio.Event()
        self.commits = Commits(self.hub)
        self.dispatcher = Dispatcher(
            self.hub, self.commits, self.clock, Endings(), self.stopping, lambda target: self, self.run_activity
        )
        self.dispatcher.start()

    async def process(self, target: str, messages: deque[Message], error: Exception | None) -> bool:
        """Take some of the messages in front; what they change is another's message, or an activity."""
        if target in self.owners:
            self.errors.append(f"{target} has two owners")
        self.owners.add(target)
        try:
            await self._wait()
            if target in self.held:
                return False
            self._may_fail(error)
            batch = list(islice(messages, self.dice.randint(1, len(messages))))
            self._look_at(batch)
            changes = Changes(consumed=[message.id for message in batch])
            if any(message.body == "spread" for message in batch):
                changes.messages.append(Message(self.dice.choice(TARGETS), 15, "leaf"))
                changes.activities.append(ActivityItem(target, "e", 0, "leaf", None))
            await self.commits.soon(changes)
            self.orders.setdefault(target, []).extend(
                message.id for message in batch if message.due is None and message.id > 0
            )
            done = set(changes.consumed)
            left = [message for message in messages if message.id not in done]
            messages.clear()
            messages.extend(left)
            await self._wait()
            return True
        finally:
            self.owners.discard(target)

    async def run_activity(self, item: ActivityItem, error: Exception | None) -> Changes | None:
        """Run an activity; its result is a message."""
        if self.hub.finished[item.id]:
            self.errors.append(f"activity {item.id} runs again after its end")
        await self._wait()
        if self.stopping.is_set() and self.dice.random() < 0.5:
            return None
        self._may_fail(error)
        return Changes(finished_activity=item.id, messages=[Message(item.instance_id, 5, "leaf")])

    def _look_at(self, batch: list[Message]) -> None:
        ids = [message.id for message in batch]
        without_time = [message.id for message in batch if message.due is None]
        if without_time != sorted(without_time):
            self.errors.append(f"{ids} are out of order")
        if twice := [one for one in ids if self.hub.consumed[one]]:
            self.errors.append(f"{twice} are processed again")
        if early := [one for one in ids if one not in self.hub.added]:
            self.errors.append(f"{early} are processed before they are durable")

    def _may_fail(self, error: Exception | None) -> None:
        if self.fails and self.dice.random() < 0.15:
            raise RuntimeError(f"again, after {error}" if error else "at first")

    async def _wait(self) -> None:
        if self.dice.random() < 0.05:
            await asyncio.sleep(self.dice.choice([1, 20]))
        for _ in range(self.dice.randint(0, 3)):
            await asyncio.sleep(0)


def left_of(dispatcher: Dispatcher) -> list[Any]:
    """Return what a dispatcher holds that has nothing left to do."""
    return [dispatcher._claims.holders, dispatcher._queues, dispatcher._tasks]
