"""What a test does to a run with `Replay`: it decides, and it lets time pass."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from durable_agents import Orchestration, OrchestrationContext, ReviewPolicy, Steps
from durable_agents.testing import Replay, replay

HOUR = timedelta(hours=1)


class Topic(BaseModel):
    topic: str


def play(function: Any) -> Replay:
    return replay(Orchestration(function), {"topic": "tea"})


def consent(context: OrchestrationContext, request: Topic) -> Steps[list[Any]]:
    policy = ReviewPolicy(reviewers=["ada", "bob"], required_approvals=2, approval_timeout_hours=2)
    review = yield from context.approve(request.topic, "Tea is warm.", policy)
    return [review.is_approved, review.feedback, [decision.reviewer for decision in review.decisions]]


def test_a_decision_is_one_on_what_the_run_waits_for() -> None:
    run = play(consent)
    run.complete("notify_reviewer", {"channel": "webhook", "location": None})
    run.decide(approved=True, reviewer="ada")
    assert run.waiting_for["approvals"] == 1
    run.decide(approved=False, feedback="Cold.", reviewer="bob")
    assert run.state["output"] == [False, "Cold.", ["ada", "bob"]]
    with pytest.raises(AssertionError, match="The run waits for nobody's decision"):
        run.decide(approved=True)


def test_what_waits_for_an_event_waits_for_no_decision() -> None:
    def order(context: OrchestrationContext, request: Topic) -> Steps[None]:
        yield from context.wait_for("Paid")

    with pytest.raises(AssertionError, match="is no approval"):
        play(order).decide(approved=True)


def naps(context: OrchestrationContext, request: Topic) -> Steps[list[str]]:
    woken = []
    for hours in (1, 2, 3):
        yield from context.sleep(hours * HOUR)
        woken.append(context.now.strftime("%H"))
    return woken


def test_timers_fire_at_their_times_also_those_made_on_the_way() -> None:
    run = play(naps)
    run.pass_time(HOUR * 0.9)
    assert len(run.timers()) == 1
    run.pass_time(HOUR * 0.2)
    assert run.now.strftime("%H:%M") == "10:06"
    run.pass_time(timedelta(days=1))
    assert run.state["output"] == ["10", "12", "15"]
    assert run.now.strftime("%d %H:%M") == "02 10:06"


def test_a_timer_that_was_cancelled_does_not_fire() -> None:
    run = play(consent)
    run.complete("notify_reviewer", {"channel": "webhook", "location": None})
    run.decide(approved=False, reviewer="ada")
    turns = len(run.history)
    run.pass_time(timedelta(days=9))
    assert len(run.history) == turns


def test_only_a_run_that_has_completed_has_an_output() -> None:
    def order(context: OrchestrationContext, request: Topic) -> Steps[str | None]:
        if (yield from context.wait_for("Paid", bool)):
            return None
        raise ValueError("not paid")

    run = play(order)
    with pytest.raises(AssertionError, match="has not completed"):
        assert run.output
    run.raise_event("Paid", True)
    assert run.output is None
    failed = play(order)
    failed.raise_event("Paid", False)
    with pytest.raises(AssertionError, match="not paid"):
        assert failed.output


def both_sides(context: OrchestrationContext, request: Topic) -> Steps[list[str]]:
    return (yield from context.all([context.ask("Writer", f"{request.topic}, {side}") for side in ("hot", "cold")]))


def test_an_agent_that_is_asked_twice_at_once_answers_each_by_its_message() -> None:
    run = play(both_sides)
    assert run.messages("Writer") == ["tea, hot", "tea, cold"]
    with pytest.raises(AssertionError, match="2 of the messages"):
        run.answer("Writer", Topic(topic="which?"))
    assert run.asked("Writer", about="cold")["message"] == "tea, cold"
    run.answer("Writer", Topic(topic="second"), about="cold")
    run.answer("Writer", Topic(topic="first"))
    assert run.output == ['{"topic":"first"}', '{"topic":"second"}']
