"""The worker's thread pool behind a queue of its own: plain functions cost one hand-over there and one back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any


class LimitExceededError(Exception):
    """A function did not end in time; its thread goes on, and its result will be dropped."""


class Threads:
    """Runs functions on an executor's threads, as many at a time as it has.

    `ThreadPoolExecutor.submit` and asyncio's way back from it take longer than most activities; a thread of the pool
    that serves this queue instead takes its work as it comes.
    """

    def __init__(self, executor: ThreadPoolExecutor) -> None:
        self._executor = executor
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._started = 0

    async def run(self, function: Callable[..., Any], *arguments: Any, limit: float | None = None) -> Any:
        """Run a function and return its result, or raise what it raised; `limit` is in seconds.

        Raises:
            LimitExceededError: It did not end in time.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()

        def settle(result: Any, error: BaseException | None) -> None:
            if future.done():  # canceled, or too late
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        def job() -> None:
            try:
                result, error = function(*arguments), None
            except BaseException as ex:
                result, error = None, ex
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
                loop.call_soon_threadsafe(settle, result, error)

        self._jobs.put(job)
        # Whatever is still in the queue was not taken at once: one thread more, while there may be.
        if self._jobs.qsize() and self._started < self._executor._max_workers:
            self._started += 1
            self._executor.submit(self._serve)
        if limit is None:
            return await future
        watch = loop.call_later(limit, settle, None, LimitExceededError())
        try:
            return await future
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
            job()
