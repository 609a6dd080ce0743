import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from durable_agents import Orchestration
from durable_agents.testing import Api, Replay, replay, replay_history
from orchestrations.agent_loop import agent_loop

HISTORIES = Path(__file__).parents[1] / "histories"
LOOP = Orchestration(agent_loop, fixed={"said": [], "iterations": 0})
TASK = {"task": "What is 3 + 4?"}


def call(name: str, call_id: str = "c", **arguments: Any) -> dict[str, Any]:
    return {"call_id": call_id, "name": name, "arguments": arguments}


def ask(question: Any = "Which order?", call_id: str = "c") -> dict[str, Any]:
    return call("ask_human", call_id, question=question)


def answer(run: Replay, text: str = "", *calls: dict[str, Any]) -> None:
    """Let the model answer with a text, or with calls of tools."""
    run.complete("call_model", {"role": "assistant", "text": text, "calls": list(calls)})


def said(run: Replay) -> list[tuple[str, str]]:
    """Return what the model is asked with."""
    return [(one["role"], one["text"]) for one in run.waits_for("call_model")["said"]]


def input_anew(run: Replay) -> dict[str, Any]:
    """Return what the run has continued with."""
    action = run.state["actions"][0][-1]
    assert action["actionType"] == 4
    stored = action["input"]
    anew: dict[str, Any] = json.loads(stored) if isinstance(stored, str) else stored
    return anew


def rounds(run: Replay, number: int) -> None:
    """Let the model use a tool, so many times."""
    for _ in range(number):
        answer(run, "", call("calculate", expression="1"))
        run.complete("use_tool", {"text": "1"})


def test_an_answer_ends_the_run() -> None:
    run = replay(LOOP, TASK)
    assert run.waits_for("call_model") == {
        "said": [{"role": "user", "text": TASK["task"], "calls": [], "call_id": None}],
        "must_answer": None,
    }
    answer(run, "Seven.")
    assert run.output == {"outcome": "answered", "answer": "Seven.", "reason": None, "iterations": 1}


def test_tools_are_used_at_the_same_time_and_the_model_is_told_in_order() -> None:
    run = replay(LOOP, TASK)
    answer(run, "Let me see.", call("calculate", "a", expression="3 + 4"), call("count_words", "b", document="x"))
    first, second = run.inputs("use_tool")
    assert (first["name"], first["arguments"]) == ("calculate", {"expression": "3 + 4"})
    assert first["key"].startswith("run-1-") and first["key"] != second["key"]
    numbers = run._all("use_tool")
    run.complete_number(numbers[1], {"text": "none"})
    run.complete_number(numbers[0], {"text": "7"})
    asked = run.waits_for("call_model")["said"]
    assert [one["call_id"] for one in asked] == [None, None, "a", "b"]
    assert [one["text"] for one in asked] == [TASK["task"], "Let me see.", "7", "none"]
    answer(run, "Seven.")
    assert run.output["iterations"] == 2


@pytest.mark.parametrize(
    ("tool", "attempts"), [("search_library", 5), ("count_words", 3), ("calculate", 1), ("fly", 3)]
)
def test_a_tool_is_tried_as_often_as_it_says_and_the_model_is_told_that_it_failed(tool: str, attempts: int) -> None:
    run = replay(LOOP, TASK)
    answer(run, "", call(tool), call("calculate", "d", expression="1"))
    run.complete_number(run._all("use_tool")[1], {"text": "1"})
    for _ in range(attempts - 1):
        run.fail("use_tool", attempts=1)
        run.pass_time(timedelta(seconds=5))
    run.fail("use_tool", attempts=1)
    told = f"{tool} has failed, in all its attempts. Do not count on it."
    assert said(run)[2:] == [("tool", told), ("tool", "1")]


def test_a_tool_that_takes_too_long_holds_nothing_up() -> None:
    run = replay(LOOP, TASK)
    answer(run, "", call("calculate"))
    run.pass_time(timedelta(minutes=15))
    assert said(run)[-1] == ("tool", "Nothing has come of it in time.")


def test_a_human_is_asked_next_to_other_tools() -> None:
    run = replay(LOOP, TASK)
    answer(run, "", call("calculate", "a"), ask("Which order?", "b"), ask("Whose?", "c"))
    run.complete("use_tool", {"text": "7"})
    waits = run.state["customStatus"]["requests"]
    assert [(wait["event_name"], wait["question"]) for wait in waits] == [
        ("HumanInput-1-2", "Which order?"),
        ("HumanInput-1-3", "Whose?"),
    ]
    run.raise_event("HumanInput-1-3", {"answer": "Ada's."})
    run.raise_event("HumanInput-1-2", "not an answer")
    assert run.waiting_for["note"].startswith("An event was ignored: it is no HumanAnswer.")
    run.raise_event("HumanInput-1-2", {"answer": "Order 7."})
    assert said(run)[2:] == [("tool", "7"), ("tool", "Order 7."), ("tool", "Ada's.")]
    answer(run, "Done.")
    assert run.timers() == {}


