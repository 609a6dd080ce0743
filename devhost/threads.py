"""The worker's thread pool behind a queue of its own: plain functions cost one hand-over there and one back."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue
from threading import Lock
from typing import Any

Calls = Generator[Callable[[], Any], Any, Any]
"""Yields functions, is sent what each returned, or thrown what it raised, and returns the result of them all."""


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

    async def run(self, calls: Calls, limit: float | None = None) -> Any:
        """Run functions one after the other on one thread, each within `limit` seconds, and return their result.

        What `calls` does between them it does on that thread too, without a limit. A function that does not end in time
        is left to its thread, and `LimitExceededError` thrown into `calls` on the event loop: then it has to end.
        """
        job = _Job(calls, limit)
        self._jobs.put(job)
        # Whatever is still in the queue was not taken at once: one thread more, while there may be.
        if self._jobs.qsize() and self._started < self.count:
            self._started += 1
            self._executor.submit(self._serve)
        try:
            return await job.result
        finally:
            job.unwatch()

    @property
    def are_wanted(self) -> bool:
        """Whether something waits for a thread; may be asked on any."""
        return not self._jobs.empty()

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


def once(function: Callable[[], Any]) -> Calls:
    """Return the calls that are one only."""
    return (yield function)


class _Job:
    """Calls on their way through a thread, for whoever awaits `result` on the loop.

    `_present` has the time at which the present call began, and a lock for what comes first: its end, or that of its
    time. Who takes the lock goes on with the calls.
    """

    def __init__(self, calls: Calls, limit: float | None) -> None:
        self._loop = asyncio.get_running_loop()
        self.result: asyncio.Future[Any] = self._loop.create_future()
        self._calls = calls
        self._first = next(calls)
        self._present = (time.monotonic(), Lock())
        self._watch = None if limit is None else self._loop.call_later(limit, self._look, limit)

    def run(self) -> None:
        """Make the calls, on this thread."""
        call = self._first
        while True:
            _, end = self._present
            try:
                go_on = partial(self._calls.send, call())
            except BaseException as ex:
                go_on = partial(self._calls.throw, ex)
            if not end.acquire(blocking=False):
                return
            try:
                call = go_on()
            except StopIteration as finished:
                return self._finish(finished.value, None)
            except BaseException as ex:
                return self._finish(None, ex)
            self._present = (time.monotonic(), Lock())

    def unwatch(self) -> None:
        """Look at the time no more."""
        if self._watch is not None:
            self._watch.cancel()

    def _look(self, limit: float) -> None:
        began, end = self._present
        left = began + limit - time.monotonic()
        if left <= 0 and end.acquire(blocking=False):
            try:
                self._calls.throw(LimitExceededError())
            except StopIteration as finished:
                self._settle(finished.value, None)
            except BaseException as ex:
                self._settle(None, ex)
        else:
            self._watch = self._loop.call_later(left if left > 0 else limit, self._look, limit)

    def _finish(self, result: Any, error: BaseException | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
            self._loop.call_soon_threadsafe(self._settle, result, error)

    def _settle(self, result: Any, error: BaseException | None) -> None:
        if self.result.done():  # canceled
            return
        if error is None:
            self.result.set_result(result)
        else:
            self.result.set_exception(error)
