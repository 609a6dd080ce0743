"""A dispatcher whose processor notes what it is handed, and what to hand it."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from devhost.engine.commits import Commits
from devhost.engine.dispatcher import Dispatcher
from devhost.engine.endings import Endings
from devhost.hub.rows import ActivityItem, Changes, Message
from devhost.hub.store import TaskHub
from devhost.tests.unit.fake_clock import FakeClock

NOON = FakeClock().now()


class Recorder:
    """A processor that notes and consumes one message at a time; `before` may make it wait or fail.

    While `is_held` it can process no message. `errors` has what it was told of earlier attempts.
    """

    def __init__(self, hub: TaskHub, clock: FakeClock) -> None:
        self.bodies: list[str] = []
        self.errors: list[Exception] = []
        self.is_held = False
        self.before: Callable[[Message], Awaitable[object]] | None = None
        self.commits = Commits(hub)
        self.endings = Endings()
        self.stopping = asyncio.Event()
        self.dispatcher = Dispatcher(
            hub, self.commits, clock, self.endings, self.stopping, lambda target: self, self.run_activity
        )
        self._waiting: list[tuple[int, asyncio.Event]] = []

    async def process(self, target: str, messages: deque[Message], error: Exception | None) -> bool:
        """Take the first message."""
        if self.is_held:
            return False
        message = messages[0]
        if error is not None:
            self.errors.append(error)
        if self.before is not None:
            await self.before(message)
        await self.commits.soon(Changes(consumed=[message.id]))
        messages.remove(message)
        self.bodies.append(message.body)
        for count, event in self._waiting:
            if len(self.bodies) >= count:
                event.set()
        return True

    async def run_activity(self, item: ActivityItem, error: Exception | None) -> Changes:
        """Answer an activity with a message to its instance."""
        if error is not None:
            self.errors.append(error)
        elif self.before is not None:
            await self.before(Message(item.instance_id, 4, item.name))
        done = Message(item.instance_id, 5, f"{item.name} {'failed' if error else 'done'}")
        return Changes(finished_activity=item.id, messages=[done])

    async def has(self, count: int) -> list[str]:
        """Wait until this many messages were processed and return their bodies."""
        event = asyncio.Event()
        if len(self.bodies) >= count:
            event.set()
        self._waiting.append((count, event))
        await event.wait()
        return self.bodies


def message(body: str, target: str = "run", *, is_first: bool = False) -> Message:
    return Message(target, 15, body, is_first=is_first)


def activity(name: str) -> ActivityItem:
    return ActivityItem("run", "e", 0, name, None)
