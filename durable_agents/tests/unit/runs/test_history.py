"""Timelines, from histories as the extension writes them for readers."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus

from durable_agents.http.requests import json_response
from durable_agents.runs.history import Step, find_failed_step, read_steps
from durable_agents.runs.run_models import FailedStep

BEGIN = datetime(2026, 1, 1, 9, tzinfo=UTC)
AGENTS = {"dafx-writer": "Writer"}


def at(seconds: float) -> str:
    """Return a time of the story as histories write it, with seven digits."""
    return (BEGIN + timedelta(seconds=seconds)).isoformat(timespec="microseconds").replace("+00:00", "0Z")


def ended(name: str, scheduled: float, end: float, reason: str | None = None, kind: str = "Task") -> dict[str, Any]:
    event = {"FunctionName": name, "ScheduledTime": at(scheduled).replace("Z", "+00:00"), "Timestamp": at(end)}
    if reason is None:
        return {**event, "EventType": f"{kind}Completed", "Result": {"of": name}}
    return {**event, "EventType": f"{kind}Failed", "Reason": reason, "Details": "a stack"}


def timer(created: float, fires: float) -> dict[str, Any]:
    return {"EventType": "TimerCreated", "FireAt": at(fires), "Timestamp": at(created)}


def fired(fires: float) -> dict[str, Any]:
    return {"EventType": "TimerFired", "FireAt": at(fires), "Timestamp": at(fires)}


def asked(entity: str, request_id: str, seconds: float, **request: Any) -> dict[str, Any]:
    message = json.dumps({"op": "run", "id": request_id, **request})
    return {"EventType": "EventSent", "InstanceId": f"@{entity}@s1", "Input": message, "Timestamp": at(seconds)}


def raised(name: str, payload: Any, seconds: float) -> dict[str, Any]:
    return {"EventType": "EventRaised", "Name": name, "Input": payload, "Timestamp": at(seconds)}


def answer(*contents: dict[str, Any]) -> str:
    """Return the reply of an agent's entity."""
    usage = {"input_token_count": 5, "output_token_count": 2}
    messages = [{"role": "assistant", "contents": list(contents)}]
    return json.dumps({"result": json.dumps({"messages": messages, "usage_details": usage})})


def steps_of(*events: dict[str, Any], state: str = "Running") -> list[Step]:
    began = {"EventType": "ExecutionStarted", "FunctionName": "x", "Timestamp": at(0)}
    row = {"name": "x", "instanceId": "x-1", "runtimeStatus": state, "createdTime": at(0), "lastUpdatedTime": at(9)}
    status = DurableOrchestrationStatus.from_json({**row, "historyEvents": [began, *events]})
    return read_steps(status, AGENTS)


def shown(step: Step) -> dict[str, Any]:
    """Return the step as callers get it who do not ask for inputs and outputs."""
    answer: dict[str, Any] = json.loads(json_response(step.shown()).get_body())
    return answer


def brief(steps: list[Step]) -> list[tuple[str, str, str, int]]:
    return [(step.kind, step.name, step.status, step.attempts) for step in steps]


def test_an_activity_and_a_child_tell_when_and_how_long() -> None:
    steps = steps_of(ended("ship", 1, 1.5), ended("parcel", 2, 4, kind="SubOrchestrationInstance"))
    assert brief(steps) == [("activity", "ship", "completed", 1), ("child", "parcel", "completed", 1)]
    assert shown(steps[0]) == {
        "name": "ship",
        "kind": "activity",
        "status": "completed",
        "scheduled_at": "2026-01-01T09:00:01Z",
        "ended_at": "2026-01-01T09:00:01.500000Z",
        "duration_seconds": 0.5,
        "attempts": 1,
        "error": None,
    }
    assert steps[0].output == {"of": "ship"}


@pytest.mark.parametrize("blanks", [" ", "  "], ids=["extension 3.19.0", "extension 3.14.1"])
def test_the_attempts_of_a_call_are_one_step_and_its_pauses_are_none(blanks: str) -> None:
    boom = f"Activity function 'ship' failed:{blanks}ValueError: boom \n a stack"
    story = [ended("ship", 0, 1, boom), timer(1, 6), fired(6), ended("ship", 6, 7, boom), timer(7, 12), fired(12)]
    (step,) = steps_of(*story, ended("ship", 12, 13))
    assert (step.status, step.attempts, step.error) == ("completed", 3, None)
    assert shown(step)["duration_seconds"] == 13
    # There is a pause after the last attempt too.
    (failed,) = steps_of(*story, state="Failed")
    assert (failed.status, failed.attempts) == ("failed", 2)
    assert failed.error == f"Activity function 'ship' failed:{blanks}ValueError: boom"


@pytest.mark.parametrize("early", [0.4, 0.9, 1.0])
def test_a_pause_may_end_up_to_a_second_early(early: float) -> None:
    story = [ended("ship", 0, 1, "boom"), timer(1, 6), fired(6), ended("ship", 6 - early, 7)]
    assert brief(steps_of(*story)) == [("activity", "ship", "completed", 2)]


def test_a_timer_after_a_call_that_is_not_made_again_is_a_step() -> None:
    assert brief(steps_of(ended("ship", 0, 1, "boom"), timer(1, 60))) == [
        ("activity", "ship", "failed", 1),
        ("timer", "", "open", 1),
    ]


def test_attempts_side_by_side_are_counted_for_each_call() -> None:
    story = [ended("ship", 0, 1, "a"), ended("ship", 0, 1.1, "b"), timer(1.2, 6), timer(1.2, 7), fired(6), fired(7)]
    steps = steps_of(*story, ended("ship", 6, 8), ended("ship", 7, 9))
    assert brief(steps) == [("activity", "ship", "completed", 2)] * 2


