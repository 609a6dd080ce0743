"""Functions on the worker's threads: their results, their time, and what follows them."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from devhost.threads import LimitExceededError, Threads


@pytest.fixture
def threads() -> Iterator[Threads]:
    """Two threads."""
    threads = Threads(ThreadPoolExecutor(2))
    yield threads
    threads.close()


async def test_what_follows_runs_on_the_functions_thread_and_its_result_counts(threads: Threads) -> None:
    def follow(first: threading.Thread) -> bool:
        return first is threading.current_thread() is not threading.main_thread()

    assert await threads.run(threading.current_thread, then=follow)


async def test_nothing_follows_a_function_that_failed(threads: Threads) -> None:
    followed: list[object] = []
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 / 0, then=followed.append)
    assert followed == []


async def test_an_error_of_what_follows_is_raised(threads: Threads) -> None:
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 0, then=lambda zero: 1 / zero)


async def test_nothing_follows_a_function_whose_time_was_over(threads: Threads) -> None:
    time_is_over, followed = threading.Event(), list[object]()
    with pytest.raises(LimitExceededError):
        await threads.run(lambda: time_is_over.wait(5), limit=0.01, then=followed.append)
    time_is_over.set()
    both = threading.Barrier(2)
    await asyncio.gather(threads.run(both.wait), threads.run(both.wait))  # so the late function's thread is free
    assert followed == []


async def test_the_time_of_a_function_is_not_that_of_what_follows(threads: Threads) -> None:
    def follow(_: None) -> str:
        return "waited" if not threading.Event().wait(0.05) else ""

    assert await threads.run(lambda: None, limit=0.02, then=follow) == "waited"
