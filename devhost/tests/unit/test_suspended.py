"""A suspended run is told of what arrives, and may end, but begins nothing until it is resumed, as on Azure."""

from datetime import timedelta

import pytest

from devhost.protocol.history import EventType
from devhost.tests.unit.actions import (
    activity,
    activity_with_retry,
    all_of,
    answer,
    any_of,
    continue_as_new,
    event,
    failure,
    timer,
)
from devhost.tests.unit.one_run import OneRun

GO = event("go")


def test_what_arrives_is_told_to_the_orchestrator_and_moves_its_status(run: OneRun) -> None:
    run.turn(answer(GO, status="waiting"))
    run.suspend(answer(GO, status="waiting"), "pause")
    run.raise_event("go", 1)
    assert [one["EventType"] for one in run.request()["history"]][-2:] == [12, EventType.EVENT_RAISED]
    run.turn(answer(GO, activity("hello"), status="got it"))
    assert (run.instance.status, run.instance.custom_status) == ("Suspended", '"got it"')
    assert (run.instance.output, run.activities) == ('"pause"', [])


def test_resuming_begins_what_was_held_back(run: OneRun) -> None:
    run.turn(answer(GO))
    run.suspend(answer(GO))
    run.raise_event("go", 1)
    run.turn(answer(GO, activity("hello")))
    run.restart()
    run.resume(answer(GO, activity("hello")), "now")
    assert (run.instance.status, run.instance.output) == ("Running", '"now"')
    assert [one.name for one in run.activities] == ["hello"]
    run.complete(0)
    run.turn(answer(GO, activity("hello"), output="done"))
    assert (run.instance.status, run.instance.output) == ("Completed", '"done"')


def test_a_run_whose_timer_lost_the_race_completes_while_it_is_suspended(run: OneRun) -> None:
    late = run.clock.now() + timedelta(hours=1)
    run.turn(answer(any_of(GO, timer(late))))
    run.suspend(answer(any_of(GO, timer(late))))
    run.raise_event("go", 1)
    run.turn(answer(any_of(GO, timer(late, canceled=True)), output="event"))
    assert (run.instance.status, run.instance.output) == ("Completed", '"event"')


def test_a_run_whose_timer_won_stays_suspended_until_it_is_resumed(run: OneRun) -> None:
    soon = run.clock.now() + timedelta(seconds=1)
    race = any_of(GO, timer(soon))
    run.turn(answer(race))
    run.suspend(answer(race))
    run.clock.advance(2)
    run.turn(answer(race, output="time-out", status="time-out"))
    assert (run.instance.status, run.instance.custom_status) == ("Suspended", '"time-out"')
    run.resume(answer(race, output="time-out", status="time-out"))
    assert (run.instance.status, run.instance.output) == ("Completed", '"time-out"')


def test_a_failure_that_ends_the_run_waits_for_what_it_waited_for(run: OneRun) -> None:
    run.turn(answer(activity("hello")))
    run.suspend(answer(activity("hello")))
    run.fail(0)
    run.turn(failure("no", activity("hello")))
    assert run.instance.status == "Suspended"
    run.resume(failure("no", activity("hello")))
    assert run.instance.status == "Failed"


def test_retries_that_fell_due_meanwhile_get_the_ids_that_the_sdk_gives_them(run: OneRun) -> None:
    """The SDK numbers by event: the first retry's timer, then what follows the activity, then the second's timer."""
    first, second = activity_with_retry("hello", 2), activity_with_retry("hello", 2)
    run.turn(answer(all_of(*first.children, activity("bye"), *second.children)))
    all_three = all_of(*first.children, activity("bye"), *second.children)
    run.suspend(answer(all_three))
    run.fail(0)
    run.turn(answer(all_three))
    run.fail(2)
    run.turn(answer(all_three))
    assert run.timers == []
    run.resume(answer(all_three))
    created = run.events(EventType.TIMER_CREATED)
    assert [one["EventId"] for one in created] == [3, 4]
    assert sorted(one.task_id or 0 for one in run.timers) == [3, 4]


def test_nothing_is_scheduled_beside_a_race_that_a_new_task_is_part_of(run: OneRun) -> None:
    run.turn(answer(GO))
    run.suspend(answer(GO))
    run.raise_event("go", 1)
    late = run.clock.now() + timedelta(hours=1)
    run.turn(answer(GO, any_of(activity("hello"), timer(late)), activity("bye")))
    assert (run.activities, run.timers) == ([], [])
    run.resume(answer(GO, any_of(activity("hello"), timer(late)), activity("bye")))
    assert [one.name for one in run.activities] == ["hello"]


def test_a_run_that_is_to_continue_as_new_does_so_when_it_is_resumed(run: OneRun) -> None:
    run.turn(answer(GO))
    run.suspend(answer(GO))
    run.raise_event("go", 1)
    before = run.instance.execution_id
    run.turn(answer(GO, continue_as_new(2), done=True))
    assert (run.instance.status, run.instance.execution_id) == ("Suspended", before)
    run.resume(answer(GO, continue_as_new(2), done=True))
    assert run.instance.execution_id != before


@pytest.mark.parametrize("reason", [None, "enough"])
def test_a_suspended_run_can_be_terminated(run: OneRun, reason: str | None) -> None:
    run.turn(answer(GO))
    run.suspend(answer(GO), "pause")
    run.raise_event("go", 1)
    run.turn(answer(GO, activity("hello")))
    run.terminate(reason)
    assert (run.instance.status, run.instance.output) == ("Terminated", reason and '"enough"')
