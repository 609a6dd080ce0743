"""The dispatcher hands on what is committed, in order, once, and loses nothing that fails or has to stop."""

import asyncio
import logging
import sqlite3
from datetime import timedelta

import pytest

from devhost.engine.dispatcher import Dispatcher
from devhost.hub.rows import ActivityItem, Changes, Instance, Message, Status
from devhost.hub.store import TaskHub
from tests.unit.devhost.commit import commit
from tests.unit.devhost.dispatcher.recorder import NOON, Recorder, activity, message, start
from tests.unit.devhost.fake_clock import FakeClock


async def test_messages_of_one_target_are_processed_one_by_one_in_order(
    dispatcher: Dispatcher, recorder: Recorder, hub: TaskHub
) -> None:
    start(dispatcher, recorder)
    running = 0

    async def never_two_at_once(_: Message) -> bool:
        nonlocal running
        running += 1
        assert running == 1
        await asyncio.sleep(0)
        running -= 1
        return True

    recorder.before = never_two_at_once
    for n in range(20):
        dispatcher.commit(Changes(messages=[message(str(n))]))
        await asyncio.sleep(0)
    assert await recorder.has(20) == [str(n) for n in range(20)]
    assert list(hub.pending_messages()) == []


async def test_a_busy_target_does_not_hold_up_another(dispatcher: Dispatcher, recorder: Recorder) -> None:
    start(dispatcher, recorder)
    release = asyncio.Event()

    async def slow_target_waits(message: Message) -> bool:
        return message.target != "slow" or await release.wait()

    recorder.before = slow_target_waits
    dispatcher.commit(Changes(messages=[message("s", "slow"), message("q", "quick")]))
    assert await recorder.has(1) == ["q"]
    release.set()
    assert await recorder.has(2) == ["q", "s"]


async def test_first_messages_pass_those_that_wait(dispatcher: Dispatcher, recorder: Recorder) -> None:
    start(dispatcher, recorder)
    release = asyncio.Event()

    async def until_released(_: Message) -> bool:
        return await release.wait()

    recorder.before = until_released
    dispatcher.commit(Changes(messages=[message("under way")]))
    await asyncio.sleep(0)
    dispatcher.commit(Changes(messages=[message("waits")]))
    dispatcher.commit(Changes(messages=[message("started", is_first=True), message("carried", is_first=True)]))
    release.set()
    assert sorted((await recorder.has(4))[:1]) == ["under way"]
    assert recorder.bodies[1:] == ["started", "carried", "waits"]


async def test_start_takes_up_what_the_last_run_left_in_order(
    dispatcher: Dispatcher, recorder: Recorder, hub: TaskHub
) -> None:
    commit(hub, Changes(messages=[message("a"), message("b")], activities=[activity("hello")]))
    assert start(dispatcher, recorder) == 3
    assert await recorder.has(3) == ["a", "b", "hello done"]


async def test_messages_that_cannot_be_processed_now_are_offered_again_with_the_next(
    dispatcher: Dispatcher, recorder: Recorder, hub: TaskHub
) -> None:
    start(dispatcher, recorder)
    is_held = True
    asked = asyncio.Event()

    async def unless_held(_: Message) -> bool:
        asked.set()
        return not is_held

    recorder.before = unless_held
    dispatcher.commit(Changes(messages=[message("held")]))
    await asked.wait()
    assert [one.body for one in hub.pending_messages()] == ["held"]
    is_held = False
    dispatcher.commit(Changes(messages=[message("resume")]))
    assert await recorder.has(2) == ["held", "resume"]


async def test_timer_is_handed_on_when_it_is_due_and_stays_in_the_hub_until_then(
    dispatcher: Dispatcher, recorder: Recorder, hub: TaskHub, clock: FakeClock
) -> None:
    start(dispatcher, recorder)
    timer = Message("run", 11, "timer", "e", 1, NOON + timedelta(hours=1))
    dispatcher.commit(Changes(messages=[timer, message("now")]))
    assert await recorder.has(1) == ["now"]
    assert [one.body for one in hub.pending_messages()] == ["timer"]
    clock.advance(3600)
    dispatcher.commit(Changes(messages=[Message("other", 11, "due at once", "e", 2, NOON)]))
    assert sorted(await recorder.has(3)) == ["due at once", "now", "timer"]


async def test_canceled_timer_is_not_handed_on(dispatcher: Dispatcher, recorder: Recorder, clock: FakeClock) -> None:
    start(dispatcher, recorder)
    dispatcher.commit(Changes(messages=[Message("run", 11, "timer", "e", 1, NOON + timedelta(hours=1))]))
    dispatcher.commit(Changes(canceled_timers=[("run", "e", 1)]))
    clock.advance(7200)
    dispatcher.commit(Changes(messages=[Message("run", 11, "other", "e", 2, NOON)]))
    assert await recorder.has(1) == ["other"]


