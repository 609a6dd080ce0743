"""Timer functions run when they are due, one run at a time, told what Azure tells them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.functions.meta import Datum
from azure.functions.timer import TimerRequest, TimerRequestConverter

from devhost.functions import Function
from devhost.timer_functions import Schedule, TimerFunctions, read_schedules
from devhost.tracebacks import failure_of_the_app
from devhost.worker import FunctionFailedError

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
EVERY_MINUTE = "0 * * * * *"


class FakeClock:
    """A clock that moves only when a test moves it."""

    def __init__(self) -> None:
        self.time = NOON

    def now(self) -> datetime:
        return self.time


class Runs:
    """Takes the place of the worker: keeps what it is asked to run, and holds each run until it is released."""

    def __init__(self) -> None:
        self.requests: list[TimerRequest] = []
        self.clients: list[str] = []
        self.failure: FunctionFailedError | None = None
        self._released = asyncio.Event()
        self._released.set()

    async def run(self, function: Function, payload: str, client: str = "") -> None:
        self.requests.append(TimerRequestConverter.decode(Datum(payload, "json"), trigger_metadata=None))
        self.clients.append(client)
        await self._released.wait()
        if self.failure is not None:
            raise self.failure

    def hold(self) -> None:
        self._released.clear()

    def release(self) -> None:
        self._released.set()


class Timers:
    """Timer functions of one schedule, on a clock and a worker that the test moves."""

    def __init__(self, schedule: str, **trigger: Any) -> None:
        self.clock = FakeClock()
        self.runs = Runs()
        read = Schedule.of(timer_function(schedule, **trigger), {})
        self.functions = TimerFunctions(self.runs, [read], self.clock, "the client")

    async def advance(self, **time: float) -> None:
        """Move the clock, and let whatever is due by then begin, and end if nothing holds it."""
        self.clock.time += timedelta(**time)
        self.functions.fire()
        await self.settle()

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)


def timer_function(schedule: str, **trigger: Any) -> Function:
    return Function("tick", "id", "timerTrigger", "timer", {"schedule": schedule, **trigger})


@pytest.fixture
async def timers() -> AsyncIterator[Timers]:
    timers = Timers(EVERY_MINUTE)
    timers.functions.start()
    yield timers
    timers.runs.release()
    await timers.functions.stop(1)


async def test_runs_at_each_occurrence_and_not_before(timers: Timers) -> None:
    await timers.advance(seconds=59.9)
    assert len(timers.runs.requests) == 0
    await timers.advance(seconds=0.1)
    assert len(timers.runs.requests) == 1
    await timers.advance(seconds=59)
    assert len(timers.runs.requests) == 1
    await timers.advance(seconds=1)
    assert len(timers.runs.requests) == 2
    assert timers.runs.clients == ["the client"] * 2


async def test_the_loop_wakes_by_itself() -> None:
    timers = Timers(EVERY_MINUTE)
    timers.clock.time += timedelta(seconds=59.95)
    timers.functions.start()
    timers.clock.time += timedelta(seconds=0.05)
    await asyncio.sleep(0.1)
    await timers.functions.stop(1)
    assert len(timers.runs.requests) == 1


async def test_tells_of_the_run_before_and_the_occurrence_that_fired(timers: Timers) -> None:
    await timers.advance(seconds=60)
    await timers.advance(seconds=60.5)
    first, second = timers.runs.requests
    assert first.schedule == {"AdjustForDST": True}
    assert first.schedule_status == {
        "Last": "0001-01-01T00:00:00",
        "Next": "2026-01-05T12:01:00+00:00",
        "LastUpdated": "0001-01-01T00:00:00",
    }
    assert second.schedule_status["Last"] == "2026-01-05T12:01:00+00:00"
    assert second.schedule_status["Next"] == "2026-01-05T12:02:00+00:00"
    assert not second.past_due


@pytest.mark.parametrize(
    ("schedule", "trigger", "is_told"),
    [
        (EVERY_MINUTE, {"useMonitor": True}, True),
        (EVERY_MINUTE, {"useMonitor": False}, False),
        ("*/20 * * * * *", {}, False),
    ],
)
async def test_who_is_told_of_the_run_before(schedule: str, trigger: dict[str, Any], is_told: bool) -> None:
    timers = Timers(schedule, **trigger)
    await timers.advance(seconds=60)
    await timers.functions.stop(1)
    assert bool(timers.runs.requests[0].schedule_status) == is_told


async def test_a_failing_function_is_logged_and_runs_again(timers: Timers, caplog: pytest.LogCaptureFixture) -> None:
    timers.runs.failure = FunctionFailedError("ValueError: boom", "the trace")
    timers.runs.failure.__cause__ = cause = ValueError("boom")
    await timers.advance(seconds=60)
    (record,) = [one for one in caplog.records if one.levelname == "ERROR"]
    assert record.getMessage() == "tick failed: ValueError: boom"
    assert failure_of_the_app(record) is cause
    await timers.advance(seconds=60)
    assert len(timers.runs.requests) == 2


async def test_a_long_run_is_followed_by_one_late_run_and_not_by_all_it_missed(timers: Timers) -> None:
    timers.runs.hold()
    await timers.advance(minutes=1)
    await timers.advance(minutes=3, seconds=10)
    assert len(timers.runs.requests) == 1
    timers.runs.release()
    await timers.settle()
    await timers.advance()
    assert len(timers.runs.requests) == 2
    assert timers.runs.requests[1].schedule_status["Next"] == "2026-01-05T12:02:00+00:00"
    await timers.advance(seconds=49)
    assert len(timers.runs.requests) == 2
    await timers.advance(seconds=1)
    assert len(timers.runs.requests) == 3


async def test_run_on_startup_comes_first_and_keeps_the_schedule() -> None:
    timers = Timers(EVERY_MINUTE, runOnStartup=True)
    timers.clock.time += timedelta(seconds=20)
    timers.functions.start()
    await timers.settle()
    assert len(timers.runs.requests) == 1
    await timers.advance(seconds=39)
    assert len(timers.runs.requests) == 1
    await timers.advance(seconds=1)
    await timers.functions.stop(1)
    assert len(timers.runs.requests) == 2


async def test_stop_waits_for_the_present_run_and_starts_no_other(timers: Timers) -> None:
    timers.runs.hold()
    await timers.advance(minutes=1)
    stopping = asyncio.create_task(timers.functions.stop(5))
    await timers.settle()
    assert not stopping.done()
    timers.clock.time += timedelta(minutes=5)
    timers.runs.release()
    await stopping
    await timers.settle()
    assert len(timers.runs.requests) == 1


async def test_stop_gives_up_on_a_run_that_does_not_end(timers: Timers) -> None:
    timers.runs.hold()
    await timers.advance(minutes=1)
    await asyncio.wait_for(timers.functions.stop(0.01), timeout=1)


def test_settings_are_filled_in() -> None:
    schedule = Schedule.of(timer_function("0 %MINUTES% * * * %DAY%"), {"MINUTES": "*/5", "DAY": "MON-FRI"})
    assert schedule.expression == "0 */5 * * * MON-FRI"


@pytest.mark.parametrize(
    ("schedule", "fault"),
    [
        ("%WHEN%", "names the setting 'WHEN', which is missing. Add it to Values in local.settings.json."),
        ("00:05:00", "is a TimeSpan, which Azure runs on an App Service plan only."),
        ("every day", "Schedule 'every day' is not NCRONTAB: 'every day' has 2 fields;"),
    ],
)
def test_a_schedule_that_cannot_be_used_refuses_its_function_alone(schedule: str, fault: str) -> None:
    good, wrong = timer_function(EVERY_MINUTE), timer_function(schedule)
    schedules, refused = read_schedules([wrong, good], {})
    assert [one.function for one in schedules] == [good]
    assert fault in refused[0].reason
