"""Orchestrations by decorator, played turn by turn: what they show while they wait, and what they learn of agents."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import azure.durable_functions as df
import pytest
from agent_framework import Agent, AgentResponse, Message
from pydantic import BaseModel

from durable_agents import AgentError, AgentFunctionApp, HostingSettings
from durable_agents.orchestration.registry import Orchestration
from durable_agents.sessions.conversation import failed_response
from durable_agents.sessions.failures import Failure
from durable_agents.testing import OfflineChatClient, Replay, replay

FAILED = failed_response(Failure("rate_limited", "Busy."))


class Verdict(BaseModel):
    good: bool


def play(function: Callable[..., Any]) -> Replay:
    return replay(Orchestration.by_decorator(function, function.__name__), {})


@pytest.fixture
def app() -> AgentFunctionApp:
    agents = [Agent(OfflineChatClient(), name=name) for name in ("Writer", "Critic")]
    return AgentFunctionApp(agents, settings=HostingSettings.from_environ({}))


def test_a_wait_is_shown_as_long_as_it_lasts() -> None:
    def orchestration(context: df.DurableOrchestrationContext) -> Any:
        yield context.call_activity("look", None)
        decision = context.wait_for_external_event("Decision")
        timer: Any = context.create_timer(context.current_utc_datetime + timedelta(hours=1))
        yield context.task_any([decision, timer])
        timer.cancel()
        yield context.call_activity("act", None)
        return decision.result

    run = play(orchestration)
    assert "customStatus" not in run.state
    run.complete("look", None)
    assert run.waiting_for == {"kind": "event", "event_name": "Decision"}
    run.raise_event("Decision", {"approved": True}, as_text=False)
    assert run.state["customStatus"] == {"waiting_for": None}
    run.complete("act", None)
    assert (run.state["output"], run.timers()) == ({"approved": True}, {})


@pytest.mark.parametrize(
    "own", ["Waiting", ["waiting"], {"waiting_for": "Ada"}, {"requests": 3}, {"text": "x" * 8_000}]
)
def test_a_status_of_the_authors_own_kind_stays(own: Any) -> None:
    def orchestration(context: df.DurableOrchestrationContext) -> Any:
        context.set_custom_status(own)
        return (yield context.wait_for_external_event("Go"))

    run = play(orchestration)
    assert run.state["customStatus"] == own
    run.raise_event("Go", 1)
    assert run.state["customStatus"] == own


def test_what_is_waited_for_stands_beside_what_the_author_shows() -> None:
    def orchestration(context: df.DurableOrchestrationContext) -> Any:
        context.set_custom_status({"stage": "one"})
        both = [context.wait_for_external_event(name) for name in ("A", "B")]
        yield context.task_all(both)
        context.set_custom_status({"stage": "two"})
        yield context.call_activity("look", None)

    a, b = ({"kind": "event", "event_name": name} for name in ("A", "B"))
    run = play(orchestration)
    assert run.state["customStatus"] == {"stage": "one", "waiting_for": a, "requests": [a, b]}
    run.raise_event("A", None)
    assert run.state["customStatus"]["stage"] == "one"
    run.raise_event("B", None)
    assert run.state["customStatus"] == {"stage": "two"}


def test_an_activity_that_failed_can_be_handled_by_the_author() -> None:
    def orchestration(context: df.DurableOrchestrationContext) -> Any:
        try:
            yield context.call_activity("look", None)
        except Exception:
            return (yield context.wait_for_external_event("Help"))

    run = play(orchestration)
    run.fail("look")
    assert run.waiting_for["event_name"] == "Help"


def test_one_that_only_returns_is_an_orchestration_too() -> None:
    def orchestration(context: df.DurableOrchestrationContext) -> Any:
        return {"given": context.get_input()}

    assert play(orchestration).state["output"] == {"given": {}}


@pytest.mark.parametrize("options", [None, {"response_format": Verdict}], ids=["text", "model"])
@pytest.mark.parametrize("together", [False, True])
def test_an_agent_that_could_not_answer_raises(app: AgentFunctionApp, options: Any, together: bool) -> None:
    def orchestration(context: df.DurableOrchestrationContext) -> Any:
        task = app.get_agent(context, "Writer").run("Write.", options=options)
        try:
            yield context.task_all([task]) if together else task
        except AgentError as error:
            yield context.call_activity("give_up", error.error_code)
            raise

    run = play(orchestration)
    run.answer("Writer", FAILED)
    assert run.inputs("give_up") == ["rate_limited"]
    run.complete("give_up", None)
    assert "Agent 'writer' failed: rate_limited" in run.state["error"]


def test_the_answers_of_agents_come_as_the_framework_has_them(app: AgentFunctionApp) -> None:
    def orchestration(context: df.DurableOrchestrationContext) -> Any:
        text = yield app.get_agent(context, "Writer").run("Write.")
        verdict = yield app.get_agent(context, "Critic").run(text.text, options={"response_format": Verdict})
        return [text.text, verdict.value.good]

    run = play(orchestration)
    run.answer("Writer", AgentResponse(messages=[Message("assistant", ["Tea"])]))
    run.answer("Critic", Verdict(good=True))
    assert run.state["output"] == ["Tea", True]
