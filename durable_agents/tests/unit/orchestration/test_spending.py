"""What a run uses, and its budget, turn by turn."""

import json
from datetime import timedelta
from typing import Any

import pytest
from agent_framework import AgentResponse, Message
from pydantic import BaseModel, RootModel

from durable_agents import (
    AgentError,
    Budget,
    BudgetError,
    Orchestration,
    OrchestrationContext,
    Steps,
    Usage,
)
from durable_agents.orchestration.spending import ALLOWANCE_FIELD, Allowance, ChildEnd
from durable_agents.sessions.conversation import MODEL_CALLS, failed_response
from durable_agents.sessions.failures import Failure
from durable_agents.testing import Replay, replay


class Order(BaseModel):
    number: int = 0


class Text(BaseModel):
    text: str


class Root(RootModel[dict[str, Any]]):
    pass


def said(text: str = "Well.", calls: int = 1, read: int = 10, written: int = 5) -> AgentResponse:
    """Return an answer that says what it has cost."""
    usage: Any = {"input_token_count": read, "output_token_count": written, MODEL_CALLS: calls}
    return AgentResponse(messages=[Message("assistant", [text])], usage_details=usage)


def failed() -> AgentResponse:
    response = failed_response(Failure("content_filtered", "No."))
    response.usage_details = said(calls=2).usage_details
    return response


def shown(run: Replay) -> Any:
    return run.state["customStatus"]["usage"]


def used(calls: int, read: int, written: int) -> dict[str, int]:
    return Usage(model_calls=calls, input_tokens=read, output_tokens=written).model_dump()


def two_questions(context: OrchestrationContext, request: Order) -> Steps[str]:
    yield from context.ask("Writer", "One?")
    yield from context.ask("Writer", "Two?")
    return str(context.usage.tokens)


def best_effort(context: OrchestrationContext, request: Order) -> Steps[str]:
    try:
        while True:
            yield from context.ask("Writer", "More?")
    except BudgetError as error:
        return str(error)


def parent(context: OrchestrationContext, request: Order) -> Steps[str]:
    yield from context.ask("Writer", "First?")
    try:
        text = yield from context.run(two_questions, request)
    except Exception:
        text = "failed"
    yield from context.ask("Writer", "Last?")
    return text


def test_answers_add_up_and_the_finished_run_still_shows_it() -> None:
    run = replay(Orchestration(two_questions), {})
    assert "customStatus" not in run.state
    run.answer("Writer", said())
    assert shown(run) == used(1, 10, 5)
    run.answer("Writer", said(calls=3, read=100))
    assert (run.output, shown(run)) == ("120", used(4, 110, 10))


def test_a_failed_answer_is_paid_for() -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[bool]:
        try:
            yield from context.ask("Writer", "One?", Text)
        except AgentError:
            yield from context.sleep(timedelta(hours=1))
        return True

    run = replay(Orchestration(order), {})
    run.answer("Writer", failed())
    assert shown(run) == used(2, 10, 5)


def test_what_lost_a_race_is_counted_when_its_answer_comes() -> None:
    def order(context: OrchestrationContext, request: Order) -> Steps[bool]:
        yield from context.first([context.ask("Writer", "One?"), context.wait_for("Stop")])
        context.status("stopped")
        yield from context.ask("Editor", "Two?")
        return True

    run = replay(Orchestration(order), {})
    run.raise_event("Stop", {})
    assert run.state["customStatus"] == {"stage": "stopped"}
    run.answer("Writer", said(read=7))
    run.answer("Editor", said())
    assert shown(run) == used(2, 17, 10)


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        (Budget(tokens=30), "it has used 30 tokens in 2 model calls, and may use 30 tokens."),
        (Budget(model_calls=2), "it has used 30 tokens in 2 model calls, and may use 2 model calls."),
        (Budget(tokens=16, model_calls=9), "it has used 30 tokens in 2 model calls, and may use 16 tokens and 9 model"),
    ],
)
def test_the_question_after_the_budget_is_not_asked(budget: Budget, message: str) -> None:
    run = replay(Orchestration(best_effort, budget=budget), {})
    run.answer("Writer", said())
    run.answer("Writer", said())
    assert message in run.output
    assert run.open == {}


def test_a_run_that_does_not_handle_it_fails_with_the_reason() -> None:
    run = replay(Orchestration(two_questions, budget=Budget(tokens=1)), {})
    run.answer("Writer", said())
    assert run.state["error"].startswith("The budget of the run is used up: it has used 15 tokens in 1 model calls")