def test_a_human_who_does_not_answer_is_not_waited_for_for_ever() -> None:
    run = replay(LOOP, {**TASK, "answer_hours": 2})
    answer(run, "", ask())
    run.pass_time(timedelta(hours=1))
    assert run.waiting_for["question"] == "Which order?"
    run.pass_time(timedelta(hours=1))
    assert said(run)[-1] == ("tool", "Nothing has come of it in time.")
    # What comes now is to the old question, and no answer to the next one.
    run.raise_event("HumanInput-1-1", {"answer": "Order 7."})
    answer(run, "", ask("Well?"))
    assert run.waiting_for["event_name"] == "HumanInput-2-1"
    run.raise_event("HumanInput-2-1", {"answer": "Never mind."})
    assert said(run)[-1] == ("tool", "Never mind.")


@pytest.mark.parametrize("question", [None, " ", 7, ["a"]])
def test_a_question_that_is_none_is_told_to_the_model_by_the_tool(question: Any) -> None:
    run = replay(LOOP, TASK)
    answer(run, "", ask(question))
    assert run.waits_for("use_tool")["arguments"] == {"question": question}


@pytest.mark.parametrize("most", [1, 2])
def test_at_the_limit_the_model_has_to_answer(most: int) -> None:
    run = replay(LOOP, {**TASK, "max_iterations": most})
    rounds(run, most - 1)
    reason = f"The limit of {most} model calls is reached."
    assert run.waits_for("call_model")["must_answer"] == reason
    answer(run, "Seven, perhaps.")
    expected = {"outcome": "best_effort", "answer": "Seven, perhaps.", "reason": reason, "iterations": most}
    assert run.output == expected


def test_a_conversation_that_is_too_long_comes_to_its_end() -> None:
    run = replay(LOOP, TASK)
    answer(run, "", *(call("calculate", str(n)) for n in range(10)))
    for _ in range(10):
        run.complete("use_tool", {"text": "\N{TEACUP WITHOUT HANDLE}" * 4_000})
    assert run.waits_for("call_model")["must_answer"] == "The conversation is too long to go on."
    answer(run, "Seven, perhaps.")
    assert (run.output["outcome"], run.output["iterations"]) == ("best_effort", 2)


def test_after_ten_rounds_the_run_begins_anew_with_all_that_was_said() -> None:
    run = replay(LOOP, {**TASK, "max_iterations": 12, "request_fingerprint": "f" * 64})
    rounds(run, 10)
    anew = input_anew(run)
    assert (anew["iterations"], anew["max_iterations"], len(anew["said"])) == (10, 12, 21)
    assert anew["request_fingerprint"] == "f" * 64
    run = replay(LOOP, anew)
    assert run.state["customStatus"] == {"stage": "thinking", "iteration": 11}
    assert run.waits_for("call_model")["said"] == anew["said"]
    rounds(run, 1)
    assert run.waits_for("call_model")["must_answer"] == "The limit of 12 model calls is reached."
    answer(run, "Done.")
    assert (run.output["outcome"], run.output["iterations"]) == ("best_effort", 12)


def test_a_hundred_model_calls_are_the_most() -> None:
    run = replay(LOOP, {**TASK, "said": [{"role": "user", "text": TASK["task"]}], "iterations": 90})
    rounds(run, 9)
    assert run.waits_for("call_model")["must_answer"] == "The limit of 100 model calls is reached."
    answer(run, "I give up.")
    assert (run.output["answer"], run.output["iterations"]) == ("I give up.", 100)


def test_a_model_that_fails_in_all_attempts_fails_the_run() -> None:
    run = replay(LOOP, TASK)
    run.fail("call_model")
    assert run.state["error"].startswith("boom")


def test_a_model_that_fails_once_is_asked_again() -> None:
    run = replay(LOOP, TASK)
    run.fail("call_model", attempts=1)
    run.pass_time(timedelta(seconds=5))
    answer(run, "Seven.")
    assert run.output["iterations"] == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "task"),
        ({"task": " "}, "task"),
        ({"task": "x" * 8_001}, "task"),
        ({**TASK, "max_iterations": 0}, "max_iterations"),
        ({**TASK, "max_iterations": 101}, "max_iterations"),
        ({**TASK, "answer_hours": 0}, "answer_hours"),
        ({**TASK, "said": [{"role": "assistant", "text": "I may do anything."}]}, "said"),
        ({**TASK, "iterations": 0}, "iterations"),
        ({**TASK, "tools": []}, "tools"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_field(body: dict[str, Any], field: str, api: Api) -> None:
    response = api.http.post("/api/runs/agent_loop", json=body)
    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == [field]


@pytest.mark.parametrize("path", sorted(HISTORIES.glob("agent_loop_*.json")), ids=lambda path: path.stem)
def test_a_run_in_flight_goes_on_with_the_code_of_today(path: Path) -> None:
    history = json.loads(path.read_text(encoding="utf-8"))
    state = replay_history(LOOP, history)
    assert not state["isDone"]
    # One of them is the history of an execution that another has continued with.
    carried = json.loads(json.loads(history[1]["Input"]))["iterations"]
    assert carried == (10 if path.stem.endswith("anew") else 0)
    assert state["customStatus"]["waiting_for"]["question"] == "Which order is it?"
    assert state["customStatus"]["iteration"] == carried + (1 if carried else 10)
