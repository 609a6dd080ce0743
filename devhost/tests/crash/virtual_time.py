"""An event loop and a clock in which waiting takes no time."""

from __future__ import annotations

import asyncio
import selectors
from datetime import UTC, datetime, timedelta
from typing import Any

_START = datetime(2026, 1, 5, 12, tzinfo=UTC)


class _Jumping(selectors.DefaultSelector):
    """Instead of waiting, moves the time forward by as much."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        """Return what is ready; with nothing ready, the time is that at which the wait would have ended.

        Raises:
            RuntimeError: There is nothing to wait for: the test would hang.
        """
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("everything waits, and nothing will ever come")
            self.now += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop that jumps to the next timer as soon as nothing else is left to do."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Return the seconds that have passed in the loop."""
        return self._jumping.now


class VirtualClock:
    """A `devhost.clock.Clock` that goes with the loop."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        self._loop = loop

    def now(self) -> datetime:
        """Return the time in the loop."""
        return _START + timedelta(seconds=self._loop.time())