def test_a_run_keeps_the_budget_it_was_started_with() -> None:
    stored = Orchestration(best_effort, budget=Budget(model_calls=1)).allowance
    run = replay(Orchestration(best_effort, budget=Budget(model_calls=9)), stored)
    run.answer("Writer", said())
    assert "may use 1 model calls" in run.output
    old = replay(Orchestration(two_questions, budget=Budget(model_calls=1)), {"request_fingerprint": ""})
    old.answer("Writer", said())
    old.answer("Writer", said())
    assert old.output == "30", "a run from before budgets has none"


def test_a_child_counts_and_has_what_is_left() -> None:
    run = replay(Orchestration(parent, budget=Budget(tokens=100, model_calls=10)), {})
    run.answer("Writer", said())
    assert run.waits_for("two_questions") == {"number": 0}
    sent = json.loads(run.action("two_questions")["input"])
    assert Allowance.model_validate(sent[ALLOWANCE_FIELD]).budget == Budget(tokens=85, model_calls=9)

    child = replay(Orchestration(two_questions), sent)
    child.answer("Writer", said())
    child.answer("Writer", said())
    assert shown(child) == used(2, 20, 10)
    run.complete("two_questions", child.output)
    assert shown(run) == used(3, 30, 15)
    run.answer("Writer", said())
    assert (run.output, shown(run)) == ("30", used(4, 40, 20))


def test_a_child_that_fails_has_cost_something_too() -> None:
    run = replay(Orchestration(parent), {})
    run.answer("Writer", said())
    child = replay(Orchestration(two_questions), json.loads(run.action("two_questions")["input"]))
    child.answer("Writer", said(read=50))
    child.answer("Writer", failed())
    first, *others = child.state["error"].splitlines()
    assert first.startswith("Agent 'Writer' failed")
    number = next(iter(run.open))
    del run.open[number]
    run._turn({"EventType": 9, "TaskScheduledId": number, "Reason": child.state["error"], "Details": "details"})
    assert shown(run) == used(4, 70, 15)
    assert len(others) == 1


def test_a_child_whose_result_says_nothing_has_used_nothing_that_is_known() -> None:
    run = replay(Orchestration(parent), {})
    run.answer("Writer", said())
    run.complete("two_questions", "as before")
    run.answer("Writer", said())
    assert (run.output, shown(run)) == ("as before", used(2, 20, 10))


def test_a_run_that_begins_anew_goes_on_counting() -> None:
    def rounds(context: OrchestrationContext, request: Order) -> Steps[None]:
        yield from context.ask("Writer", "Well?")
        yield from context.continue_as_new(Order(number=request.number + 1))

    orchestration = Orchestration(rounds, budget=Budget(model_calls=2))
    run = replay(orchestration, {})
    run.answer("Writer", said())
    (anew,) = [action["input"] for action in run.state["actions"][0] if "input" in action][-1:]
    again = replay(orchestration, json.loads(anew) if isinstance(anew, str) else anew)
    assert shown(again) == used(1, 10, 5)
    again.answer("Writer", said())
    assert shown(again) == used(2, 20, 10)


def test_a_budget_that_nothing_would_keep_is_refused() -> None:
    def with_root(context: OrchestrationContext, request: Root) -> Steps[str]:
        return (yield from context.ask("Writer", "Well?"))

    def raw(context: Any, *, get_agent: Any) -> Any:
        yield context.call_activity("ship", None)

    with pytest.raises(ValueError, match="cannot have a budget"):
        Orchestration(with_root, budget=Budget(tokens=1))
    with pytest.raises(ValueError, match="cannot have a budget"):
        Orchestration(raw, Order, budget=Budget(tokens=1))
    with pytest.raises(ValueError, match="greater than or equal to 0"):
        Budget(tokens=-1)


def test_what_a_child_returns_is_told_from_what_merely_looks_like_it() -> None:
    ended = ChildEnd(child_output={"text": "x"}, child_usage=Usage(model_calls=1)).model_dump()
    assert ChildEnd.read(ended).child_usage.model_calls == 1
    for other in (None, "text", {"child_output": 1}, {**ended, "more": 1}):
        assert ChildEnd.read(other) == ChildEnd(child_output=other, child_usage=Usage())
