"""One turn: which ids tasks get, what is sent for them, and what the worker is asked."""

import json
from datetime import UTC, datetime

import pytest

from devhost.hub.rows import Changes, Instance, Parent, Status
from devhost.protocol.answer import Action, Answer
from devhost.protocol.history import EventType, parse_timestamp, timestamp
from devhost.tests.unit.actions import (
    activity,
    all_of,
    answer,
    any_of,
    call_entity,
    call_http,
    child,
    event,
    signal_entity,
    tail,
    timer,
)
from devhost.tests.unit.commit import commit
from devhost.tests.unit.fake_clock import FakeClock
from devhost.tests.unit.one_run import LATER, RUN, OneRun

# Ids and work


def test_ids_count_what_is_scheduled_and_skip_waits_and_compounds(run: OneRun) -> None:
    run.turn(
        answer(
            all_of(
                activity("hello"),
                any_of(event("go"), timer(LATER)),
                child("child"),
                call_entity("@counter@k", "get"),
                signal_entity("@counter@k", "add"),
                activity("bye"),
            )
        )
    )
    scheduled = [json.loads(row.event) for row in run.hub.history(RUN) if json.loads(row.event)["EventId"] >= 0]
    assert [(EventType(one["EventType"]).name, one["EventId"]) for one in scheduled] == [
        ("TASK_SCHEDULED", 0),
        ("TIMER_CREATED", 1),
        ("SUB_ORCHESTRATION_CREATED", 2),
        ("EVENT_SENT", 3),
        ("EVENT_SENT", 4),
        ("TASK_SCHEDULED", 5),
    ]


def test_a_turn_is_recorded_as_the_extension_records_it(run: OneRun) -> None:
    run.turn(answer(activity("hello")))
    run.complete(0, "Hello")
    run.turn(answer(activity("hello"), output="Hello"))
    assert run.kinds == [
        *("ORCHESTRATOR_STARTED", "EXECUTION_STARTED", "TASK_SCHEDULED", "ORCHESTRATOR_COMPLETED"),
        *("ORCHESTRATOR_STARTED", "TASK_COMPLETED", "EXECUTION_COMPLETED", "ORCHESTRATOR_COMPLETED"),
    ]


def test_activity_is_sent_with_the_input_of_its_first_scheduling(run: OneRun) -> None:
    run.turn(answer(all_of(activity("hello", "first"), activity("bye"))))
    run.complete(1)
    run.turn(answer(all_of(activity("hello", "now() has moved on"), activity("bye"))))
    assert [(item.name, item.input) for item in run.activities] == [("hello", '"first"')]


def test_http_call_is_the_built_in_activity_with_the_request_as_input(run: OneRun) -> None:
    run.turn(answer(call_http("GET", "http://localhost/")))
    (item,) = run.activities
    assert item.name == "BuiltIn::HttpActivity"
    assert json.loads(str(item.input)) == {"method": "GET", "uri": "http://localhost/"}


def test_child_is_started_with_its_parent_and_an_id_derived_from_it(run: OneRun) -> None:
    run.turn(answer(all_of(*[activity("hello")] * 10, child("child", value={"a": 1}))))
    child_id = f"{run.instance.execution_id}:a"
    started = run.hub.instance(child_id)
    assert started is not None
    assert (started.name, started.status, started.input) == ("child", Status.PENDING, '"{\\"a\\": 1}"')
    assert started.parent == Parent(RUN, run.instance.execution_id, 10)
    assert [message.target for message in run.sent] == [child_id]


def test_child_takes_the_place_of_an_instance_that_has_ended(run: OneRun) -> None:
    created = run.clock.now()
    commit(run.hub, Changes(instances=[Instance("mine", "old execution", "child", Status.FAILED, created, created)]))
    run.turn(answer(child("child", "mine")))
    started = run.hub.instance("mine")
    assert started is not None
    assert (started.status, started.execution_id) == (Status.PENDING, run.sent[0].execution_id)