async def test_nothing_is_handed_on_when_the_commit_fails(
    dispatcher: Dispatcher, recorder: Recorder, hub: TaskHub
) -> None:
    start(dispatcher, recorder)
    nameless = ActivityItem("run", "e", 0, None, None)  # type: ignore[arg-type]  # what makes the commit fail
    with pytest.raises(sqlite3.IntegrityError):
        dispatcher.commit(Changes(messages=[message("never")], activities=[nameless]))
    dispatcher.commit(Changes(messages=[message("next")]))
    assert await recorder.has(1) == ["next"]


async def test_error_in_a_work_item_is_logged_and_the_item_stays(
    dispatcher: Dispatcher, recorder: Recorder, hub: TaskHub, caplog: pytest.LogCaptureFixture
) -> None:
    start(dispatcher, recorder)

    async def first_time_fails(message: Message) -> bool:
        if message.body == "bad" and not caplog.records:
            raise RuntimeError("a fault of the host")
        return True

    recorder.before = first_time_fails
    with caplog.at_level(logging.ERROR):
        dispatcher.commit(Changes(messages=[message("bad")]))
        while not caplog.records:
            await asyncio.sleep(0)
    assert [one.body for one in hub.pending_messages()] == ["bad"]
    assert "it stays in the task hub" in caplog.text
    assert "a fault of the host" in caplog.text
    dispatcher.commit(Changes(messages=[message("good")]))
    assert await recorder.has(2) == ["bad", "good"]


# Stopping


async def test_stop_lets_running_work_finish_and_starts_nothing_more(
    dispatcher: Dispatcher, recorder: Recorder, hub: TaskHub
) -> None:
    start(dispatcher, recorder)
    entered, release = asyncio.Event(), asyncio.Event()

    async def until_released(_: Message) -> bool:
        entered.set()
        return await release.wait()

    recorder.before = until_released
    dispatcher.commit(Changes(messages=[message("running"), message("next")]))
    await entered.wait()
    stopping = asyncio.create_task(dispatcher.stop(grace_seconds=30))
    await asyncio.sleep(0)
    dispatcher.commit(Changes(messages=[message("new", "other")], activities=[activity("late")]))
    release.set()
    await stopping
    assert recorder.bodies == ["running"]
    assert [one.body for one in hub.pending_messages()] == ["next", "new"]
    assert [one.name for one in hub.pending_activities()] == ["late"]


async def test_stop_gives_up_on_work_that_does_not_finish_in_time(
    dispatcher: Dispatcher, recorder: Recorder, hub: TaskHub
) -> None:
    start(dispatcher, recorder)
    entered = asyncio.Event()

    async def for_ever(_: Message) -> bool:
        entered.set()
        return await asyncio.Event().wait()

    recorder.before = for_ever
    dispatcher.commit(Changes(messages=[message("stuck")]))
    await entered.wait()
    await dispatcher.stop(grace_seconds=0.01)
    assert [one.body for one in hub.pending_messages()] == ["stuck"]


async def test_no_timer_goes_off_after_stop(dispatcher: Dispatcher, recorder: Recorder, clock: FakeClock) -> None:
    start(dispatcher, recorder)
    dispatcher.commit(Changes(messages=[Message("run", 11, "timer", "e", 1, NOON + timedelta(seconds=1))]))
    await dispatcher.stop(grace_seconds=1)
    clock.advance(10)
    await asyncio.sleep(0)
    assert recorder.bodies == []


# Waiting for an instance


def instance(status: Status) -> Instance:
    return Instance("run", "e", "main", status, NOON, NOON)


async def test_waiters_are_told_when_the_instance_has_ended(dispatcher: Dispatcher, recorder: Recorder) -> None:
    start(dispatcher, recorder)
    dispatcher.commit(Changes(instances=[instance(Status.RUNNING)]))
    waiters = [asyncio.create_task(dispatcher.instance_ended("run", 30)) for _ in range(2)]
    await asyncio.sleep(0)
    dispatcher.commit(Changes(instances=[instance(Status.RUNNING)]))
    await asyncio.sleep(0)
    assert not any(waiter.done() for waiter in waiters)
    dispatcher.commit(Changes(instances=[instance(Status.FAILED)]))
    assert await asyncio.gather(*waiters) == [True, True]
    assert await dispatcher.instance_ended("run", 0) is True


async def test_waiting_ends_in_time_and_at_once_for_nobody(dispatcher: Dispatcher, recorder: Recorder) -> None:
    start(dispatcher, recorder)
    dispatcher.commit(Changes(instances=[instance(Status.RUNNING)]))
    assert await dispatcher.instance_ended("run", 0.01) is False
    assert await dispatcher.instance_ended("nobody", 30) is False
