"""The dispatcher hands on what is committed, in order, once, and loses nothing that fails or has to stop."""

import asyncio
import sqlite3
from datetime import timedelta

import pytest

from devhost.hub.rows import ActivityItem, Changes, Instance, Message, Status
from devhost.hub.store import TaskHub
from devhost.tests.unit.commit import commit
from devhost.tests.unit.dispatcher.recorder import NOON, Recorder, activity, message
from devhost.tests.unit.fake_clock import FakeClock


async def test_messages_of_one_target_are_processed_one_by_one_in_order(recorder: Recorder, hub: TaskHub) -> None:
    recorder.dispatcher.start()
    running = 0

    async def never_two_at_once(_: Message) -> None:
        nonlocal running
        running += 1
        assert running == 1
        await asyncio.sleep(0)
        running -= 1

    recorder.before = never_two_at_once
    for n in range(20):
        await recorder.commits.soon(Changes(messages=[message(str(n))]))
        await asyncio.sleep(0)
    assert await recorder.has(20) == [str(n) for n in range(20)]
    assert list(hub.pending_messages()) == []


async def test_a_busy_target_does_not_hold_up_another(recorder: Recorder) -> None:
    recorder.dispatcher.start()
    release = asyncio.Event()

    async def slow_target_waits(message: Message) -> bool:
        return message.target != "slow" or await release.wait()

    recorder.before = slow_target_waits
    await recorder.commits.soon(Changes(messages=[message("s", "slow"), message("q", "quick")]))
    assert await recorder.has(1) == ["q"]
    release.set()
    assert await recorder.has(2) == ["q", "s"]


async def test_first_messages_pass_those_that_wait(recorder: Recorder) -> None:
    recorder.dispatcher.start()
    release = asyncio.Event()

    async def until_released(_: Message) -> bool:
        return await release.wait()

    recorder.before = until_released
    await recorder.commits.soon(Changes(messages=[message("under way")]))
    await asyncio.sleep(0)
    await recorder.commits.soon(Changes(messages=[message("waits")]))
    await recorder.commits.soon(
        Changes(messages=[message("started", is_first=True), message("carried", is_first=True)])
    )
    release.set()
    assert sorted((await recorder.has(4))[:1]) == ["under way"]
    assert recorder.bodies[1:] == ["started", "carried", "waits"]


async def test_start_takes_up_what_the_last_run_left_in_order(recorder: Recorder, hub: TaskHub) -> None:
    commit(hub, Changes(messages=[message("a"), message("b")], activities=[activity("hello")]))
    assert recorder.dispatcher.start() == 3
    assert await recorder.has(3) == ["a", "b", "hello done"]


async def test_messages_that_cannot_be_processed_now_are_offered_again_with_the_next(
    recorder: Recorder, hub: TaskHub
) -> None:
    recorder.dispatcher.start()
    recorder.is_held = True
    await recorder.commits.soon(Changes(messages=[message("held")]))
    await asyncio.sleep(0)
    assert [one.body for one in hub.pending_messages()] == ["held"]
    recorder.is_held = False
    await recorder.commits.soon(Changes(messages=[message("resume")]))
    assert await recorder.has(2) == ["held", "resume"]


async def test_timer_is_handed_on_when_it_is_due_and_stays_in_the_hub_until_then(
    recorder: Recorder, hub: TaskHub, clock: FakeClock
) -> None:
    recorder.dispatcher.start()
    timer = Message("run", 11, "timer", "e", 1, NOON + timedelta(hours=1))
    await recorder.commits.soon(Changes(messages=[timer, message("now")]))
    assert await recorder.has(1) == ["now"]
    assert [one.body for one in hub.pending_messages()] == ["timer"]
    clock.advance(3600)
    await recorder.commits.soon(Changes(messages=[Message("other", 11, "due at once", "e", 2, NOON)]))
    assert sorted(await recorder.has(3)) == ["due at once", "now", "timer"]


async def test_canceled_timer_is_not_handed_on(recorder: Recorder, clock: FakeClock) -> None:
    recorder.dispatcher.start()
    await recorder.commits.soon(Changes(messages=[Message("run", 11, "timer", "e", 1, NOON + timedelta(hours=1))]))
    await recorder.commits.soon(Changes(canceled_timers=[("run", "e", 1)]))
    clock.advance(7200)
    late = NOON + timedelta(hours=2)
    await recorder.commits.soon(Changes(messages=[Message("run", 11, "later than that", "e", 2, late)]))
    assert await recorder.has(1) == ["later than that"]


async def test_nothing_is_handed_on_when_the_commit_fails(recorder: Recorder, hub: TaskHub) -> None:
    recorder.dispatcher.start()
    nameless = ActivityItem("run", "e", 0, None, None)  # type: ignore[arg-type]  # what makes the commit fail
    with pytest.raises(sqlite3.IntegrityError):
        await recorder.commits.soon(Changes(messages=[message("never")], activities=[nameless]))
    await recorder.commits.soon(Changes(messages=[message("next")]))
    assert await recorder.has(1) == ["next"]


# What cannot be finished


class Failing:
    """Fails so many times, with errors that can be told apart."""

    def __init__(self, times: int, kind: type[Exception] = RuntimeError) -> None:
        self.left = times
        self.kind = kind
        self.raised: list[Exception] = []

    async def __call__(self, message: Message) -> None:
        if self.left:
            self.left -= 1
            self.raised.append(self.kind(f"fault {len(self.raised)}"))
            raise self.raised[-1]