def test_child_whose_id_is_taken_fails_and_the_holder_is_left_alone(run: OneRun) -> None:
    run.turn(answer(child("child", "mine"), done=False))
    holder = run.hub.instance("mine")
    run.end_child(0)
    run.turn(answer(child("child", "mine"), child("child", "mine")))
    assert run.hub.instance("mine") == holder
    (failed,) = run.due()
    assert json.loads(failed.body)["Reason"] == "An orchestration with id 'mine' already exists and is running."
    assert failed.task_id == 1


def test_two_children_of_one_id_in_one_turn_are_one_child_and_one_failure(run: OneRun) -> None:
    run.turn(answer(all_of(child("child", "twin"), child("child", "twin"))))
    assert [message.target for message in run.sent] == ["twin"]
    assert [message.task_id for message in run.due()] == [1]


def test_a_run_cannot_be_its_own_child(run: OneRun) -> None:
    run.turn(answer(child("child", RUN)))
    assert run.instance.status is Status.RUNNING
    assert [EventType(one.kind).name for one in run.due()] == ["SUB_ORCHESTRATION_FAILED"]


def test_timer_is_due_when_it_says_and_in_the_past_at_once(run: OneRun) -> None:
    past = datetime(2020, 1, 1, tzinfo=UTC)
    run.turn(answer(any_of(timer(LATER), timer(past))))
    assert [message.due for message in run.timers] == [LATER, past]
    assert [message.task_id for message in run.due()] == [1]


def test_entity_request_has_the_same_id_when_a_killed_host_repeats_the_turn(run: OneRun) -> None:
    call = answer(call_entity("@counter@k", "add", 7))
    bodies = [[message.body for message in run.lost_turn(call).changes.messages] for _ in range(2)]
    run.turn(call)
    assert bodies == [[message.body for message in run.sent]] * 2


def test_entity_is_asked_and_its_reply_completes_the_task(run: OneRun) -> None:
    call = call_entity("@counter@k", "add", 7)
    run.turn(answer(call))
    (message,) = run.sent
    request = json.loads(message.body)
    assert message.target == "@counter@k"
    assert (request["op"], request["input"], request["parent"]) == ("add", '"7"', RUN)
    assert request["parentExecution"] == run.instance.execution_id
    run.raise_event(request["id"], {"result": "12"})
    run.turn(answer(call, output=12))
    assert run.instance.output == "12"


def test_signal_is_sent_before_the_run_ends_and_holds_nothing_open(run: OneRun) -> None:
    run.turn(answer(signal_entity("@counter@k", "add", 3), output="signalled"))
    assert json.loads(run.sent[0].body)["signal"] is True
    assert run.instance.status is Status.COMPLETED


# The worker's request


def test_request_tells_the_worker_what_the_recorded_extension_tells() -> None:
    parent = Parent("parent", "execution of parent", 4)
    request = OneRun(value={"a": 1}, parent=parent).request()
    assert request.keys() == {
        *("history", "input", "instanceId", "isReplaying", "parentInstanceId"),
        *("upperSchemaVersion", "upperSchemaVersionNew", "longRunningTimerIntervalDuration"),
        *("maximumShortTimerDuration", "defaultHttpAsyncRequestSleepTimeMillseconds"),
    }
    assert (request["input"], request["instanceId"], request["parentInstanceId"]) == ({"a": 1}, RUN, "parent")
    assert request["isReplaying"] is False


def test_what_the_last_turn_was_given_is_played_and_what_came_of_it_is_not(run: OneRun) -> None:
    run.turn(answer(activity("hello")))
    run.complete(0, "Hello")
    request = run.request()
    assert [(EventType(one["EventType"]).name, one["IsPlayed"]) for one in request["history"]] == [
        ("ORCHESTRATOR_STARTED", False),
        ("EXECUTION_STARTED", True),
        ("TASK_SCHEDULED", False),
        ("ORCHESTRATOR_COMPLETED", False),
        ("ORCHESTRATOR_STARTED", False),
        ("TASK_COMPLETED", False),
    ]
    assert request["isReplaying"] is True


def test_time_of_a_turn_is_never_before_a_timer_that_fires_in_it(run: OneRun) -> None:
    run.turn(answer(timer(LATER)))
    run.clock = FakeClock(LATER)
    fired = run.due()
    run.clock.advance(-3600)
    started, timer_fired = run.request(fired)["history"][-2:]
    assert timer_fired["EventType"] == EventType.TIMER_FIRED
    assert parse_timestamp(started["Timestamp"]) == LATER


