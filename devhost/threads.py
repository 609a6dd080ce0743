"""Threads for the app's plain functions: each costs one hand-over there and one back."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
import traceback
from collections.abc import Callable
from contextvars import copy_context
from queue import Empty, SimpleQueue
from threading import Lock, Thread, get_ident
from typing import Any, TypeVar

ResultT = TypeVar("ResultT")


class LimitExceededError(Exception):
    """A function did not end in time; its result will be dropped. `stack` says where its thread was, if it has one."""

    def __init__(self, stack: str = "") -> None:
        super().__init__("The function did not end in time.")
        self.stack = stack


class Threads:
    """Runs functions on threads of its own, up to `count` at a time, in the order in which they come.

    A function that does not end in time keeps its thread, and another thread takes that one's place. The threads do
    not keep the process from ending.
    """

    def __init__(self, count: int, begins: Callable[[], object] = lambda: None) -> None:
        """Prepare; `begins` is called on a thread right before each function, in its context."""
        self._count = count
        self._begins = begins
        self._started = 0
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()

    async def run(self, function: Callable[[], ResultT], limit: float | None = None) -> ResultT:
        """Run a function on a thread and return its result. Its `limit`, in seconds, begins when a thread takes it.

        Raises:
            LimitExceededError: It did not end in time.
            BaseException: What the function raised.
        """
        job = _Job(function)
        self._jobs.put(job)
        # Whatever is still in the queue was not taken at once: one thread more, while there may be.
        if self._jobs.qsize() and self._started < self._count:
            self._start_thread()
        if limit is not None:
            self._look_in(limit, job, limit)
        try:
            result: ResultT = await job.result
            return result
        finally:
            job.give_up()
            if job.watch is not None:
                job.watch.cancel()

    def close(self) -> None:
        """Start nothing more; what runs goes on until the process ends."""
        with contextlib.suppress(Empty):
            while True:
                if (job := self._jobs.get_nowait()) is not None:
                    job.result.cancel()
        for _ in range(self._started):
            self._jobs.put(None)

    def _start_thread(self) -> None:
        self._started += 1
        Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            if job.begin():
                job.run(self._begins)
            if job.is_replaced:
                return

    def _look_in(self, seconds: float, job: _Job, limit: float) -> None:
        job.watch = asyncio.get_running_loop().call_later(seconds, self._look, job, limit)

    def _look(self, job: _Job, limit: float) -> None:
        """See whether a job's time is over; then another thread takes the place of the one that it keeps."""
        left = job.left_of(limit)
        if left > 0:
            self._look_in(left, job, limit)
        elif job.replace_thread():
            self._started -= 1
            self._start_thread()


class _Job:
    """A function on its way through a thread, in the context of whoever awaits `result` on the loop.

    The lock is held where a thread and the loop decide which of them comes first: the beginning or the giving up, the
    end or the end of its time.
    """

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self._context = copy_context()
        self._loop = asyncio.get_running_loop()
        self.result: asyncio.Future[Any] = self._loop.create_future()
        self.watch: asyncio.TimerHandle | None = None
        self.is_replaced = False
        self._lock = Lock()
        self._thread = 0
        self._began: float | None = None
        self._is_over = False

    # On the thread

    def begin(self) -> bool:
        """Start the clock; False when nobody waits for the result any more."""
        with self._lock:
            self._thread, self._began = get_ident(), time.monotonic()
            return not self._is_over

    def run(self, begins: Callable[[], object]) -> None:
        """Call the function, and hand over what it returns or raises unless its time was over first."""
        result, error = None, None
        try:
            self._context.run(begins)
            result = self._context.run(self._function)
        except BaseException as ex:
            error = ex
        with self._lock:
            self._is_over = True
            if self.is_replaced:
                return
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
            self._loop.call_soon_threadsafe(self._settle, result, error)

    # On the loop

    def give_up(self) -> None:
        """See that the function is not begun any more."""
        with self._lock:
            self._is_over = True

    def left_of(self, limit: float) -> float:
        """Return how many of its seconds are left; all of them while it waits for a thread."""
        began = self._began
        return limit if began is None else began + limit - time.monotonic()

    def replace_thread(self) -> bool:
        """End its time, unless it has ended by itself."""
        with self._lock:
            if self._is_over:
                return False
            self.is_replaced = True
        frame = sys._current_frames().get(self._thread)
        stack = "" if frame is None else "".join(traceback.format_stack(frame))
        self._settle(None, LimitExceededError(stack))
        return True

    def _settle(self, result: Any, error: BaseException | None) -> None:
        if self.result.done():  # canceled
            return
        if error is None:
            self.result.set_result(result)
        else:
            self.result.set_exception(error)
