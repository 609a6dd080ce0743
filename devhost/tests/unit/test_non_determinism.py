"""An orchestrator that leaves its history fails with the extension's sentences."""

import json
from datetime import UTC, datetime

import pytest

from devhost.hub.rows import Status
from devhost.protocol.answer import Action
from devhost.tests.unit.actions import (
    activity,
    activity_with_retry,
    all_of,
    answer,
    any_of,
    call_entity,
    call_http,
    child,
    event,
    timer,
)
from devhost.tests.unit.one_run import LATER, OneRun

CHANGED = "Was a change made to the orchestrator code after this instance had already started running?"


def outcome_of(before: Action, after: tuple[Action, ...]) -> str:
    """Return the output of a run whose orchestrator scheduled something, and in the next turn something else."""
    run = OneRun()
    run.turn(answer(all_of(before, event("go"))))
    run.raise_event("go")
    run.turn(answer(*after))
    assert run.instance.status is Status.FAILED
    return str(json.loads(str(run.instance.output)))


@pytest.mark.parametrize(
    ("before", "after", "kind", "recorded", "now"),
    [
        (activity("hello"), activity("bye"), "an activity task", "hello", "bye"),
        (child("child"), child("main"), "a sub-orchestration task", "child", "main"),
        (call_entity("@counter@a", "x"), call_entity("@counter@b", "x"), "a send event", "@counter@a", "@counter@b"),
        (call_http("GET", "http://x/"), activity("hello"), "an activity task", "BuiltIn::HttpActivity", "hello"),
    ],
    ids=["activity", "child", "entity", "http"],
)
def test_another_name(before: Action, after: Action, kind: str, recorded: str, now: str) -> None:
    assert outcome_of(before, (all_of(after, event("go")),)) == (
        "Non-Deterministic workflow detected: A previous execution of this orchestration scheduled "
        f"{kind} with sequence number 0 named '{recorded}', but the current orchestration replay instead scheduled "
        f"{kind} named '{now}' with this sequence number.  {CHANGED}"
    )


@pytest.mark.parametrize(
    ("before", "kind", "recorded", "after", "now"),
    [
        (activity("hello"), "an activity task", "hello", timer(LATER), "a timer task"),
        (timer(LATER), "a timer task", "", activity("hello"), "an activity task"),
        (child("child"), "a sub-orchestration task", "child", activity("hello"), "an activity task"),
        (call_entity("@counter@a", "x"), "a send event", "@counter@a", child("child"), "a sub-orchestration task"),
        (activity("hello"), "an activity task", "hello", call_entity("@counter@a", "x"), "a send event"),
    ],
    ids=["activity", "timer", "child", "entity", "activity to entity"],
)
def test_another_kind(before: Action, kind: str, recorded: str, after: Action, now: str) -> None:
    assert outcome_of(before, (all_of(after, event("go")),)) == (
        "Non-Deterministic workflow detected: A previous execution of this orchestration scheduled "
        f"{kind} with sequence number 0 named '{recorded}', but the current replay execution instead scheduled "
        f"{now} at this sequence number.  {CHANGED}"
    )


@pytest.mark.parametrize(
    ("before", "kind", "recorded"),
    [
        (activity("hello"), "an activity task", "hello"),
        (timer(LATER), "a timer task", ""),
        (child("child"), "a sub-orchestration task", "child"),
        (call_entity("@counter@a", "x"), "a send event", "@counter@a"),
    ],
    ids=["activity", "timer", "child", "entity"],
)
def test_nothing_any_more(before: Action, kind: str, recorded: str) -> None:
    assert outcome_of(before, (event("go"),)) == (
        "Non-Deterministic workflow detected: A previous execution of this orchestration scheduled "
        f"{kind} with sequence ID 0 and name '{recorded}' (version ''), but the current replay execution hasn't "
        f"(yet?) scheduled this task. {CHANGED}"
    )


def test_retried_activity_counts_as_one_task_however_often_it_ran() -> None:
    run = OneRun()
    flaky = activity_with_retry("hello", attempts=3)
    run.turn(answer(flaky))
    run.fail(0)
    run.turn(answer(flaky))
    run.clock.advance(5)
    run.turn(answer(flaky))
    run.complete(2)
    run.turn(answer(flaky, activity("hello")))
    run.complete(3)
    run.turn(answer(flaky, activity("bye")))
    assert "with sequence number 3 named 'hello'" in str(run.instance.output)


@pytest.mark.parametrize(
    "after",
    [
        activity("hello", "other input"),
        activity("HELLO", "x"),
        any_of(activity("hello", "x")),
    ],
    ids=["input", "case", "compound"],
)
def test_what_may_differ_between_replays(after: Action) -> None:
    run = OneRun()
    run.turn(answer(all_of(activity("hello", "x"), event("go"))))
    run.raise_event("go")
    run.turn(answer(all_of(after, event("go"))))
    assert run.instance.status is Status.RUNNING


def test_time_of_a_timer_may_differ_and_the_first_counts() -> None:
    run = OneRun()
    run.turn(answer(all_of(timer(LATER), event("go"))))
    run.raise_event("go")
    run.turn(answer(all_of(timer(datetime(2026, 2, 2, tzinfo=UTC)), event("go"))))
    assert [message.due for message in run.timers] == [LATER]
