"""Retries: host and SDK give the same ids to the same attempts, though none of them shows in the actions."""

import json
from datetime import timedelta

import pytest

from devhost.hub.rows import Status
from devhost.protocol.answer import Action
from devhost.protocol.history import EventType, parse_timestamp
from devhost.tests.unit.actions import (
    activity,
    activity_with_retry,
    all_of,
    answer,
    child_with_retry,
    failure,
)
from devhost.tests.unit.one_run import RUN, OneRun

INTERVAL = 5


def scheduled(run: OneRun) -> list[tuple[str, int]]:
    """Return what was scheduled so far: kind of event and id."""
    stored = [json.loads(row.event) for row in run.hub.history(RUN)]
    return [(EventType(event["EventType"]).name, event["EventId"]) for event in stored if event["EventId"] >= 0]


def test_failed_attempt_is_followed_by_a_timer_and_the_next_attempt(run: OneRun) -> None:
    flaky = answer(activity_with_retry("hello", attempts=3, value="x"))
    run.turn(flaky)
    run.fail(0)
    run.turn(flaky)
    (waiting,) = run.timers
    assert (waiting.task_id, waiting.due) == (1, run.clock.now() + timedelta(seconds=INTERVAL))
    run.clock.advance(INTERVAL)
    run.turn(flaky)
    assert [(item.task_id, item.name, item.input) for item in run.activities] == [(2, "hello", '"x"')]
    assert scheduled(run) == [("TASK_SCHEDULED", 0), ("TIMER_CREATED", 1), ("TASK_SCHEDULED", 2)]


@pytest.mark.parametrize(
    ("flaky", "what"),
    [
        (activity_with_retry("hello", 2), "activity 'hello'"),
        (child_with_retry("child", 2), "orchestration 'child'"),
    ],
)
def test_each_failed_attempt_says_what_comes_next(run: OneRun, flaky: Action, what: str) -> None:
    fail = run.fail if what.startswith("activity") else run.fail_child
    assert run.turn(answer(flaky)).remarks == []
    fail(0)
    assert run.turn(answer(flaky)).remarks == [f"tries {what} again: attempt 2 of 2, next in 5 s"]
    run.clock.advance(INTERVAL)
    assert run.turn(answer(flaky)).remarks == []
    fail(2)
    assert run.turn(answer(flaky)).remarks == [f"has no attempt of {what} left: 2 of 2 failed"]


def test_success_ends_the_retries(run: OneRun) -> None:
    flaky = activity_with_retry("hello", attempts=3)
    run.turn(answer(flaky))
    run.fail(0)
    run.turn(answer(flaky))
    run.clock.advance(INTERVAL)
    run.turn(answer(flaky))
    run.complete(2, "at last")
    run.turn(answer(flaky, activity("bye")))
    assert scheduled(run)[-1] == ("TASK_SCHEDULED", 3)


@pytest.mark.parametrize("attempts", [1, 2, 4])
def test_there_is_a_timer_after_the_last_attempt_too_and_then_the_end(run: OneRun, attempts: int) -> None:
    """The SDK raises the error only when that timer has fired."""
    flaky = activity_with_retry("hello", attempts)
    run.turn(answer(flaky))
    for attempt in range(attempts):
        run.fail(2 * attempt)
        run.turn(answer(flaky))
        run.clock.advance(INTERVAL)
        if attempt < attempts - 1:
            run.turn(answer(flaky))
    run.turn(failure("spent", flaky))
    assert run.instance.status is Status.FAILED
    assert len(run.events(EventType.TASK_SCHEDULED)) == len(run.events(EventType.TIMER_FIRED)) == attempts


def test_a_waiting_retry_holds_the_run_open(run: OneRun) -> None:
    flaky = activity_with_retry("hello", attempts=2)
    run.turn(answer(flaky))
    run.fail(0)
    run.turn(failure("gave up meanwhile", flaky))
    assert run.instance.status is Status.RUNNING


def test_retries_side_by_side_take_their_ids_in_the_order_of_their_failures(run: OneRun) -> None:
    both = answer(all_of(activity_with_retry("hello", 2), activity("bye"), activity_with_retry("hello", 2)))
    run.turn(both)
    run.fail(2)
    run.turn(both)
    run.fail(0)
    run.turn(both)
    run.complete(1)
    run.turn(both)
    assert [timer.task_id for timer in run.timers] == [3, 4]
    run.clock.advance(INTERVAL)
    first, second = run.due()
    run.turn(both, [second])
    run.turn(both, [first])
    assert [item.task_id for item in run.activities] == [5, 6]
    stored = [json.loads(row.note or "{}") for row in run.hub.history(RUN)]
    assert [note["of"] for note in stored if "of" in note] == [2, 0, 0, 2]


def test_new_actions_of_the_same_turn_come_after_the_retrys_id(run: OneRun) -> None:
    """The SDK takes the id of a retry before user code goes on."""
    flaky = activity_with_retry("hello", attempts=1)
    run.turn(answer(flaky))
    run.fail(0)
    run.turn(answer(flaky, activity("bye")))
    assert scheduled(run) == [("TASK_SCHEDULED", 0), ("TIMER_CREATED", 1)]
    run.clock.advance(INTERVAL)
    run.turn(answer(flaky, activity("bye")))
    assert scheduled(run)[-1] == ("TASK_SCHEDULED", 2)


def test_retry_survives_a_restart_between_failure_and_timer(run: OneRun) -> None:
    flaky = answer(activity_with_retry("hello", attempts=2, value={"a": 1}))
    run.turn(flaky)
    run.fail(0)
    run.turn(flaky)
    run.restart()
    run.clock.advance(INTERVAL)
    run.turn(flaky)
    assert [(item.task_id, item.input) for item in run.activities] == [(2, '{"a": 1}')]


def test_timer_of_a_retry_says_in_the_history_when_it_fires(run: OneRun) -> None:
    flaky = answer(activity_with_retry("hello", attempts=2, interval_ms=1500))
    run.turn(flaky)
    run.fail(0)
    run.turn(flaky)
    (created,) = run.events(EventType.TIMER_CREATED)
    assert parse_timestamp(created["FireAt"]) == run.clock.now() + timedelta(seconds=1.5)


def test_a_child_is_retried_under_a_new_id_of_its_own(run: OneRun) -> None:
    flaky = answer(child_with_retry("child", attempts=2))
    run.turn(flaky)
    run.fail_child(0)
    run.turn(flaky)
    run.clock.advance(INTERVAL)
    run.turn(flaky)
    execution = run.instance.execution_id
    assert [message.target for message in run.sent] == [f"{execution}:0", f"{execution}:2"]


def test_a_child_with_an_id_is_retried_under_that_id(run: OneRun) -> None:
    flaky = answer(child_with_retry("child", attempts=2, instance_id="mine"))
    run.turn(flaky)
    first = run.hub.instance("mine")
    assert first is not None
    run.end_instance("mine", Status.FAILED)
    run.fail_child(0)
    run.turn(flaky)
    run.clock.advance(INTERVAL)
    run.turn(flaky)
    second = run.hub.instance("mine")
    assert second is not None
    assert second.status is Status.PENDING
    assert second.execution_id != first.execution_id
