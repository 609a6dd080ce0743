from datetime import timedelta
from typing import Any

import pytest
from agent_framework import AgentResponse, Message
from pydantic import ValidationError

from agents.investigators import Plan, PlannedTask, Report
from durable_agents import Budget, Orchestration
from durable_agents.testing import Api, Replay, replay
from orchestrations.deep_research import DeepResearchInput, deep_research

RESEARCH = Orchestration(deep_research)
INPUT = {"question": "Where does tea grow?", "max_tasks": 4, "max_depth": 2}
REPORT = Report(title="Tea", content="In the hills.", gaps=["How long?"])
OUTPUT: dict[str, Any] = {"report": REPORT.model_dump(), "done": ["x"], "failed": {}, "left_out": []}


def plan(*goals: str, wide: str = "") -> Plan:
    """Return a plan of tasks with these goals, one of which may be so wide that it needs a plan of its own."""
    return Plan(tasks=[PlannedTask(goal=goal, questions=[f"{goal}?"], needs_plan=goal == wide) for goal in goals])


def answer(text: str) -> dict[str, Any]:
    """Return what a child returns that has found this out."""
    found = {"summary": text, "facts": [], "open_points": []}
    return {"goal": "", "answers": [{"question": "Well?", "findings": found}]}


def planned(*goals: str, wide: str = "", **given: int) -> Replay:
    """Return a run that has its plan."""
    run = replay(RESEARCH, {**INPUT, **given})
    run.answer("ResearchPlanner", plan(*goals, wide=wide))
    return run


def test_the_planner_decides_what_the_children_do() -> None:
    run = replay(RESEARCH, INPUT)
    assert run.asked("ResearchPlanner")["message"] == "Question: Where does tea grow?\n\nAt most 4 tasks."
    run.answer("ResearchPlanner", plan("Asia", "Africa"))
    assert run.state["customStatus"] == {"stage": "researching", "tasks": ["Asia", "Africa"]}
    children = [{"goal": goal, "questions": [f"{goal}?"]} for goal in ("Asia", "Africa")]
    assert run.inputs("research_task") == children
    run.complete("research_task", answer("Assam"))
    run.complete("research_task", answer("Kenya"))
    assert run.asked("Synthesizer")["message"] == (
        "Question: Where does tea grow?\n\nPart: Asia\nWell?\nAssam\n\nPart: Africa\nWell?\nKenya"
    )
    run.answer("Synthesizer", REPORT)
    assert run.output == {**OUTPUT, "done": ["Asia", "Africa"]}
    assert run.timers() == {}


def test_three_children_are_at_work_at_a_time() -> None:
    run = planned("a", "b", "c", "d")
    assert [child["goal"] for child in run.inputs("research_task")] == ["a", "b", "c"]
    run.complete("research_task", answer("A"))
    assert [child["goal"] for child in run.inputs("research_task")] == ["b", "c", "d"]


def test_what_a_plan_has_too_many_is_left_out_and_said() -> None:
    run = planned("a", "b", "c", max_tasks=1)
    run.complete("research_task", answer("A"))
    assert run.asked("Synthesizer")["message"].endswith("Missing: b\n\nMissing: c")
    run.answer("Synthesizer", REPORT)
    assert (run.output["done"], run.output["left_out"]) == (["a"], ["b", "c"])


def test_a_wide_task_gets_a_plan_of_its_own_which_is_one_less_deep() -> None:
    run = planned("narrow", "wide", wide="wide")
    assert [child["goal"] for child in run.inputs("research_task")] == ["narrow"]
    assert run.inputs("deep_research") == [{"question": "wide", "max_tasks": 4, "max_depth": 1}]
    run.complete("deep_research", OUTPUT)
    run.complete("research_task", answer("N"))
    assert run.asked("Synthesizer")["message"].endswith("Part: wide\nIn the hills.\n- Open: How long?")
    run.answer("Synthesizer", REPORT)
    assert run.output["done"] == ["narrow", "wide"]


def test_at_the_last_depth_a_wide_task_is_done_as_it_is() -> None:
    run = planned("wide", wide="wide", max_depth=1)
    assert [child["goal"] for child in run.inputs("research_task")] == ["wide"]


def test_a_child_that_fails_is_named_with_its_reason_and_no_stack_trace() -> None:
    run = planned("a", "b")
    run.fail("research_task")
    run.complete("research_task", answer("B"))
    assert run.asked("Synthesizer")["message"].endswith("Missing: a")
    run.answer("Synthesizer", REPORT)
    assert (run.output["done"], run.output["failed"]) == (["b"], {"a": "boom"})


def test_when_all_children_fail_the_run_fails_and_says_why_of_each() -> None:
    run = planned("a", "b")
    run.fail("research_task")
    run.fail("research_task")
    assert run.state["error"] == "No task could be done. 'a': boom; 'b': boom"


@pytest.mark.parametrize("text", ['{"tasks": []}', "Look into it."])
def test_without_a_plan_nothing_is_done(text: str) -> None:
    run = replay(RESEARCH, INPUT)
    run.answer("ResearchPlanner", AgentResponse(messages=[Message("assistant", [text])]))
    assert run.state["error"] == "Agent 'ResearchPlanner' did not answer with a Plan."


def test_a_planner_that_is_too_slow_fails_the_run() -> None:
    run = replay(RESEARCH, INPUT)
    run.pass_time(timedelta(minutes=5))
    assert run.state["error"] == "Agent 'ResearchPlanner' did not answer within 0:05:00."


def test_without_a_report_the_run_fails() -> None:
    run = planned("a")
    run.complete("research_task", answer("A"))
    run.answer("Synthesizer", {"error": "away", "status": "error"})
    assert run.state["error"].startswith("Agent 'Synthesizer' failed")


def test_when_the_budget_is_used_up_the_report_is_what_was_found() -> None:
    run = replay(Orchestration(deep_research, budget=Budget(model_calls=1)), INPUT)
    usage: Any = {"model_call_count": 1, "input_token_count": 9, "output_token_count": 1}
    text = plan("a", "b").model_dump_json()
    run.answer("ResearchPlanner", AgentResponse(messages=[Message("assistant", [text])], usage_details=usage))
    run.complete("research_task", answer("A"))
    run.fail("research_task")
    report = run.output["report"]
    assert (report["title"], report["content"]) == (INPUT["question"], "Part: a\nWell?\nA")
    spent = "it has used 10 tokens in 1 model calls, and may use 1 model calls."
    assert report["gaps"] == ["Missing: b", f"The budget of the run is used up: {spent}"]


@pytest.mark.parametrize(
    ("field", "value"), [("question", " "), ("max_tasks", 0), ("max_tasks", 11), ("max_depth", 0), ("max_depth", 4)]
)
def test_an_input_that_cannot_be_meant_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        DeepResearchInput.model_validate({**INPUT, field: value})
    assert {error["loc"][0] for error in caught.value.errors()} == {field}


def test_it_runs_on_a_host_with_its_children(api: Api) -> None:
    output = api.finish(api.start("deep_research", {"question": "Where does tea grow?", "max_tasks": 2}))
    assert (len(output["done"]), len(output["left_out"]), output["failed"]) == (2, 1, {})
    refused = api.http.post("/api/runs/deep_research", json={"question": "Where?", "max_depth": 4})
    assert refused.status_code == 400
    assert "max_depth: Input should be less than or equal to 3" in refused.json()["detail"]
