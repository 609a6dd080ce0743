"""Tells who blocks the event loop, on which all requests and coroutines wait for each other."""

from __future__ import annotations

import asyncio
import logging
import sys
import traceback
from threading import Event, Thread, get_ident

from devhost.tracebacks import authors_frames

logger = logging.getLogger("devhost.event_loop")

_PAUSE_SECONDS = 0.25


class LoopWatch:
    """A thread that asks the loop for a sign of life, and looks at what runs there when none comes in time.

    Each coroutine of the app is told of once.
    """

    def __init__(self, seconds: float = 1.0) -> None:
        """Watch the loop that runs, until `close`."""
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._loops_thread = get_ident()
        self._told: set[tuple[str, str]] = set()
        self._is_closed = Event()
        Thread(target=self._watch, daemon=True).start()

    def close(self) -> None:
        """Ask no more."""
        self._is_closed.set()

    def _watch(self) -> None:
        while not self._is_closed.wait(_PAUSE_SECONDS):
            sign = Event()
            try:
                self._loop.call_soon_threadsafe(sign.set)
            except RuntimeError:  # it has ended
                return
            if not sign.wait(self._seconds) and not self._is_closed.is_set():
                self._look()
            while not sign.wait(_PAUSE_SECONDS) and not self._is_closed.is_set():
                pass

    def _look(self) -> None:
        frame = sys._current_frames().get(self._loops_thread)
        frames = [] if frame is None else authors_frames(traceback.extract_stack(frame))
        if not frames or (frames[0].filename, frames[0].name) in self._told:
            return
        self._told.add((frames[0].filename, frames[0].name))
        logger.warning(
            "The coroutine '%s' has blocked the event loop for more than %g s; nothing else on it goes on. Await what "
            "it waits for, or make it a plain function, which runs on a thread. It is here now:\n%s",
            frames[0].name,
            self._seconds,
            "".join(traceback.format_list(frames)).rstrip(),
        )
