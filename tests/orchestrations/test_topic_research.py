from datetime import timedelta
from typing import Any

import pytest

from agents.research_team import Summary
from durable_agents import Orchestration
from durable_agents.testing import Api, Replay, replay
from orchestrations.topic_research import topic_research
from tests.orchestrations.answers import failed, said

RESEARCH = Orchestration(topic_research)
RESEARCHERS = ["BackgroundResearcher", "PracticeResearcher", "RiskResearcher"]
SUMMARY = Summary(summary="They heat.", key_points=["They heat."], disagreements=[])


@pytest.fixture
def researching() -> Replay:
    """A run that has asked all its researchers."""
    return replay(RESEARCH, {"topic": "heat pumps"})


def finding(agent: str, text: str | None, failure: str | None = None) -> dict[str, str | None]:
    return {"researcher": agent, "text": text, "failure": failure}


def test_all_are_asked_at_once_each_its_own_question(researching: Replay) -> None:
    questions = {researching.asked(agent)["message"] for agent in RESEARCHERS}
    assert len(questions) == 3
    assert all(question.endswith("The topic: heat pumps") for question in questions)
    assert len({researching.asked(agent)["entity"] for agent in RESEARCHERS}) == 3


def test_what_they_find_is_summed_up_in_their_order(researching: Replay) -> None:
    for agent in reversed(RESEARCHERS):
        researching.answer(agent, said(f"Found by {agent}."))
    message = researching.asked("ResearchSummarizer")["message"]
    assert message == "Topic: heat pumps\n\n" + "\n\n".join(f"{agent}:\nFound by {agent}." for agent in RESEARCHERS)
    researching.answer("ResearchSummarizer", SUMMARY)
    assert researching.output == {
        "summary": SUMMARY.model_dump(),
        "findings": [finding(agent, f"Found by {agent}.") for agent in RESEARCHERS],
        "missing": [],
    }
    assert researching.timers() == {}


@pytest.mark.parametrize("missing", RESEARCHERS)
def test_one_that_fails_is_reported_and_its_side_said_to_be_missing(researching: Replay, missing: str) -> None:
    for agent in RESEARCHERS:
        researching.answer(agent, failed() if agent == missing else said("Found."))
    assert researching.state["customStatus"] == {"stage": "summing up", "missing": [missing]}
    message = researching.asked("ResearchSummarizer")["message"]
    assert f"{missing}:\nNothing: this side of the topic is missing." in message
    assert message.count("Found.") == 2
    researching.answer("ResearchSummarizer", SUMMARY)
    assert researching.output["missing"] == [missing]
    (lost,) = [one for one in researching.output["findings"] if one["text"] is None]
    assert lost["researcher"] == missing
    assert lost["failure"].startswith(f"Agent '{missing}' failed: rate_limited.")


def test_one_that_is_late_is_not_waited_for(researching: Replay) -> None:
    for agent in RESEARCHERS[:2]:
        researching.answer(agent, said("Found."))
    researching.pass_time(timedelta(minutes=4, seconds=59))
    assert researching.asked("RiskResearcher")
    researching.pass_time(timedelta(seconds=1))
    researching.answer("ResearchSummarizer", SUMMARY)
    late = "Agent 'RiskResearcher' did not answer within 0:05:00."
    assert researching.output["findings"][2] == finding("RiskResearcher", None, late)


def test_two_that_fail_fail_the_run_and_no_summary_is_made(researching: Replay) -> None:
    researching.answer("BackgroundResearcher", failed())
    researching.answer("RiskResearcher", said("Found."))
    researching.answer("PracticeResearcher", failed())
    error = researching.state["error"]
    assert "Agent 'BackgroundResearcher' failed: rate_limited." in error
    assert "Agent 'PracticeResearcher' failed: rate_limited." in error
    assert [action for action in researching.open.values() if not action.get("isCanceled")] == []


def test_a_summary_that_fails_fails_the_run(researching: Replay) -> None:
    for agent in RESEARCHERS:
        researching.answer(agent, said("Found."))
    researching.answer("ResearchSummarizer", failed())
    assert researching.state["error"].startswith("Agent 'ResearchSummarizer' failed: rate_limited.")


@pytest.mark.parametrize(("body", "field"), [({}, "topic"), ({"topic": "\n"}, "topic"), ({"topic": 7}, "topic")])
def test_bad_input_is_refused_by_its_field(api: Api, body: dict[str, Any], field: str) -> None:
    answer = api.http.post("/api/runs/topic_research", json=body)
    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (400, [field])
