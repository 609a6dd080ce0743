from datetime import timedelta

import pytest
from agent_framework import AgentResponse, Content, Message
from pydantic import ValidationError

from agents.investigators import Findings, ResearchTask
from durable_agents import Orchestration
from durable_agents.testing import replay
from orchestrations.research_task import research_task

TASK = Orchestration(research_task)
INPUT = {"goal": "Find where tea grows.", "questions": ["Where?", "How high?"]}
MINUTE = timedelta(minutes=1)
BUSY = Content.from_error(message="later", error_code="rate_limit", error_details='{"retryable": true}')
LATER = AgentResponse(messages=[Message("assistant", [BUSY])])


def complete(summary: str) -> Findings:
    return Findings(summary=summary, facts=[], open_points=[])


def test_the_questions_are_asked_at_the_same_time_each_in_its_own_conversation() -> None:
    run = replay(TASK, INPUT)
    assert run.messages("Investigator") == [
        f"Topic: {INPUT['goal']}\nPart: {question}" for question in ("Where?", "How high?")
    ]
    assert run.asked("Investigator", about="Where?")["entity"] != run.asked("Investigator", about="How high?")["entity"]
    run.answer("Investigator", complete("2000 m"), about="How high?")
    run.answer("Investigator", complete("Assam"), about="Where?")
    assert [answer["findings"]["summary"] for answer in run.output["answers"]] == ["Assam", "2000 m"]
    assert run.timers() == {}


def test_what_an_answer_leaves_open_is_followed_up_once_in_the_same_conversation() -> None:
    run = replay(TASK, {**INPUT, "questions": ["Where?"]})
    first = run.asked("Investigator")
    run.answer("Investigator", Findings(summary="Assam", facts=[], open_points=["And Kenya?"]))
    second = run.asked("Investigator")
    assert (second["message"], second["entity"]) == ("Your open points:\nAnd Kenya?", first["entity"])
    run.answer("Investigator", Findings(summary="Assam, Kenya", facts=[], open_points=["And Peru?"]))
    (answer,) = run.output["answers"]
    assert (answer["question"], answer["findings"]["open_points"]) == ("Where?", ["And Peru?"])


def test_a_busy_model_is_asked_three_times_a_minute_apart() -> None:
    run = replay(TASK, {**INPUT, "questions": ["Where?"]})
    for _ in range(2):
        run.answer("Investigator", LATER)
        assert run.messages("Investigator") == []
        run.pass_time(MINUTE)
    run.answer("Investigator", LATER)
    assert run.state["error"].startswith("Agent 'Investigator' failed: rate_limit.")
    assert run.timers() == {}


def test_a_task_is_done_as_a_whole_or_fails_as_a_whole() -> None:
    run = replay(TASK, INPUT)
    run.answer("Investigator", complete("Assam"), about="Where?")
    run.answer("Investigator", {"error": "away", "status": "error"}, about="How high?")
    assert run.state["error"].startswith("Agent 'Investigator' failed: EntityOperationFailed.")


def test_an_answer_that_takes_too_long_fails_the_task() -> None:
    run = replay(TASK, INPUT)
    run.pass_time(15 * MINUTE)
    assert run.state["error"] == "Agent 'Investigator' did not answer within 0:15:00."


@pytest.mark.parametrize(
    ("field", "value"), [("goal", " "), ("questions", []), ("questions", [""]), ("questions", ["x"] * 11)]
)
def test_an_input_that_cannot_be_meant_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        ResearchTask.model_validate({**INPUT, field: value})
    assert {error["loc"][0] for error in caught.value.errors()} == {field}
