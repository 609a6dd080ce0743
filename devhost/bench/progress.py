"""Steps of a little I/O, how far each run of this process has come with them, and when which event is due for it."""

from __future__ import annotations

import time

from devhost.bench.outcomes import EVENTS

END = "end"
"""The event for which a chain waits after its last step, so that none ends before all its events were raised."""

_STEP_SECONDS = 0.0003

_taken: dict[str, int] = {}


def short_step(run: str, step: int) -> int:
    """Wait as for a fast disk, note that the run has taken the step, and return its number."""
    time.sleep(_STEP_SECONDS)
    _taken[run] = step + 1
    return step


def steps_taken(run: str) -> int:
    """Return how many steps of a run have been taken in this process."""
    return _taken.get(run, 0)


def steps_before(event: int, size: int) -> int:
    """Return how many of its `size` steps a run has taken when an event is raised: all come in its first half."""
    return event * size // (2 * EVENTS)


def event_name(event: int) -> str:
    """Return the name of an event; each has its own, because the SDK loses the first of two early ones of one name."""
    return f"event-{event}"
