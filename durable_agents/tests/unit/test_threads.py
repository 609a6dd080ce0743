"""The pools have what they say on every machine, and what hangs in one keeps it from nobody."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import wait
from typing import Any

import pytest
from agent_framework_durabletask import run_agent_coroutine

from durable_agents.app import AgentFunctionApp
from durable_agents.settings.hosting import HostingSettings
from durable_agents.threads import MOST_THREADS, Threads, in_store_thread, in_thread

SECONDS = 10.0


@pytest.mark.parametrize("call", [in_thread, in_store_thread, asyncio.to_thread])
def test_as_many_wait_side_by_side_as_are_said(call: Callable[..., Any]) -> None:
    """The last is how the framework calls a synchronous tool, on the event loop of agents."""
    AgentFunctionApp(settings=HostingSettings.from_environ({}))
    meeting = threading.Barrier(MOST_THREADS)

    async def call_all() -> None:
        await asyncio.gather(*(call(meeting.wait, SECONDS) for _ in range(MOST_THREADS)))

    run_agent_coroutine(call_all())


async def test_what_hangs_keeps_its_thread_from_nobody_once_it_is_given_up() -> None:
    loop, threads, end = asyncio.get_running_loop(), Threads(2, "test"), threading.Event()
    hanging = [loop.run_in_executor(threads, end.wait, 2 * SECONDS) for _ in range(2)]
    next_one = loop.run_in_executor(threads, lambda: "answer")
    _, waiting = await asyncio.wait([next_one], timeout=0.05)
    assert waiting, "more ran than may"
    for call in hanging:
        call.cancel()
    try:
        assert await asyncio.wait_for(next_one, SECONDS) == "answer"
    finally:
        end.set()


async def test_no_more_run_than_may_after_what_was_given_up_has_ended() -> None:
    loop, threads, end, has_ended = asyncio.get_running_loop(), Threads(1, "test"), threading.Event(), threading.Event()
    began = threading.Event()

    def hang() -> None:
        began.set()
        end.wait(2 * SECONDS)
        has_ended.set()

    given_up = threads.submit(hang)
    assert began.wait(SECONDS)
    given_up.cancel()
    end.set()
    assert has_ended.wait(SECONDS)
    # Its thread is about to find out that it does not count any more.
    await asyncio.sleep(0.05)
    at_once, most, lock = 0, 0, threading.Lock()

    def count() -> None:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.002)
        with lock:
            at_once -= 1

    others = [loop.run_in_executor(threads, count) for _ in range(10)]
    await asyncio.wait_for(asyncio.gather(*others), SECONDS)
    assert most == 1


def test_each_call_is_done_once_whoever_gives_up_when() -> None:
    """Raced for real: calls from several threads, of which half are given up at any moment."""
    threads, called, lock, kept = Threads(3, "test"), list[int](), threading.Lock(), list[Any]()

    def call(number: int) -> int:
        with lock:
            called.append(number)
        return number

    def send(first: int) -> None:
        for number in range(first, first + 200):
            future = threads.submit(call, number)
            if number % 2:
                future.cancel()
            else:
                with lock:
                    kept.append((number, future))

    senders = [threading.Thread(target=send, args=(first,)) for first in range(0, 800, 200)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(SECONDS)
    assert wait([future for _, future in kept], SECONDS).not_done == set()
    assert [future.result() for _, future in kept] == [number for number, _ in kept]
    assert len(called) == len(set(called))
    assert {number for number, _ in kept} <= set(called)


async def test_errors_and_results_are_those_of_the_function() -> None:
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 // 0)
    assert await in_store_thread(int, "7") == 7
