"""A processor for the dispatcher that notes what it is handed, and what to hand it."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from devhost.engine.dispatcher import Dispatcher
from devhost.hub.rows import ActivityItem, Changes, Message
from tests.unit.devhost.fake_clock import FakeClock

NOON = FakeClock().now()


class Recorder:
    """A processor that notes and consumes one message at a time; `before` may make it wait, refuse or fail."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.bodies: list[str] = []
        self.before: Callable[[Message], Awaitable[bool]] | None = None
        self._dispatcher = dispatcher
        self._waiting: list[tuple[int, asyncio.Event]] = []

    async def process(self, target: str, messages: deque[Message]) -> list[ActivityItem] | None:
        """Take the first message."""
        message = messages[0]
        if self.before is not None and not await self.before(message):
            return None
        self._dispatcher.commit(Changes(consumed=[message.id]))
        messages.remove(message)
        self.bodies.append(message.body)
        for count, event in self._waiting:
            if len(self.bodies) >= count:
                event.set()
        return []

    async def run_activity(self, item: ActivityItem) -> Changes:
        """Answer an activity with a message to its instance."""
        done = Message(item.instance_id, 5, f"{item.name} done")
        return Changes(finished_activity=item.id, messages=[done])

    async def has(self, count: int) -> list[str]:
        """Wait until this many messages were processed and return their bodies."""
        event = asyncio.Event()
        if len(self.bodies) >= count:
            event.set()
        self._waiting.append((count, event))
        await event.wait()
        return self.bodies


def start(dispatcher: Dispatcher, recorder: Recorder) -> int:
    return dispatcher.start(lambda target: recorder, recorder.run_activity)


def message(body: str, target: str = "run", *, is_first: bool = False) -> Message:
    return Message(target, 15, body, is_first=is_first)


def activity(name: str) -> ActivityItem:
    return ActivityItem("run", "e", 0, name, None)
