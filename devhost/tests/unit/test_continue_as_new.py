"""Continue-as-new: a new execution in the old one's place, which loses no event."""

import json

import pytest

from devhost.hub.rows import Parent, Status
from devhost.protocol.history import EventType
from devhost.tests.unit.actions import activity, answer, any_of, continue_as_new, event, timer
from devhost.tests.unit.one_run import LATER, RUN, OneRun


@pytest.fixture
def run() -> OneRun:
    return OneRun(value=0, parent=Parent("parent", "execution of parent", 4))


def test_new_execution_has_a_new_id_the_new_input_and_no_history(run: OneRun) -> None:
    before = run.instance
    run.turn(answer(activity("hello"), status="first round"))
    run.complete(0)
    run.turn(answer(activity("hello"), continue_as_new({"n": 1}), done=True, status="first round"))
    after = run.instance
    assert after.execution_id != before.execution_id
    assert (after.status, after.input, after.custom_status) == (Status.RUNNING, '"{\\"n\\": 1}"', None)
    assert (after.created, after.parent) == (before.created, before.parent)
    assert run.hub.history(RUN) == []
    request = run.request()
    assert request["input"] == '{"n": 1}'
    assert request["isReplaying"] is False


def test_new_execution_counts_ids_from_0_again(run: OneRun) -> None:
    run.turn(answer(activity("hello")))
    run.complete(0)
    run.turn(answer(activity("hello"), continue_as_new(1), done=True))
    run.turn(answer(activity("bye")))
    assert [(item.task_id, item.execution_id) for item in run.activities] == [(0, run.instance.execution_id)]


def test_parent_hears_nothing_until_the_last_execution_ends(run: OneRun) -> None:
    run.turn(answer(continue_as_new(1), done=True))
    assert run.sent == []
    run.turn(answer(output="last"))
    assert [message.target for message in run.sent] == ["parent"]


def test_events_that_no_wait_took_go_along_in_order(run: OneRun) -> None:
    for n in range(3):
        run.raise_event("Go", n)
    run.raise_event("other", "o")
    run.turn(answer(event("go"), continue_as_new(1), done=True))
    started, *carried = run.due()
    assert started.kind == EventType.EXECUTION_STARTED
    assert [(json.loads(one.body)["Name"], json.loads(one.body)["Input"]) for one in carried] == [
        ("Go", "1"),
        ("Go", "2"),
        ("other", '"o"'),
    ]


def test_events_that_go_along_come_before_those_raised_meanwhile(run: OneRun) -> None:
    run.raise_event("go", "taken")
    run.raise_event("go", "carried")
    messages = run.due()
    run.raise_event("go", "meanwhile")
    run.turn(answer(event("go"), continue_as_new(1), done=True), messages)
    inputs = [json.loads(message.body).get("Input") for message in run.due()]
    assert inputs == ['"1"', '"carried"', '"meanwhile"']


def test_reply_of_an_entity_is_no_event_to_carry(run: OneRun) -> None:
    run.raise_event("go", 1)
    run.turn(answer(event("go"), continue_as_new(1), done=True))
    assert [message.kind for message in run.due()] == [EventType.EXECUTION_STARTED]


def test_open_activity_holds_it_back(run: OneRun) -> None:
    race = any_of(activity("hello"), event("go"))
    run.turn(answer(race))
    run.raise_event("go")
    before = run.instance.execution_id
    run.turn(answer(race, continue_as_new(1), done=True))
    assert run.instance.execution_id == before
    run.complete(0)
    run.turn(answer(race, continue_as_new(1), done=True))
    assert run.instance.execution_id != before


def test_canceled_timer_does_not_hold_it_back_nor_reach_the_next_execution(run: OneRun) -> None:
    run.turn(answer(any_of(timer(LATER), event("go"))))
    run.raise_event("go")
    run.turn(answer(any_of(timer(LATER, canceled=True), event("go")), continue_as_new(1), done=True))
    assert run.hub.history(RUN) == []
    assert run.timers == []


def test_null_input_stays_null(run: OneRun) -> None:
    run.turn(answer(continue_as_new(None), done=True))
    assert json.loads(str(run.instance.input)) == "null"