def test_time_never_goes_back_when_the_clock_does(run: OneRun) -> None:
    run.turn(answer(activity("hello"), event("go")))
    run.complete(0)
    run.clock.advance(-3600)
    run.turn(answer(activity("hello"), event("go")))
    times = [one["Timestamp"] for one in run.events(EventType.ORCHESTRATOR_STARTED)]
    assert times == [timestamp(FakeClock().now())] * 2


# Orchestrators that stay alive answer with what is new


def test_timer_is_canceled_by_its_place_long_after_its_race_was_decided(run: OneRun) -> None:
    run.turn(answer(any_of(event("go"), timer(LATER))))
    run.raise_event("go")
    run.turn(tail(activity("hello")))
    assert len(run.timers) == 1
    run.complete(1)
    run.turn(tail(activity("bye"), canceled=(0,)))
    assert run.timers == []
    run.complete(2)
    run.turn(tail(output="done"))
    assert run.instance.status is Status.COMPLETED


def test_new_actions_are_held_back_and_scheduled_once(run: OneRun) -> None:
    run.turn(answer(activity("hello")))
    run.raise_event("other")
    run.turn(tail(activity("bye")))
    assert [item.name for item in run.activities] == ["hello"]
    run.complete(0)
    run.turn(tail())
    assert [item.name for item in run.activities] == ["bye"]


def test_live_orchestrator_may_be_replayed_at_any_turn(run: OneRun) -> None:
    run.turn(answer(activity("hello")))
    run.complete(0)
    run.turn(tail(activity("bye")))
    run.restart()
    run.complete(1)
    run.turn(answer(activity("hello"), activity("bye"), timer(LATER)))
    assert [message.task_id for message in run.timers] == [2]


# Limits


@pytest.mark.parametrize(("characters", "fits"), [(8_000, True), (8_701, True), (8_702, False), (20_000, False)])
def test_custom_status_may_have_16_kilobytes_of_utf_16(run: OneRun, characters: int, fits: bool) -> None:
    run.turn(answer(event("go"), status="x" * characters))
    if fits:
        assert run.instance.custom_status == json.dumps("x" * characters)
    else:
        kilobytes = (characters + 2) * 2 // 1024
        assert (run.instance.status, run.instance.custom_status) == (Status.FAILED, None)
        assert json.loads(str(run.instance.output)) == (
            "Orchestrator function 'main' failed: The UTF-16 size of the JSON-serialized payload must not exceed "
            f"16 KB. The current payload size is {kilobytes} KB."
        )


def test_custom_status_outside_the_basic_plane_counts_double() -> None:
    run = OneRun()
    run.turn(Answer(is_done=False, actions=(event("go"),), custom_status=f'"{"🐎" * 4_400}"'))
    assert run.instance.status is Status.FAILED


# Names


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        (activity("pubish"), "The function 'pubish' doesn't exist, is disabled, or is not an activity function."),
        (child("kid"), "The function 'kid' doesn't exist, is disabled, or is not an orchestrator function."),
        (call_entity("@cuonter@k", "get"), "The function 'cuonter' doesn't exist, is disabled, or is not an entity"),
        (signal_entity("@cuonter@k", "get"), "The function 'cuonter' doesn't exist, is disabled, or is not an entity"),
    ],
)
def test_unknown_name_fails_the_run_with_a_sentence_and_a_remark(run: OneRun, action: Action, sentence: str) -> None:
    result = run.turn(answer(action))
    assert run.instance.status is Status.FAILED
    output = json.loads(str(run.instance.output))
    assert output.startswith(f"Orchestrator function 'main' failed: {sentence}")
    assert result.remarks == ["on Azure this run would hang: it calls a function that is not registered"]


def test_names_are_looked_up_without_regard_to_case(run: OneRun) -> None:
    run.turn(answer(all_of(activity("HELLO"), child("Child"), call_entity("@counter@k", "get"))))
    assert run.instance.status is Status.RUNNING
