"""When a run may end, what keeps it open, and what its parent hears."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from devhost.hub.rows import Parent, Status
from devhost.protocol.answer import Action, parse_failure
from devhost.protocol.history import EventType
from devhost.tests.unit.actions import (
    activity,
    all_of,
    answer,
    any_of,
    call_entity,
    child,
    event,
    failure,
    signal_entity,
    timer,
)
from devhost.tests.unit.fake_clock import FakeClock
from devhost.tests.unit.one_run import LATER, OneRun

# Ending


def test_output_and_custom_status_are_kept(run: OneRun) -> None:
    run.turn(answer(output={"b": [1]}, status={"stage": 2}))
    assert (run.instance.status, run.instance.output, run.instance.custom_status) == (
        Status.COMPLETED,
        '{"b": [1]}',
        '{"stage": 2}',
    )


def test_nothing_returned_is_null(run: OneRun) -> None:
    run.turn(answer(done=True))
    assert (run.instance.status, run.instance.output) == (Status.COMPLETED, None)


def test_custom_status_that_is_absent_becomes_null(run: OneRun) -> None:
    run.turn(answer(event("go"), status="waiting"))
    assert run.instance.custom_status == '"waiting"'
    run.raise_event("go")
    run.turn(answer(event("go"), event("more")))
    assert run.instance.custom_status is None


def test_error_fails_the_run_with_the_functions_name_and_keeps_what_it_scheduled(run: OneRun) -> None:
    run.turn(failure("broke", signal_entity("@counter@k", "add")))
    assert run.instance.status is Status.FAILED
    assert json.loads(str(run.instance.output)) == "Orchestrator function 'main' failed: broke"
    assert [message.target for message in run.sent] == ["@counter@k"]


def test_error_outside_the_sdk_fails_the_run_although_its_actions_are_not_known(run: OneRun) -> None:
    run.turn(answer(activity("hello")))
    run.complete(0)
    run.turn(parse_failure("TypeError: bad history"))
    assert json.loads(str(run.instance.output)) == "Orchestrator function 'main' failed: TypeError: bad history"


def test_error_outside_the_sdk_fails_a_run_that_canceled_a_timer_before_a_restart(run: OneRun) -> None:
    run.turn(answer(any_of(event("go"), timer(LATER))))
    run.raise_event("go")
    run.turn(answer(any_of(event("go"), timer(LATER, canceled=True)), activity("hello")))
    run.restart()
    run.complete(1)
    run.turn(parse_failure("TypeError: bad result"))
    assert run.instance.status is Status.FAILED


@pytest.mark.parametrize(
    ("open_task", "end"),
    [
        (activity("hello"), lambda run: run.complete(0)),
        (child("child"), lambda run: run.end_child(0)),
        (timer(LATER), lambda run: run.clock.advance(24 * 3600)),
    ],
    ids=["activity", "child", "timer"],
)
def test_run_stays_running_while_something_it_started_is_open(
    run: OneRun, open_task: Action, end: Callable[[OneRun], None]
) -> None:
    race = any_of(open_task, event("go"))
    run.turn(answer(race))
    run.raise_event("go")
    result = run.turn(answer(race, output="won"))
    assert (run.instance.status, run.instance.output) == (Status.RUNNING, None)
    (remark,) = result.remarks
    assert "stays Running, as on Azure, until what it started has ended: a" in remark
    end(run)
    run.turn(answer(race, output="won"))
    assert (run.instance.status, run.instance.output) == (Status.COMPLETED, '"won"')


def test_failing_run_waits_for_what_it_started_too(run: OneRun) -> None:
    first = run.turn(failure("broke", activity("hello")))
    run.complete(0)
    second = run.turn(failure("broke", activity("hello")))
    assert (first.instance.status, second.instance.status) == (Status.RUNNING, Status.FAILED)


def test_run_may_end_with_a_wait_or_an_entity_call_open(run: OneRun) -> None:
    race = any_of(event("go"), call_entity("@counter@k", "get"), event("other"))
    run.turn(answer(race))
    run.raise_event("go")
    run.turn(answer(race, output="won"))
    assert run.instance.status is Status.COMPLETED


# Cancelled timers


def test_canceled_timer_is_removed_and_lets_the_run_end(run: OneRun) -> None:
    run.turn(answer(any_of(event("go"), timer(LATER))))
    assert len(run.timers) == 1
    run.raise_event("go")
    run.turn(answer(any_of(event("go"), timer(LATER, canceled=True)), output="won"))
    assert run.instance.status is Status.COMPLETED
    assert run.timers == []


def test_timer_canceled_in_the_turn_that_creates_it_is_never_sent(run: OneRun) -> None:
    run.raise_event("go")
    run.turn(answer(any_of(event("go"), timer(LATER, canceled=True)), output="won"))
    assert run.instance.status is Status.COMPLETED
    assert run.timers == []


def test_canceling_one_timer_leaves_the_other(run: OneRun) -> None:
    first, second = datetime(2026, 1, 7, tzinfo=UTC), datetime(2026, 1, 8, tzinfo=UTC)
    run.turn(answer(any_of(event("go"), timer(first), timer(second))))
    run.raise_event("go")
    run.turn(answer(any_of(event("go"), timer(first, canceled=True), timer(second)), event("more")))
    assert [message.due for message in run.timers] == [second]


# What is held back


def test_actions_after_an_incomplete_one_are_held_back_with_a_remark(run: OneRun) -> None:
    """`task_any([hello, timer])` with `hello` scheduled before: the SDK lists the timer alone."""
    before, mixed = any_of(activity("hello"), event("go")), any_of(timer(LATER))
    run.turn(answer(before))
    run.raise_event("go")
    run.turn(answer(before, mixed))
    run.complete(0)
    result = run.turn(answer(before, mixed, activity("bye")))
    assert run.activities == []
    assert result.remarks == [
        "holds back 1 action(s) until the one before them completes, as on Azure: create all tasks that race each "
        "other together"
    ]
    run.clock = FakeClock(LATER)
    assert run.turn(answer(before, mixed, activity("bye"))).remarks == []
    assert [item.name for item in run.activities] == ["bye"]


def test_run_that_returns_while_an_action_is_incomplete_says_that_it_goes_on(run: OneRun) -> None:
    before, mixed = any_of(activity("hello"), event("go")), any_of(timer(LATER))
    run.turn(answer(before))
    run.raise_event("go")
    run.turn(answer(before, mixed))
    run.complete(0)
    result = run.turn(answer(before, mixed, output="done"))
    assert run.instance.status is Status.RUNNING
    assert "stays Running, as on Azure" in "".join(result.remarks)


# Parents and termination


def test_parent_hears_of_completion_with_the_output() -> None:
    run = OneRun(parent=Parent("parent", "execution of parent", 4))
    run.turn(answer(output={"a": 1}))
    (message,) = run.sent
    assert (message.target, message.execution_id, message.task_id) == ("parent", "execution of parent", 4)
    told = json.loads(message.body)
    assert (told["EventType"], told["TaskScheduledId"]) == (EventType.SUB_ORCHESTRATION_COMPLETED, 4)
    assert json.loads(told["Result"]) == {"a": 1}


def test_parent_hears_of_failure_with_the_childs_sentence() -> None:
    run = OneRun(name="child", parent=Parent("parent", "execution of parent", 4))
    run.turn(failure("broke"))
    told = json.loads(run.sent[0].body)
    assert told["EventType"] == EventType.SUB_ORCHESTRATION_FAILED
    assert told["Reason"] == "Orchestrator function 'child' failed: broke"
    assert told["Details"] == "Message: broke, StackTrace: "


@pytest.mark.parametrize(("reason", "output", "told"), [("enough", '"enough"', "enough"), (None, None, "")])
def test_termination_ends_run_and_timers_but_no_activity(reason: str | None, output: str | None, told: str) -> None:
    run = OneRun(parent=Parent("parent", "execution of parent", 4))
    run.turn(answer(all_of(activity("hello"), timer(LATER), event("go"))))
    run.terminate(reason)
    assert (run.instance.status, run.instance.output) == (Status.TERMINATED, output)
    assert run.timers == []
    assert [item.name for item in run.activities] == ["hello"]
    assert json.loads(run.sent[0].body)["Reason"] == told


# News


def test_result_of_a_canceled_timer_that_was_under_way_is_no_news(run: OneRun) -> None:
    race = any_of(event("go"), timer(LATER))
    run.turn(answer(race))
    (late,) = run.timers
    run.raise_event("go")
    run.turn(answer(any_of(event("go"), timer(LATER, canceled=True)), event("more")))
    late.due = None
    run.deliver(late)
    run.ignore()
    assert run.due() == []
    assert run.kinds.count("TIMER_FIRED") == 0
