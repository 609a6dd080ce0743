"""The worker's thread pool behind a queue of its own: plain functions cost one hand-over there and one back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue
from threading import Lock
from typing import Any


class LimitExceededError(Exception):
    """A function did not end in time; its thread goes on, and its result will be dropped."""


class Threads:
    """Runs functions on an executor's threads, as many at a time as it has: `count`.

    `ThreadPoolExecutor.submit` and asyncio's way back from it take longer than most activities; a thread of the pool
    that serves this queue instead takes its work as it comes.
    """

    def __init__(self, executor: ThreadPoolExecutor) -> None:
        self.count: int = executor._max_workers
        self._executor = executor
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._started = 0

    async def run(
        self, function: Callable[[], Any], limit: float | None = None, then: Callable[[Any], Any] | None = None
    ) -> Any:
        """Run a function and return its result, or raise what it raised; `limit` is in seconds.

        `then` is called on the same thread with the result of a function that ended in time, and has no limit of its
        own; its result is returned instead.

        Raises:
            LimitExceededError: The function did not end in time.
        """
        job = _Job(function, then)
        self._jobs.put(job)
        # Whatever is still in the queue was not taken at once: one thread more, while there may be.
        if self._jobs.qsize() and self._started < self.count:
            self._started += 1
            self._executor.submit(self._serve)
        if limit is None:
            return await job.result
        watch = asyncio.get_running_loop().call_later(limit, job.expire)
        try:
            return await job.result
        finally:
            watch.cancel()

    def close(self) -> None:
        """Start nothing more; what runs goes on until the process ends."""
        while not self._jobs.empty():
            self._jobs.get()
        for _ in range(self._started):
            self._jobs.put(None)
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            job.run()


class _Job:
    """A function to be run on a thread, for whoever awaits `result` on the loop."""

    def __init__(self, function: Callable[[], Any], then: Callable[[Any], Any] | None) -> None:
        self._loop = asyncio.get_running_loop()
        self.result: asyncio.Future[Any] = self._loop.create_future()
        self._function = function
        self._then = then
        self._end = Lock()  # for what comes first: the function's end, or that of its time

    def run(self) -> None:
        result, error = _outcome(self._function)
        if not self._end.acquire(blocking=False):
            return
        if error is None and self._then is not None:
            result, error = _outcome(partial(self._then, result))
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
            self._loop.call_soon_threadsafe(self._settle, result, error)

    def expire(self) -> None:
        if self._end.acquire(blocking=False):
            self._settle(None, LimitExceededError())

    def _settle(self, result: Any, error: BaseException | None) -> None:
        if self.result.done():  # canceled
            return
        if error is None:
            self.result.set_result(result)
        else:
            self.result.set_exception(error)


def _outcome(function: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    try:
        return function(), None
    except BaseException as ex:
        return None, ex
