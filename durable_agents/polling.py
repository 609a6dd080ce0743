"""Look at something again and again until it is there: often at first, then ever more rarely."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

ResultT = TypeVar("ResultT")

_FIRST_INTERVAL_SECONDS = 0.005
_GROWTH = 1.5


async def poll(
    probe: Callable[[], Awaitable[ResultT | None]], timeout_seconds: float, longest_interval_seconds: float = 1.0
) -> ResultT | None:
    """Return what `probe` returns once that is not None, or None when the time is over; it looks at least once.

    The first looks follow each other within milliseconds, later ones after up to the longest interval.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_seconds
    interval = _FIRST_INTERVAL_SECONDS
    while True:
        found = await probe()
        remaining = deadline - loop.time()
        if found is not None or remaining <= 0:
            return found
        await asyncio.sleep(min(interval, remaining))
        interval = min(interval * _GROWTH, longest_interval_seconds)
