"""A session never has more than its limit in the form in which it is stored, whatever is said, answered and decided."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from agent_framework import Content, FunctionTool, tool
from agent_framework_durabletask import DurableAgentState, RunRequest
from azure.durable_functions.models.utils.df_serialization import df_dumps
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from durable_agents.limits import TurnLimits
from durable_agents.sessions.conversation import failed_response, find_failure, stored_bytes
from durable_agents.sessions.failures import Failure
from durable_agents.sessions.pending import allow_approvals, decide, find_free_tools, read_pending
from durable_agents.sessions.room import DECISION_BYTES, STATE_LIMIT_BYTES, USABLE_BYTES, add_failed_turn
from durable_agents.sessions.tool_requests import DecisionMessage, ToolDecision, ToolRequest, record_requests
from durable_agents.sessions.turn import Turns
from durable_agents.testing import ScriptedChatClient
from durable_agents.tests.unit.sessions.scripted_agent import agent_with, call

UNITS = ["x", "é", "語", "\N{PILE OF POO}", '"', "\\", "\x01", "\u2028", "\ud83d", "a\u0301", "</script>"]
MOST_MESSAGE_BYTES = 262_144


def text_of(unit: str, share: float, limit: int = MOST_MESSAGE_BYTES) -> str:
    """Return a text of as many `unit` as the share of the limit of a request in UTF-8."""
    return unit * max(int(limit * share) // len(unit.encode("utf-8", "surrogatepass")), 1)


def size_in_the_hub(state: DurableAgentState) -> int:
    """Return what the SDK hands to the task hub, and the package reads back, in bytes."""
    stored = df_dumps(state.to_dict())
    assert DurableAgentState.from_dict(json.loads(stored)).to_dict() == json.loads(stored)
    return len(stored.encode())


def search(result: str) -> FunctionTool:
    @tool(approval_mode="never_require")
    def search() -> str:
        """Search."""
        return result

    return search


@tool(approval_mode="always_require")
def pay(note: str) -> str:
    """Pay."""
    return "paid"


async def take(state: DurableAgentState, run: str, message: str, *steps: Any, tools: Any = ()) -> str | None:
    """Let the session have one more turn, and return the code of its failure."""
    agent = agent_with(ScriptedChatClient(*steps), *tools)
    allow_approvals(agent)
    budgets = TurnLimits(retry_attempts=1, tool_result_bytes=MOST_MESSAGE_BYTES)
    turns = Turns(name="Test", agent=agent, limits=budgets, free_tools=find_free_tools(agent))
    error = find_failure(await turns.run(state, "s1", RunRequest(message=message, correlation_id=run)))
    return None if error is None else error.error_code


turn_kinds = st.sampled_from(["answer", "failure", "tool", "waiting"])
steps = st.lists(st.tuples(turn_kinds, st.sampled_from(UNITS), st.floats(0, 1)), min_size=1, max_size=8)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps)
def test_a_session_never_has_more_than_its_limit(steps: list[tuple[str, str, float]]) -> None:
    state = DurableAgentState()
    for number, (kind, unit, share) in enumerate(steps):
        text = text_of(unit, share)
        match kind:
            case "answer":
                code = asyncio.run(take(state, f"r{number}", text, [text]))
            case "failure":
                code = asyncio.run(take(state, f"r{number}", text, [RuntimeError("down")]))
            case "tool":
                code = asyncio.run(take(state, f"r{number}", "Go.", [call("search")], ["Ok."], tools=[search(text)]))
            case _:
                code = asyncio.run(take(state, f"r{number}", "Go.", [pay_call(text)], tools=[pay]))
                decide_all(state, unit)
        assert code in (None, "session_too_large", "model_call_failed", "approval_pending", "invalid_answer")
        assert size_in_the_hub(state) <= STATE_LIMIT_BYTES


@pytest.mark.parametrize("unit", UNITS)
def test_a_message_that_is_refused_is_not_stored(unit: str) -> None:
    state = DurableAgentState()
    message = text_of(unit, 1)
    codes = [asyncio.run(take(state, f"r{number}", message, ["Fine."])) for number in range(5)]
    assert codes[-1] == "session_too_large"
    accepted = codes.count(None)
    assert accepted * len(json.dumps(message)) <= USABLE_BYTES
    assert size_in_the_hub(state) <= accepted * len(json.dumps(message)) + 10_000
    kept = [m.contents[0].text for e in state.data.conversation_history for m in e.messages if m.role == "user"]  # type: ignore[attr-defined]
    assert [len(text) for text in kept[:accepted]] == [len(message)] * accepted
    assert all("which is not kept" in text for text in kept[accepted:])


def test_failed_turns_do_not_keep_a_message_out() -> None:
    state = DurableAgentState()
    for number in range(2):
        down = take(state, f"down-{number}", text_of("語", 0.8), [RuntimeError("down")])
        assert asyncio.run(down) == "model_call_failed"
    assert asyncio.run(take(state, "r1", text_of("語", 0.9), ["Fine."])) is None
    assert size_in_the_hub(state) <= STATE_LIMIT_BYTES


def test_the_measure_is_what_the_sdk_hands_to_the_task_hub() -> None:
    state = DurableAgentState()
    asyncio.run(take(state, "r1", "".join(UNITS), ["".join(UNITS)]))
    assert stored_bytes(state) == size_in_the_hub(state)
    more = DurableAgentState()
    more.data.conversation_history = [*state.data.conversation_history, state.data.conversation_history[0]]
    assert stored_bytes(state, state.data.conversation_history[0]) == size_in_the_hub(more)


def test_what_is_written_in_any_case_fits_beside_what_may_be_used() -> None:
    """The largest record of compactions and of decisions, in a session whose conversation takes all it may."""
    state = DurableAgentState()
    assert asyncio.run(take(state, "r0", "Go.", ["x" * (USABLE_BYTES - 2_000)])) is None
    failure = Failure("session_too_large", "x" * 200)
    for number in range(250):
        add_failed_turn(state, RunRequest("y" * 5_000, f"{number:03}".ljust(100, "/")), failed_response(failure))
    assert size_in_the_hub(state) > USABLE_BYTES + 200 * 100
    for number in range(30):
        request = {"request_id": f"{number}", "tool": "pay", "arguments": {"note": "語" * 100}}
        record = [{**request, "correlation_id": "r", "expires_at": "2026-01-01T00:00:00Z"}]
        keep_record(state, record)
    assert size_in_the_hub(state) <= STATE_LIMIT_BYTES


@pytest.mark.parametrize("unit", ["語", "\N{PILE OF POO}", "\x01", "\ud83d"])
def test_the_largest_decision_takes_no_more_than_its_room(unit: str) -> None:
    largest = {"feedback": unit * 2_000, "reviewer": unit * 200}
    size = len(json.dumps({"approved": False, "decided_at": datetime.now(UTC).isoformat(), **largest}))
    assert size <= DECISION_BYTES
    with pytest.raises(ValueError, match="at most 2000"):
        DecisionMessage.model_validate({"request_id": "r", "approved": True, "feedback": "x" * 2_001})


def pay_call(note: str) -> list[Content]:
    return [call("pay", arguments=json.dumps({"note": note}))]


def keep_record(state: DurableAgentState, requests: list[dict[str, Any]]) -> None:
    record_requests(state, [ToolRequest.model_validate(request) for request in requests])


def decide_all(state: DurableAgentState, unit: str) -> None:
    pending = read_pending(state)
    for request in pending.requests if pending is not None else ():
        feedback, reviewer = (unit * count for count in (2_000 // len(unit), 200 // len(unit)))
        decision = ToolDecision(approved=False, feedback=feedback, reviewer=reviewer, decided_at=datetime.now(UTC))
        decide(state, request.request_id, decision)
