"""A clock that moves only when a test moves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class FakeClock:
    """A `devhost.clock.Clock` that stands still at noon of a Monday until it is told otherwise."""

    def __init__(self, start: datetime = datetime(2026, 1, 5, 12, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        """Return the time the clock was set to."""
        return self._now

    def advance(self, seconds: float) -> datetime:
        """Move the clock, back when negative, and return the new time."""
        self._now += timedelta(seconds=seconds)
        return self._now