def test_a_call_that_was_not_made_again_after_a_pause_is_another_step() -> None:
    steps = steps_of(ended("ship", 0, 1, "boom"), ended("ship", 1, 2))
    assert brief(steps) == [("activity", "ship", "failed", 1), ("activity", "ship", "completed", 1)]


def test_a_timer_of_a_later_turn_is_no_pause() -> None:
    story = [ended("ship", 0, 1, "boom"), ended("bill", 1, 2), timer(2, 5), fired(5), ended("ship", 5, 6)]
    expected = [
        ("activity", "ship", "failed", 1),
        ("activity", "bill", "completed", 1),
        ("timer", "", "fired", 1),
        ("activity", "ship", "completed", 1),
    ]
    assert brief(steps_of(*story)) == expected


def test_a_timer_is_open_until_it_fires_and_cancelled_once_the_run_is_over() -> None:
    (step,) = steps_of(timer(1, 60))
    assert (step.status, shown(step)["fires_at"]) == ("open", "2026-01-01T09:01:00Z")
    (step,) = steps_of(timer(1, 60), state="Completed")
    assert (step.status, step.ended_at) == ("canceled", None)
    (step,) = steps_of(timer(1, 60), fired(60))
    assert (step.status, shown(step)["duration_seconds"]) == ("fired", 59)


def test_an_agent_is_asked_and_answers_with_its_tokens() -> None:
    question = asked("dafx-writer", "q1", 1)
    assert brief(steps_of(question)) == [("agent", "Writer", "running", 1)]
    (step,) = steps_of(question, raised("q1", answer({"type": "text", "text": "Hello"}), 3))
    assert (step.status, step.error, shown(step)["duration_seconds"]) == ("completed", None, 2)
    assert shown(step)["usage"] == {"input_token_count": 5, "output_token_count": 2}


def test_an_agent_shows_its_session_and_what_it_was_asked_if_that_is_asked_for() -> None:
    long = "x" * 3_000
    question = asked("dafx-writer", "q1", 1, input=json.dumps({"message": long, "correlation_id": "c"}))
    (step,) = steps_of(question, raised("q1", answer({"type": "text", "text": "Hello"}), 3))
    assert shown(step)["session"] == "s1"
    assert not {"input", "output"} & shown(step).keys()
    told = step.shown(with_payloads=True)
    assert (told.input, told.input_truncated) == (f'"{long[:1_999]}', True)
    assert (told.output["messages"][0]["contents"][0]["text"], told.output_truncated) == ("Hello", False)
    (signal,) = steps_of(asked("counter", "s1", 1, signal=True, input="7"))
    assert (signal.status, signal.shown(with_payloads=True).input, "session" in shown(signal)) == ("sent", 7, False)


def test_a_model_that_failed_and_an_entity_that_failed_are_failures() -> None:
    error = {"type": "error", "error_code": "rate_limited", "message": "Too many."}
    (step,) = steps_of(asked("dafx-writer", "q1", 1), raised("q1", answer(error), 3))
    assert step.error is not None
    assert (step.status, step.error.startswith("Agent 'Writer' failed: rate_limited")) == ("failed", True)
    reply = json.dumps({"result": json.dumps("boom\nstack"), "exceptionType": "Error"})
    (step,) = steps_of(asked("counter", "q1", 1), raised("q1", reply, 3))
    assert (step.kind, step.name, step.status, step.error) == ("entity", "counter", "failed", "boom")


def test_events_and_signals_and_what_happened_to_the_run() -> None:
    steps = steps_of(
        asked("counter", "s1", 1, signal=True),
        raised("Approval-1", '"{\\"approved\\": true}"', 2),
        {"EventType": "ExecutionSuspended", "Reason": "lunch", "Timestamp": at(3)},
        {"EventType": "GenericEvent", "Timestamp": at(4)},
        {"EventType": "ExecutionTerminated", "Input": '"enough"', "Timestamp": at(5)},
    )
    assert [(step.kind, step.name, step.status) for step in steps] == [
        ("entity", "counter", "sent"),
        ("event", "Approval-1", "received"),
        ("run", "suspended", "completed"),
        ("run", "terminated", "completed"),
    ]


def test_steps_come_in_the_order_in_which_they_began() -> None:
    assert [step.name for step in steps_of(ended("late", 2, 3), ended("slow", 1, 4))] == ["slow", "late"]


def test_a_run_without_a_history_has_no_steps() -> None:
    assert read_steps(DurableOrchestrationStatus(name="x"), AGENTS) == []


def test_the_failed_step_is_the_last_one_that_the_error_names() -> None:
    steps = steps_of(ended("ship", 0, 1, "ValueError: no"), ended("bill", 1, 2, "OSError: disk"))
    error = "Orchestrator function 'x' failed: OSError: disk"
    found = FailedStep(name="bill", kind="activity", attempts=1, error="OSError: disk")
    assert find_failed_step("x", error, steps) == found


def test_the_agent_whose_answer_was_of_no_use_is_the_failed_step() -> None:
    steps = steps_of(asked("dafx-writer", "q1", 1), raised("q1", answer({"type": "text", "text": "?"}), 3))
    error = "Orchestrator function 'x' failed: Agent 'Writer' did not answer with a Draft."
    assert find_failed_step("x", error, steps) == FailedStep(name="Writer", kind="agent", attempts=1, error=error)


def test_an_error_that_names_no_step_is_of_the_orchestration_itself() -> None:
    steps = steps_of(ended("ship", 0, 1, "caught and gone on from"))
    assert find_failed_step("x", "ValueError: x", steps).kind == "orchestration"
