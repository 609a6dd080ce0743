"""A time until which something waits."""

from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self

import azure.durable_functions as df

from durable_agents.orchestration.tasks import MOST_EARLY

_LONGEST = timedelta(days=3)


class Deadline:
    """A time until which something waits: `with` it, wait for `tasks` until it `is_over`; its timer is then cancelled.

    A timer may fire early, up to a second, and it is not over then. A long time is several timers one after the other:
    the SDK does not cancel a timer of more than six days in Azure Storage, and a run that has ended would be kept open.
    Without a time it is never over.
    """

    def __init__(self, context: df.DurableOrchestrationContext, ends_at: datetime | None) -> None:
        self._context = context
        self._ends_at = ends_at
        self._timer: Any = None

    @property
    def is_over(self) -> bool:
        """Whether the time has come."""
        return self._ends_at is not None and self._now >= self._ends_at

    def tasks(self) -> tuple[Any, ...]:
        """Return the timer to wait for now, if there is one."""
        if self._ends_at is None:
            return ()
        if self._timer is None or self._timer.is_completed:
            at = min(self._ends_at, self._now + _LONGEST)
            if self._timer is not None and at - self._now < MOST_EARLY:
                # It has fired early. One of less than a second could do so again and again.
                at += MOST_EARLY
            self._timer = self._context.create_timer(at)
        return (self._timer,)

    def __enter__(self) -> Self:
        """Begin to wait."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Cancel the timer: it would keep the run open."""
        if self._timer is not None and not self._timer.is_completed:
            self._timer.cancel()

    @property
    def _now(self) -> datetime:
        now: datetime = self._context.current_utc_datetime
        return now
