"""Functions on threads: their results, their time, threads that hang, and the end."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar

import pytest

from devhost.threads import LimitExceededError, Threads

COUNT = 2


@pytest.fixture
def threads() -> Iterator[Threads]:
    threads = Threads(COUNT)
    yield threads
    threads.close()


@pytest.fixture
def may_end() -> Iterator[threading.Event]:
    """What functions wait for; they are let go at the end."""
    event = threading.Event()
    yield event
    event.set()


async def test_a_function_runs_in_the_context_of_whoever_waits_for_it(threads: Threads) -> None:
    who = ContextVar("who", default="nobody")

    async def ask(name: str) -> str:
        who.set(name)
        return await threads.run(who.get)

    names = [f"caller {n}" for n in range(3 * COUNT)]
    assert await asyncio.gather(*map(ask, names)) == names
    assert await threads.run(who.get) == "nobody"


async def test_a_function_runs_on_a_thread_that_does_not_keep_the_process(threads: Threads) -> None:
    thread = await threads.run(threading.current_thread)
    assert thread is not threading.main_thread()
    assert thread.daemon


async def test_what_it_raises_is_raised(threads: Threads) -> None:
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 // 0)


async def test_so_many_run_at_a_time_and_the_others_in_their_order(threads: Threads, may_end: threading.Event) -> None:
    began: list[int] = []

    def work(n: int) -> None:
        began.append(n)
        may_end.wait()

    running = [asyncio.create_task(threads.run(lambda n=n: work(n))) for n in range(5)]  # type: ignore[misc]
    while len(began) < COUNT:
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.05)
    assert began == [0, 1]
    may_end.set()
    await asyncio.gather(*running)
    assert sorted(began) == [0, 1, 2, 3, 4]


async def test_time_begins_when_a_thread_takes_the_function(threads: Threads) -> None:
    def work() -> str:
        threading.Event().wait(0.3)
        return "in time"

    # Three rounds on two threads: the last two begin after 0.6 s.
    assert await asyncio.gather(*(threads.run(work, limit=0.55) for _ in range(6))) == ["in time"] * 6


async def test_a_late_function_loses_its_result_and_tells_where_it_is(
    threads: Threads, may_end: threading.Event
) -> None:
    def hang_here() -> None:
        may_end.wait()

    with pytest.raises(LimitExceededError) as late:
        await threads.run(hang_here, limit=0.05)
    assert "in hang_here" in late.value.stack


async def test_a_thread_that_hangs_is_replaced(threads: Threads, may_end: threading.Event) -> None:
    for _ in range(2 * COUNT):
        with pytest.raises(LimitExceededError):
            await threads.run(may_end.wait, limit=0.02)
    both = threading.Barrier(COUNT)
    await asyncio.gather(*(threads.run(lambda: both.wait(5)) for _ in range(COUNT)))


async def test_a_thread_that_was_replaced_takes_nothing_more(threads: Threads) -> None:
    ends = [threading.Event() for _ in range(COUNT)]
    late: list[threading.Thread] = []

    def hang(end: threading.Event) -> None:
        late.append(threading.current_thread())
        end.wait()

    for end in ends:
        with pytest.raises(LimitExceededError):
            await threads.run(lambda end=end: hang(end), limit=0.02)  # type: ignore[misc]
        end.set()
    for thread in late:
        await asyncio.to_thread(thread.join, 5)
        assert not thread.is_alive()
    assert await threads.run(threading.current_thread) not in late


async def test_a_function_that_ended_in_time_keeps_its_thread_though_the_loop_looks_late(
    threads: Threads, may_end: threading.Event
) -> None:
    ended = asyncio.create_task(threads.run(lambda: "in time", limit=0.02))
    await asyncio.sleep(0)
    time.sleep(0.2)  # a coroutine that blocks the loop
    assert await ended == "in time"
    began: list[None] = []

    def work() -> None:
        began.append(None)
        may_end.wait()

    running = [asyncio.create_task(threads.run(work)) for _ in range(2 * COUNT)]
    await asyncio.sleep(0.2)
    assert len(began) == COUNT
    may_end.set()
    await asyncio.gather(*running)


async def test_a_function_that_nobody_waits_for_any_more_is_not_begun(
    threads: Threads, may_end: threading.Event
) -> None:
    begun: list[str] = []
    busy = [asyncio.create_task(threads.run(may_end.wait)) for _ in range(COUNT)]
    given_up = asyncio.create_task(threads.run(lambda: begun.append("given up")))
    await asyncio.sleep(0.01)
    given_up.cancel()
    await asyncio.wait([given_up])
    may_end.set()
    await asyncio.gather(*busy)
    await asyncio.gather(*(threads.run(lambda: begun.append("after")) for _ in range(COUNT)))
    assert begun == ["after"] * COUNT


async def test_who_gives_up_a_function_that_runs_leaves_its_thread_to_others(
    threads: Threads, may_end: threading.Event
) -> None:
    running = [asyncio.create_task(threads.run(may_end.wait)) for _ in range(COUNT)]
    await asyncio.sleep(0.01)
    for one in running:
        one.cancel()
    await asyncio.wait(running)
    may_end.set()
    both = threading.Barrier(COUNT)
    await asyncio.gather(*(threads.run(lambda: both.wait(5)) for _ in range(COUNT)))


@pytest.mark.usefixtures("restless")
async def test_closing_never_hangs_while_threads_take_from_the_queue() -> None:
    for _ in range(300):
        threads = Threads(4)
        running = [asyncio.create_task(threads.run(lambda: None)) for _ in range(20)]
        await asyncio.sleep(0)
        threads.close()
        await asyncio.wait(running, timeout=5)
        assert all(one.done() for one in running)


@pytest.mark.usefixtures("restless")
async def test_the_end_of_a_function_and_of_its_time_never_both_count() -> None:
    threads = Threads(4)
    ended = [0]

    async def race(n: int) -> str:
        def work() -> str:
            threading.Event().wait(0.01 + n % 7 * 0.0005)
            ended[0] += 1
            return "done"

        try:
            return await threads.run(work, limit=0.0115)
        except LimitExceededError:
            return "late"

    outcomes = [one for _ in range(25) for one in await asyncio.gather(*(race(n) for n in range(8)))]
    assert set(outcomes) <= {"done", "late"}
    assert len(outcomes) == 200
    # Whatever was late, as many threads as before take functions.
    four = threading.Barrier(4)
    await asyncio.gather(*(threads.run(lambda: four.wait(5)) for _ in range(4)))
    threads.close()
