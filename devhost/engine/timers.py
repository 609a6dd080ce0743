"""Messages that wait for their time."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from datetime import datetime, timedelta

from devhost.clock import Clock
from devhost.hub.rows import Message

# A sleeping machine or a changed clock is noticed within this time.
_LONGEST_SLEEP = timedelta(minutes=1)

_Key = tuple[str, str | None, int | None]


class Timers:
    """Hands each message to `deliver` once it is due. Holds no thread and wakes only when something is due."""

    def __init__(self, clock: Clock, deliver: Callable[[Message], None]) -> None:
        self._clock = clock
        self._deliver = deliver
        self._messages: dict[_Key, Message] = {}
        self._heap: list[tuple[datetime, int]] = []
        self._keys: dict[int, _Key] = {}
        self._wake: asyncio.TimerHandle | None = None

    def add(self, message: Message) -> None:
        """Keep a message until it is due; one that is due already goes out with the loop's next round."""
        if message.due is None:
            raise ValueError(f"message {message.id} for {message.target!r} has no due time")
        key = (message.target, message.execution_id, message.task_id)
        self._messages[key] = message
        self._keys[message.id] = key
        heapq.heappush(self._heap, (message.due, message.id))
        self._set_wake()

    def cancel(self, target: str, execution_id: str, task_id: int) -> None:
        """Forget the timer of a task; nothing happens when it went out before."""
        self._messages.pop((target, execution_id, task_id), None)

    def fire(self) -> None:
        """Deliver all messages that are due now, in the order of their times."""
        now = self._clock.now()
        while self._heap and self._heap[0][0] <= now:
            _, message_id = heapq.heappop(self._heap)
            message = self._messages.get(self._keys.pop(message_id))
            if message is not None and message.id == message_id:
                del self._messages[message.target, message.execution_id, message.task_id]
                self._deliver(message)
        self._set_wake()

    def close(self) -> None:
        """Deliver nothing more."""
        if self._wake is not None:
            self._wake.cancel()
        self._heap.clear()

    def _set_wake(self) -> None:
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        if self._heap:
            delay = min(self._heap[0][0] - self._clock.now(), _LONGEST_SLEEP)
            self._wake = asyncio.get_running_loop().call_later(max(delay.total_seconds(), 0), self.fire)
