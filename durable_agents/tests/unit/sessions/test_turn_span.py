"""What an operator sees of a turn: one span, with the model's spans below it, and what is counted."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from agent_framework import Content, tool
from agent_framework_durabletask import DurableAgentState, RunRequest
from agent_framework_durabletask._async_bridge import run_agent_coroutine
from opentelemetry import trace

from durable_agents.limits import TurnLimits
from durable_agents.sessions.failures import describe_failure
from durable_agents.sessions.turn import Turns
from durable_agents.sessions.turn_span import hash_session
from durable_agents.testing import ScriptedChatClient
from durable_agents.tests.support.recorded_telemetry import RecordedTelemetry, recorded_telemetry
from durable_agents.tests.unit.sessions.scripted_agent import Busy, agent_with, call
from durable_agents.threads import in_thread

LIMITS = TurnLimits(retry_seconds=30, stall_seconds=5)
SECRET = "my secret"


@pytest.fixture
def telemetry() -> RecordedTelemetry:
    recorded = recorded_telemetry()
    recorded.empty()
    return recorded


def turns_of(client: ScriptedChatClient, *tools: Any, **fields: Any) -> Turns:
    return Turns(**{"name": "Test", "agent": agent_with(client, *tools), "limits": LIMITS, **fields})


def request(run: str = "r1", **fields: Any) -> RunRequest:
    return RunRequest(message=SECRET, correlation_id=run, **fields)


async def test_a_turn_has_one_span_with_the_calls_of_the_model_below_it(telemetry: RecordedTelemetry) -> None:
    client = ScriptedChatClient(["Hi"])
    client.model = "m1"  # type: ignore[attr-defined]  # as clients of providers have it
    await turns_of(client).run(DurableAgentState(), "s1", request(orchestration_id="run-7"))
    (turn,) = telemetry.spans("turn ")
    assert turn.name == "turn Test"
    assert turn.status.status_code is trace.StatusCode.UNSET
    assert dict(turn.attributes or {}) == {
        "gen_ai.agent.name": "Test",
        "gen_ai.request.model": "m1",
        "durable_agents.session": hash_session("Test", "s1"),
        "durable_agents.correlation_id": "r1",
        "durable_agents.instance_id": "run-7",
        "durable_agents.part": 1,
        "durable_agents.outcome": "answered",
        "durable_agents.attempts": 1,
        "durable_agents.model_calls": 1,
        "durable_agents.tool_calls": 0,
        "durable_agents.input_tokens": 10,
        "durable_agents.output_tokens": 5,
    }
    (below,) = telemetry.spans("invoke_agent")
    assert turn.context and below.parent and below.parent.span_id == turn.context.span_id
    assert telemetry.metrics() == {
        "durable_agents.turns": [({"agent": "Test", "outcome": "answered"}, 1)],
        "durable_agents.tokens": [
            ({"agent": "Test", "model": "m1", "direction": "input"}, 10),
            ({"agent": "Test", "model": "m1", "direction": "output"}, 5),
        ],
    }


async def test_a_failed_turn_is_a_failed_span_without_a_word_of_the_provider(telemetry: RecordedTelemetry) -> None:
    await turns_of(ScriptedChatClient([RuntimeError(SECRET)])).run(DurableAgentState(), "s1", request())
    (turn,) = telemetry.spans("turn ")
    assert (turn.status.status_code, turn.status.description) == (trace.StatusCode.ERROR, "model_call_failed")
    attributes = dict(turn.attributes or {})
    assert (attributes["error.type"], attributes["durable_agents.outcome"]) == ("model_call_failed", "failed")
    assert attributes["durable_agents.error_code"] == "model_call_failed"
    assert SECRET not in turn.to_json()
    failed = {"agent": "Test", "outcome": "failed", "error.type": "model_call_failed"}
    assert telemetry.metrics()["durable_agents.turns"] == [(failed, 1)]


async def test_a_turn_that_is_tried_again_is_one_span(telemetry: RecordedTelemetry) -> None:
    code = describe_failure(Busy()).code
    await turns_of(ScriptedChatClient([Busy()], ["Hi"])).run(DurableAgentState(), "s1", request())
    (turn,) = telemetry.spans("turn ")
    attributes = dict(turn.attributes or {})
    assert (attributes["durable_agents.outcome"], attributes["durable_agents.attempts"]) == ("answered", 2)
    assert turn.status.status_code is trace.StatusCode.UNSET
    assert [(event.name, dict(event.attributes or {})) for event in turn.events] == [
        ("attempt failed", {"attempt": 1, "durable_agents.error_code": code})
    ]
    assert [span.status.status_code.name for span in telemetry.spans("invoke_agent")] == ["ERROR", "UNSET"]
    assert telemetry.metrics()["durable_agents.failed_attempts"] == [({"agent": "Test", "error.type": code}, 1)]


async def test_a_run_that_is_stored_has_no_second_span(telemetry: RecordedTelemetry) -> None:
    state, turns = DurableAgentState(), turns_of(ScriptedChatClient(["Once."]))
    await turns.run(state, "s1", request())
    await turns.run(DurableAgentState.from_dict(json.loads(state.to_json())), "s1", request())
    assert len(telemetry.spans("turn ")) == 1


@tool(approval_mode="always_require")
def pay() -> str:
    """Pay."""
    return "paid"


async def test_a_turn_that_waits_has_not_ended(telemetry: RecordedTelemetry) -> None:
    state, now = DurableAgentState(), datetime.now(UTC)
    turns = turns_of(ScriptedChatClient([call("pay")]), pay, now=lambda: now)
    await turns.run(state, "s1", request())
    await turns.run(state, "s1", request("r2"))
    turns = turns_of(ScriptedChatClient(), pay, now=lambda: now + timedelta(days=9))
    await turns.resume(state, "s1")
    waiting, refused, expired = (dict(span.attributes or {}) for span in telemetry.spans("turn "))
    assert waiting["durable_agents.outcome"] == "waiting"
    assert (refused["error.type"], expired["error.type"]) == ("approval_pending", "approval_expired")
    assert (refused["durable_agents.correlation_id"], expired["durable_agents.correlation_id"]) == ("r2", "r1")
    counted = telemetry.metrics()
    assert [(point["error.type"], count) for point, count in counted["durable_agents.turns"]] == [
        ("approval_pending", 1),
        ("approval_expired", 1),
    ]
    # Those of the part that was worked on, once.
    assert sum(count for _, count in counted["durable_agents.tokens"]) == 15


async def test_a_turn_that_is_broken_off_is_a_failed_span(telemetry: RecordedTelemetry) -> None:
    asked = asyncio.Event()

    class Slow(ScriptedChatClient):
        async def _stream(self, answer: Any) -> Any:
            asked.set()
            await asyncio.Event().wait()
            yield

    running = asyncio.create_task(turns_of(Slow(["Hi"])).run(DurableAgentState(), "s1", request()))
    await asyncio.wait_for(asked.wait(), 5)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    (turn,) = telemetry.spans("turn ")
    assert (turn.status.status_code, turn.status.description) == (trace.StatusCode.ERROR, "CancelledError")


async def test_the_span_is_below_that_of_the_invocation(telemetry: RecordedTelemetry) -> None:
    """An entity runs in a thread, its turn on the loop of the agents: the parent goes both ways."""
    turns = turns_of(ScriptedChatClient([Content.from_text("Hi")]))

    def operation() -> None:
        run_agent_coroutine(turns.run(DurableAgentState(), "s1", request()))

    with trace.get_tracer("host").start_as_current_span("invocation") as invocation:
        await in_thread(operation)
    (turn,) = telemetry.spans("turn ")
    assert turn.parent and turn.parent.span_id == invocation.get_span_context().span_id
