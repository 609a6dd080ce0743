"""Functions on the worker's threads: their results, their time, and what is done between them."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from devhost.threads import Calls, LimitExceededError, Threads, once


@pytest.fixture
def threads() -> Iterator[Threads]:
    """Two threads."""
    threads = Threads(ThreadPoolExecutor(2))
    yield threads
    threads.close()


async def test_calls_and_what_is_between_them_run_on_one_thread(threads: Threads) -> None:
    def calls() -> Calls:
        first = yield threading.current_thread
        between = threading.current_thread()
        second = yield threading.current_thread
        return {first, between, second, threading.current_thread()}

    (thread,) = await threads.run(calls())
    assert thread is not threading.main_thread()


async def test_an_error_is_raised_where_it_was_called_for(threads: Threads) -> None:
    def calls() -> Calls:
        try:
            yield lambda: 1 / 0
        except ZeroDivisionError:
            return (yield lambda: "went on")

    assert await threads.run(calls()) == "went on"


async def test_an_error_that_is_not_caught_is_raised(threads: Threads) -> None:
    with pytest.raises(ZeroDivisionError):
        await threads.run(once(lambda: 1 / 0))


async def test_a_late_function_is_left_to_its_thread_and_its_result_dropped(threads: Threads) -> None:
    is_over, went_on = threading.Event(), list[object]()

    def calls() -> Calls:
        try:
            went_on.append((yield lambda: is_over.wait(5)))
        except LimitExceededError:
            return threading.current_thread()

    assert await threads.run(calls(), limit=0.01) is threading.main_thread()
    is_over.set()
    both = threading.Barrier(2)
    await asyncio.gather(threads.run(once(both.wait)), threads.run(once(both.wait)))  # so the late thread is free
    assert went_on == []


async def test_each_call_has_its_own_time_and_what_is_between_them_has_none(threads: Threads) -> None:
    def wait() -> bool:
        return threading.Event().wait(0.6)

    def calls() -> Calls:
        yield wait
        wait()
        yield wait
        return "in time"

    assert await threads.run(calls(), limit=1.0) == "in time"


async def test_time_is_over_for_a_later_call_too(threads: Threads) -> None:
    is_over = threading.Event()

    def calls() -> Calls:
        yield lambda: None
        yield is_over.wait

    with pytest.raises(LimitExceededError):
        await threads.run(calls(), limit=0.05)
    is_over.set()


async def test_threads_are_wanted_while_something_waits_for_one(threads: Threads) -> None:
    may_end = threading.Event()
    running = [asyncio.create_task(threads.run(once(may_end.wait))) for _ in range(3)]
    await asyncio.sleep(0.05)
    assert threads.are_wanted
    may_end.set()
    await asyncio.gather(*running)
    assert not threads.are_wanted
