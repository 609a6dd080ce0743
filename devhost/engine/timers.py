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
_SECOND = timedelta(seconds=1)

_Key = tuple[str, str | None, int | None]


class Timers:
    """Hands each message to `deliver` once it is due. Holds no thread and wakes only when something is due.

    With `is_early` a message is due up to a second before its time, as with Azure Storage, which rounds the seconds to
    wait down to whole ones. A message then says in `due` when it was delivered.
    """

    def __init__(self, clock: Clock, deliver: Callable[[Message], None], *, is_early: bool = False) -> None:
        self._clock = clock
        self._deliver = deliver
        self._is_early = is_early
        self._messages: dict[_Key, Message] = {}
        # An entry whose message is gone from `_messages`, or is another by now, is of a canceled timer.
        self._heap: list[tuple[datetime, int, _Key]] = []
        self._wake: asyncio.TimerHandle | None = None

    def add(self, message: Message) -> None:
        """Keep a message until it is due; one that is due already goes out with the loop's next round."""
        if message.due is None:
            raise ValueError(f"message {message.id} for {message.target!r} has no due time")
        if self._is_early:
            now = self._clock.now()
            message.due = now + max(message.due - now, timedelta()) // _SECOND * _SECOND
        key = (message.target, message.execution_id, message.task_id)
        self._messages[key] = message
        heapq.heappush(self._heap, (message.due, message.id, key))
        self._set_wake()

    def cancel(self, target: str, execution_id: str, task_id: int) -> None:
        """Forget the timer of a task; nothing happens when it went out before."""
        self._messages.pop((target, execution_id, task_id), None)
        if len(self._heap) > 2 * len(self._messages) + 1:
            # Most are canceled: the others are sorted anew, so that none takes memory until it would have fired.
            self._heap = [entry for entry in self._heap if self._is_kept(entry)]
            heapq.heapify(self._heap)
            self._set_wake()

    def fire(self) -> None:
        """Deliver all messages that are due now, in the order of their times."""
        now = self._clock.now()
        while self._heap and self._heap[0][0] <= now:
            entry = heapq.heappop(self._heap)
            if self._is_kept(entry):
                self._deliver(self._messages.pop(entry[2]))
        self._set_wake()

    def close(self) -> None:
        """Deliver nothing more."""
        if self._wake is not None:
            self._wake.cancel()
        self._heap.clear()

    def _is_kept(self, entry: tuple[datetime, int, _Key]) -> bool:
        message = self._messages.get(entry[2])
        return message is not None and message.id == entry[1]

    def _set_wake(self) -> None:
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        if self._heap:
            delay = min(self._heap[0][0] - self._clock.now(), _LONGEST_SLEEP)
            self._wake = asyncio.get_running_loop().call_later(max(delay.total_seconds(), 0), self.fire)