async def test_an_attempt_after_one_that_failed_is_told_why_and_the_next_work_is_not(recorder: Recorder) -> None:
    recorder.dispatcher.start()
    recorder.before = failing = Failing(1)
    await recorder.commits.soon(Changes(messages=[message("bad"), message("good")]))
    assert await recorder.has(2) == ["bad", "good"]
    assert recorder.errors == failing.raised


async def test_what_fails_twice_is_tried_again_by_itself_after_a_growing_pause(
    recorder: Recorder, hub: TaskHub, caplog: pytest.LogCaptureFixture
) -> None:
    recorder.dispatcher.start()
    recorder.before = failing = Failing(3)
    await recorder.commits.soon(Changes(messages=[message("bad")]))
    assert await recorder.has(1) == ["bad"]
    assert recorder.errors == [failing.raised[0]] * 3
    lines = [record.getMessage() for record in caplog.records]
    assert [line.rpartition(". ")[2] for line in lines] == ["Trying again in 0.1 s.", "Trying again in 0.2 s."]
    assert lines[0].startswith("run: a work item cannot be finished (fault 1); it stays in the task hub.")


async def test_while_the_hub_refuses_nothing_is_ended_for_it(recorder: Recorder) -> None:
    recorder.dispatcher.start()
    recorder.before = Failing(2, sqlite3.OperationalError)
    await recorder.commits.soon(Changes(messages=[message("kept")]))
    assert await recorder.has(1) == ["kept"]
    assert recorder.errors == []


async def test_an_activity_that_cannot_be_finished_is_ended_for_it(recorder: Recorder, hub: TaskHub) -> None:
    recorder.before = failing = Failing(1)
    commit(hub, Changes(activities=[activity("hello")]))
    recorder.dispatcher.start()
    assert await recorder.has(1) == ["hello failed"]
    assert recorder.errors == failing.raised
    assert list(hub.pending_activities()) == []


async def test_stopping_does_not_wait_for_a_pause(recorder: Recorder, hub: TaskHub) -> None:
    recorder.dispatcher.start()
    recorder.before = Failing(1_000_000)
    await recorder.commits.soon(Changes(messages=[message("bad")]))
    while len(recorder.errors) < 2:
        await asyncio.sleep(0)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await recorder.dispatcher.stop(grace_seconds=30)
    assert loop.time() - began < 10
    assert [one.body for one in hub.pending_messages()] == ["bad"]


# Stopping


async def test_stop_lets_running_work_finish_and_starts_nothing_more(recorder: Recorder, hub: TaskHub) -> None:
    recorder.dispatcher.start()
    entered, release = asyncio.Event(), asyncio.Event()

    async def until_released(_: Message) -> bool:
        entered.set()
        return await release.wait()

    recorder.before = until_released
    await recorder.commits.soon(Changes(messages=[message("running"), message("next")]))
    await entered.wait()
    stopping = asyncio.create_task(recorder.dispatcher.stop(grace_seconds=30))
    await asyncio.sleep(0)
    await recorder.commits.soon(Changes(messages=[message("new", "other")], activities=[activity("late")]))
    release.set()
    await stopping
    assert recorder.bodies == ["running"]
    assert [one.body for one in hub.pending_messages()] == ["next", "new"]
    assert [one.name for one in hub.pending_activities()] == ["late"]


async def test_stop_gives_up_on_work_that_does_not_finish_in_time(recorder: Recorder, hub: TaskHub) -> None:
    recorder.dispatcher.start()
    entered, canceled = asyncio.Event(), asyncio.Event()

    async def for_ever(_: Message) -> bool:
        entered.set()
        try:
            return await asyncio.Event().wait()
        finally:
            canceled.set()

    recorder.before = for_ever
    await recorder.commits.soon(Changes(messages=[message("stuck")]))
    await entered.wait()
    await recorder.dispatcher.stop(grace_seconds=0.01)
    assert [one.body for one in hub.pending_messages()] == ["stuck"]
    assert canceled.is_set()


async def test_no_timer_goes_off_after_stop(recorder: Recorder, clock: FakeClock) -> None:
    recorder.dispatcher.start()
    await recorder.commits.soon(Changes(messages=[Message("run", 11, "timer", "e", 1, NOON + timedelta(seconds=1))]))
    await recorder.dispatcher.stop(grace_seconds=1)
    clock.advance(10)
    await asyncio.sleep(0)
    assert recorder.bodies == []


# Waiting for an instance


def instance(status: Status) -> Instance:
    return Instance("run", "e", "main", status, NOON, NOON)


async def test_waiters_are_told_when_the_instance_has_ended(recorder: Recorder) -> None:
    recorder.dispatcher.start()
    waiters = [asyncio.create_task(recorder.endings.wait("run", 30)) for _ in range(2)]
    await asyncio.sleep(0)
    await recorder.commits.soon(Changes(instances=[instance(Status.RUNNING)]))
    await asyncio.sleep(0)
    assert not any(waiter.done() for waiter in waiters)
    await recorder.commits.soon(Changes(instances=[instance(Status.FAILED)]))
    assert await asyncio.gather(*waiters) == [True, True]


async def test_waiting_ends_in_time(recorder: Recorder) -> None:
    recorder.dispatcher.start()
    await recorder.commits.soon(Changes(instances=[instance(Status.RUNNING)]))
    assert await recorder.endings.wait("run", 0.01) is False
