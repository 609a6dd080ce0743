from datetime import timedelta
from typing import Any

import pytest
from agent_framework import AgentResponse, Message
from pydantic import ValidationError

from agents.investigators import Findings, Report
from durable_agents import Orchestration
from durable_agents.testing import Api, Replay, replay
from orchestrations.subtopic_research import SubtopicResearchInput, subtopic_research

RESEARCH = Orchestration(subtopic_research)
INPUT = {"topic": "tea", "subtopics": ["green", "black", "white"], "width": 2}
REPORT = Report(title="Tea", content="Tea is a plant.", gaps=[])
AWAY = {"error": "away", "status": "error"}
WHY_AWAY = "Agent 'Investigator' failed: EntityOperationFailed. The log of the function app has the model's error."


def findings(summary: str) -> Findings:
    return Findings(summary=summary, facts=[f"{summary} is a fact"], open_points=[])


def asked(run: Replay) -> list[str]:
    """Return the subtopics that are being researched."""
    return [message.rpartition("Part: ")[2] for message in run.messages("Investigator")]


def answer(run: Replay, subtopic: str) -> None:
    run.answer("Investigator", findings(subtopic.upper()), about=f"Part: {subtopic}")


def test_so_many_are_researched_at_a_time_in_their_order() -> None:
    run = replay(RESEARCH, INPUT)
    assert run.messages("Investigator")[0] == "Topic: tea\nPart: green"
    begun = [asked(run)]
    for subtopic in ("black", "white"):
        answer(run, subtopic)
        begun.append(asked(run))
    assert begun == [["green", "black"], ["green", "white"], ["green"]]


def test_the_report_is_made_from_all_in_the_order_of_the_input() -> None:
    run = replay(RESEARCH, INPUT)
    for subtopic in ("black", "white", "green"):
        answer(run, subtopic)
    message = run.asked("Synthesizer")["message"]
    assert message.startswith("Topic: tea\n\nPart: green\nGREEN\n- GREEN is a fact\n\nPart: black\nBLACK")
    assert "Missing" not in message
    run.answer("Synthesizer", REPORT)
    assert [one["subtopic"] for one in run.output["researched"]] == INPUT["subtopics"]
    assert (run.output["report"], run.output["failed"]) == (REPORT.model_dump(), [])
    assert run.timers() == {}


def test_what_fails_is_left_out_and_named_with_its_reason() -> None:
    run = replay(RESEARCH, {**INPUT, "width": 3})
    run.answer("Investigator", AWAY, about="green")
    run.answer("Investigator", AgentResponse(messages=[Message("assistant", ["It is."])]), about="black")
    answer(run, "white")
    message = run.asked("Synthesizer")["message"]
    assert message.endswith("Missing: green\n\nMissing: black")
    run.answer("Synthesizer", REPORT)
    assert [one["subtopic"] for one in run.output["researched"]] == ["white"]
    assert {one["subtopic"]: one["reason"] for one in run.output["failed"]} == {
        "green": WHY_AWAY,
        "black": "Agent 'Investigator' did not answer with a Findings.",
    }


def test_one_that_is_too_slow_holds_up_nobody() -> None:
    run = replay(RESEARCH, INPUT)
    answer(run, "green")
    run.pass_time(timedelta(minutes=2))
    answer(run, "white")
    run.pass_time(timedelta(minutes=3))
    run.answer("Synthesizer", REPORT)
    (slow,) = run.output["failed"]
    assert slow["subtopic"] == "black"
    assert slow["reason"] == "Agent 'Investigator' did not answer within 0:05:00."


def test_when_all_fail_the_run_fails_and_says_why_of_each() -> None:
    run = replay(RESEARCH, {**INPUT, "subtopics": ["green", "black"]})
    for subtopic in ("green", "black"):
        run.answer("Investigator", AWAY, about=subtopic)
    error = run.state["error"]
    assert error.startswith("None of the 2 subtopics could be researched. 'green': Agent 'Investigator' failed")
    assert "; 'black': Agent 'Investigator' failed" in error


def test_without_a_report_the_run_fails() -> None:
    run = replay(RESEARCH, {**INPUT, "subtopics": ["green"]})
    answer(run, "green")
    run.answer("Synthesizer", AWAY)
    assert run.state["error"].startswith("Agent 'Synthesizer' failed")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("topic", " "),
        ("subtopics", []),
        ("subtopics", ["green", " "]),
        ("subtopics", ["green", "green"]),
        ("subtopics", ["x"] * 51),
        ("width", 0),
        ("width", 11),
    ],
)
def test_an_input_that_cannot_be_meant_is_refused(field: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        SubtopicResearchInput.model_validate({**INPUT, field: value})
    assert {error["loc"][0] for error in caught.value.errors()} == {field}


def test_it_runs_on_a_host(api: Api) -> None:
    output = api.finish(
        api.start("subtopic_research", {"topic": "tea", "subtopics": ["green", "black", "white", "red"]})
    )
    assert [one["subtopic"] for one in output["researched"]] == ["green", "black", "white", "red"]
    refused = api.http.post("/api/runs/subtopic_research", json={"topic": "tea", "subtopics": ["green", "green"]})
    assert refused.status_code == 400
    assert "subtopics: Value error, these are named more than once: green." in refused.json()["detail"]
