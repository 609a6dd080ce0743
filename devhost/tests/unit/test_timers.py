"""Timers deliver in the order of their times, on the clock they are given, and not after they were canceled."""

import asyncio
import gc
import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest

from devhost.engine.timers import Timers
from devhost.hub.rows import Message
from devhost.tests.crash.virtual_time import VirtualTimeLoop
from devhost.tests.unit.fake_clock import FakeClock

NOON = FakeClock().now()


class Delivered:
    """The bodies of delivered messages, and a way to wait for the next."""

    def __init__(self) -> None:
        self.bodies: list[str] = []
        self._arrived = asyncio.Event()

    def take(self, message: Message) -> None:
        """Note a message."""
        self.bodies.append(message.body)
        self._arrived.set()

    async def next(self) -> None:
        """Wait until another message has come."""
        await self._arrived.wait()
        self._arrived.clear()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def delivered() -> Delivered:
    return Delivered()


@pytest.fixture
async def timers(clock: FakeClock, delivered: Delivered) -> Timers:
    return Timers(clock, delivered.take)


def message(task_id: int, due: datetime | None, execution: str = "e") -> Message:
    return Message("run", 11, f"{execution}{task_id}", execution, task_id, due, id=task_id + 100 * (execution == "f"))


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


async def test_messages_come_in_the_order_of_their_times(
    timers: Timers, clock: FakeClock, delivered: Delivered
) -> None:
    for task_id, seconds in enumerate([30, 10, 20, 10]):
        timers.add(message(task_id, after(seconds)))
    clock.advance(9.999999)
    timers.fire()
    assert delivered.bodies == []
    clock.advance(0.000001)
    timers.fire()
    assert delivered.bodies == ["e1", "e3"]
    clock.advance(3600)
    timers.fire()
    assert delivered.bodies == ["e1", "e3", "e2", "e0"]


async def test_message_that_is_due_already_goes_out_by_itself(timers: Timers, delivered: Delivered) -> None:
    timers.add(message(1, after(-5)))
    assert delivered.bodies == []
    await delivered.next()
    assert delivered.bodies == ["e1"]


async def test_timers_wake_by_themselves_when_a_time_has_come(delivered: Delivered) -> None:
    class RunningClock:
        def now(self) -> datetime:
            return datetime.now(UTC)

    timers = Timers(RunningClock(), delivered.take)
    timers.add(message(1, datetime.now(UTC) + timedelta(days=1)))
    timers.add(message(2, datetime.now(UTC) + timedelta(milliseconds=20)))
    await delivered.next()
    assert delivered.bodies == ["e2"]
    timers.close()


async def test_clock_that_jumps_ahead_makes_all_due_at_once(
    timers: Timers, clock: FakeClock, delivered: Delivered
) -> None:
    timers.add(message(2, after(86_400)))
    timers.add(message(1, after(3_600)))
    clock.advance(7 * 86_400)
    timers.add(message(3, after(-1)))
    await delivered.next()
    assert delivered.bodies == ["e3", "e1", "e2"]


async def test_clock_that_jumps_back_delays(timers: Timers, clock: FakeClock, delivered: Delivered) -> None:
    timers.add(message(1, after(10)))
    clock.advance(-3_600)
    timers.fire()
    clock.advance(3_605)
    timers.fire()
    assert delivered.bodies == []
    clock.advance(5)
    timers.fire()
    assert delivered.bodies == ["e1"]


async def test_canceled_timer_is_not_delivered_and_others_are(
    timers: Timers, clock: FakeClock, delivered: Delivered
) -> None:
    timers.add(message(1, after(10)))
    timers.add(message(2, after(10)))
    timers.add(message(1, after(10), "f"))
    timers.cancel("run", "e", 1)
    clock.advance(10)
    timers.fire()
    assert delivered.bodies == ["e2", "f1"]


async def test_canceling_what_is_not_there_does_nothing(timers: Timers, clock: FakeClock, delivered: Delivered) -> None:
    timers.add(message(1, after(10)))
    clock.advance(10)
    timers.fire()
    timers.cancel("run", "e", 1)
    timers.cancel("nobody", "e", 1)
    assert delivered.bodies == ["e1"]


async def test_nothing_is_delivered_twice(timers: Timers, clock: FakeClock, delivered: Delivered) -> None:
    timers.add(message(1, after(10)))
    clock.advance(10)
    timers.fire()
    timers.fire()
    assert delivered.bodies == ["e1"]


async def test_closed_timers_deliver_nothing_more(timers: Timers, clock: FakeClock, delivered: Delivered) -> None:
    timers.add(message(1, after(10)))
    timers.close()
    clock.advance(10)
    timers.fire()
    assert delivered.bodies == []


async def test_message_without_a_time_is_refused(timers: Timers) -> None:
    with pytest.raises(ValueError, match="message 1 for 'run' has no due time"):
        timers.add(message(1, None))


async def test_early_timers_are_due_up_to_a_second_before_their_time(clock: FakeClock, delivered: Delivered) -> None:
    """As with Azure Storage: the seconds to wait are rounded down, so that less than one is none."""
    timers = Timers(clock, delivered.take, is_early=True)
    added = [message(task_id, after(seconds)) for task_id, seconds in enumerate([0.9, 2.9, 3.0, -5])]
    for one in added:
        timers.add(one)
    assert [one.due for one in added] == [NOON, after(2), after(3), NOON]
    timers.fire()
    assert sorted(delivered.bodies) == ["e0", "e3"]
    clock.advance(2)
    timers.fire()
    assert delivered.bodies[2:] == ["e1"]
    timers.close()


async def test_canceled_timers_leave_memory_long_before_their_time(timers: Timers) -> None:
    kept = 100
    for number in range(kept):
        timers.add(message(number, after(3600)))
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(kept, 20_000):
            timers.add(message(number, after(3 * 24 * 3600)))
            timers.cancel("run", "e", number)
            if number % 100 == 0:
                await asyncio.sleep(0)  # the event loop forgets the wakes that were canceled
        gc.collect()
        left = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert left < 100_000


async def test_a_timer_is_kept_however_many_others_are_canceled(
    timers: Timers, clock: FakeClock, delivered: Delivered
) -> None:
    for number in range(50):
        timers.add(message(number, after(100 - number)))
    for number in set(range(50)) - {7, 30}:
        timers.cancel("run", "e", number)
    clock.advance(200)
    timers.fire()
    assert delivered.bodies == ["e30", "e7"]


async def test_a_timer_that_is_set_again_fires_at_its_new_time(
    timers: Timers, clock: FakeClock, delivered: Delivered
) -> None:
    timers.add(message(1, after(10)))
    timers.cancel("run", "e", 1)
    again = message(1, after(100))
    again.id = 2
    timers.add(again)
    clock.advance(50)
    timers.fire()
    assert delivered.bodies == []
    clock.advance(50)
    timers.fire()
    assert delivered.bodies == ["e1"]


def test_a_clock_that_was_set_forward_is_noticed_within_a_minute(clock: FakeClock) -> None:
    loop = VirtualTimeLoop()
    delivered = Delivered()

    async def wait_a_minute() -> None:
        timers = Timers(clock, delivered.take)
        timers.add(message(1, after(24 * 3600)))
        clock.advance(2 * 24 * 3600)
        await asyncio.sleep(61)
        timers.close()

    loop.run_until_complete(wait_a_minute())
    loop.close()
    assert delivered.bodies == ["e1"]
