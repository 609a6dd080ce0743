from datetime import timedelta
from typing import Any

import pytest

from agents.support_desk import Category, Classification
from durable_agents import Orchestration
from durable_agents.testing import Api, Replay, replay
from orchestrations.support_routing import support_routing
from tests.orchestrations.answers import failed, said

ROUTING = Orchestration(support_routing)
INPUT = {"question": "What about INV-1001?", "customer_number": "C-17"}


def classified(category: Category, confidence: float = 0.9, **run_input: Any) -> Replay:
    """Return a run whose question has been classified."""
    run = replay(ROUTING, {**INPUT, **run_input})
    assert run.asked("SupportClassifier")["message"] == INPUT["question"]
    run.answer("SupportClassifier", Classification(category=category, confidence=confidence, reason="It says so."))
    return run


@pytest.mark.parametrize(
    ("category", "agent"),
    [
        ("billing", "BillingSpecialist"),
        ("technical", "TechnicalSpecialist"),
        ("general", "GeneralSpecialist"),
        ("other", "FrontDesk"),
    ],
)
def test_a_question_goes_to_whom_it_is_for(category: Category, agent: str) -> None:
    run = classified(category)
    assert run.state["customStatus"] == {"stage": "answering", "agent": agent}
    assert run.asked(agent)["message"] == "What about INV-1001?\n\nCustomer number: C-17"
    run.answer(agent, said("It is paid."))
    assert run.output == {
        "reply": "It is paid.",
        "answered_by": agent,
        "classification": {"category": category, "confidence": 0.9, "reason": "It says so."},
    }
    assert run.timers() == {}


@pytest.mark.parametrize(("confidence", "agent"), [(0.7, "BillingSpecialist"), (0.69, "FrontDesk")])
def test_a_specialist_needs_confidence(confidence: float, agent: str) -> None:
    assert classified("billing", confidence).asked(agent)


def test_how_much_confidence_is_part_of_the_input() -> None:
    assert classified("billing", 0.9, min_confidence=0.95).asked("FrontDesk")


def test_a_specialist_is_told_that_the_customer_is_not_known() -> None:
    run = classified("billing", customer_number=None)
    assert run.asked("BillingSpecialist")["message"].endswith("Customer number: not known")


def test_a_category_that_does_not_exist_fails_the_run() -> None:
    run = replay(ROUTING, INPUT)
    run.answer("SupportClassifier", said('{"category": "legal", "confidence": 1, "reason": "a lawyer"}'))
    assert run.state["error"] == "Agent 'SupportClassifier' did not answer with a Classification."


def test_a_failed_model_call_fails_the_run_and_names_the_agent() -> None:
    run = replay(ROUTING, INPUT)
    run.answer("SupportClassifier", failed())
    assert run.state["error"].startswith("Agent 'SupportClassifier' failed: rate_limited.")
    run = classified("technical")
    run.answer("TechnicalSpecialist", failed())
    assert run.state["error"].startswith("Agent 'TechnicalSpecialist' failed: rate_limited.")


def test_an_agent_that_does_not_answer_in_time_fails_the_run() -> None:
    run = classified("general")
    run.pass_time(timedelta(minutes=3))
    assert run.state["error"] == "Agent 'GeneralSpecialist' did not answer within 0:03:00."
    run = replay(ROUTING, INPUT)
    run.pass_time(timedelta(minutes=3))
    assert run.state["error"] == "Agent 'SupportClassifier' did not answer within 0:03:00."


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"question": ""}, "question"),
        ({"question": "Well?", "customer_number": "17"}, "customer_number"),
        ({"question": "Well?", "min_confidence": 70}, "min_confidence"),
    ],
)
def test_bad_input_is_refused_by_its_field(api: Api, body: dict[str, Any], field: str) -> None:
    answer = api.http.post("/api/runs/support_routing", json=body)
    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (400, [field])
