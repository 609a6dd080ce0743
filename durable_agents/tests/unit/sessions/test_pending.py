"""A turn that waits for a human, in a session that is stored and loaded again between all steps."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from agent_framework import AgentResponse, Content, FunctionInvocationContext, FunctionTool, tool
from agent_framework_durabletask import DurableAgentState, RunRequest

from durable_agents.limits import TurnLimits
from durable_agents.sessions.budget import RunBudget
from durable_agents.sessions.conversation import MODEL_CALLS, find_failure, session_usage, stored_bytes
from durable_agents.sessions.meter import IDEMPOTENCY_KEY
from durable_agents.sessions.pending import MOST_PARTS, allow_approvals, decide, find_free_tools, give_up, read_pending
from durable_agents.sessions.responses import find_response
from durable_agents.sessions.room import STATE_LIMIT_BYTES
from durable_agents.sessions.tool_requests import (
    ToolDecision,
    ToolRequest,
    record_requests,
    recorded_requests,
    requests_of_run,
)
from durable_agents.sessions.turn import Turns
from durable_agents.testing import ScriptedChatClient
from durable_agents.testing.scripted_chat import USAGE
from durable_agents.tests.unit.sessions.scripted_agent import agent_with, call

ONE_CALL: dict[str, Any] = {**USAGE, MODEL_CALLS: 1}
START = datetime(2026, 1, 1, 9, tzinfo=UTC)


class Session:
    """One session of an agent with `pay`, which needs an approval, and `look`, which does not."""

    def __init__(self, *steps: Any, **settings: Any) -> None:
        self.client = ScriptedChatClient(*steps)
        self.now = START
        self.paid: list[int] = []
        self.looked = 0
        self.look_seconds = 0.0
        self.keys: list[str] = []
        agent = agent_with(self.client, self._pay(), self._look())
        allow_approvals(agent)
        self.turns = Turns(
            name="Test",
            agent=agent,
            limits=TurnLimits(**settings),
            free_tools=find_free_tools(agent),
            now=lambda: self.now,
        )
        self.stored = DurableAgentState().to_json()

    def _pay(self) -> FunctionTool:
        @tool(approval_mode="always_require")
        def pay(amount: int, context: FunctionInvocationContext) -> str:
            """Pay."""
            self.paid.append(amount)
            self.keys.append(context.metadata[IDEMPOTENCY_KEY])
            return f"paid {amount}"

        return pay

    def _look(self) -> FunctionTool:
        @tool(approval_mode="never_require")
        async def look() -> str:
            """Look."""
            self.looked += 1
            await asyncio.sleep(self.look_seconds)
            return "seen"

        return look

    @property
    def requests(self) -> list[ToolRequest]:
        """What the session waits with."""
        pending = read_pending(self.load())
        return [] if pending is None else pending.requests

    def load(self) -> DurableAgentState:
        return DurableAgentState.from_dict(json.loads(self.stored))

    async def say(self, message: str, run: str = "r1", budget: RunBudget | None = None, **fields: Any) -> AgentResponse:
        state = self.load()
        request = RunRequest(message=message, correlation_id=run, created_at=START, **fields)
        response = await self.turns.run(state, "s1", request, budget)
        self.stored = state.to_json()
        return response

    def decide(self, number: int, approved: bool, **fields: Any) -> bool:
        """Decide on one of what was asked last and say whether the turn can go on."""
        state = self.load()
        decision = ToolDecision(approved=approved, decided_at=self.now, **fields)
        can_go_on = decide(state, self.requests[number].request_id, decision)
        self.stored = state.to_json()
        return can_go_on

    def give_up(self, number: int) -> None:
        """Say that nobody has decided on one of what was asked last."""
        state = self.load()
        give_up(state, self.requests[number].request_id)
        self.stored = state.to_json()

    async def resume(self) -> AgentResponse:
        state = self.load()
        response = await self.turns.resume(state, "s1")
        self.stored = state.to_json()
        assert response is not None
        return response

    def seen(self) -> list[tuple[str, str]]:
        """What the model was shown last: the role and the gist of each content."""
        return [(m.role, gist(c)) for m in self.client.requests[-1].messages for c in m.contents]


def gist(content: Content) -> str:
    if content.type == "function_call":
        return f"{content.name}({content.arguments})"
    return str(content.result if content.type == "function_result" else content.text)


def pay(amount: int, call_id: str = "c1") -> Content:
    return call("pay", call_id, json.dumps({"amount": amount}))


def code_of(response: AgentResponse) -> str | None:
    failure = find_failure(response)
    return None if failure is None else failure.error_code


async def test_the_turn_waits_and_goes_on_with_exactly_what_was_shown() -> None:
    session = Session(["Let me see. ", pay(5)], ["Done."])
    await session.say("Pay 5")
    (request,) = session.requests
    assert (request.tool, request.arguments, session.paid) == ("pay", {"amount": 5}, [])
    assert request.expires_at == START + timedelta(hours=24)
    assert len(session.client.requests) == 1

    assert session.decide(0, True, reviewer="Ada")
    response = await session.resume()
    assert (response.text, session.paid) == ("Let me see. Done.", [5])
    assert session.seen() == [
        ("user", "Pay 5"),
        ("assistant", "Let me see. "),
        ("assistant", 'pay({"amount": 5})'),
        ("tool", "paid 5"),
    ]
    assert session.requests == []
    reply = find_response(json.loads(session.stored), "r1")
    assert reply is not None
    assert reply.text == "Let me see. Done."
    assert reply.usage == {name: 2 * count for name, count in ONE_CALL.items()}
    (decided,) = reply.tool_requests
    assert decided.decision is not None
    assert (decided.request_id, decided.decision.reviewer) == (request.request_id, "Ada")


async def test_the_next_turn_has_the_whole_of_the_one_that_waited() -> None:
    session = Session([pay(5)], ["Done."], ["You are welcome."])
    await session.say("Pay 5")
    session.decide(0, True)
    await session.resume()
    await session.say("Thanks", "r2")
    told = [("user", "Pay 5"), ("assistant", 'pay({"amount": 5})'), ("tool", "paid 5"), ("assistant", "Done.")]
    assert session.seen() == [*told, ("user", "Thanks")]


async def test_a_rejected_tool_is_not_run_and_the_model_reads_why() -> None:
    session = Session([pay(5)], ["Then not."])
    await session.say("Pay 5")
    assert session.decide(0, False, feedback="Too much.")
    assert (await session.resume()).text == "Then not."
    assert session.paid == []
    assert session.seen()[-1] == (
        "tool",
        "A human has rejected this call, so the tool was not run. Feedback: Too much.",
    )


async def test_a_turn_goes_on_when_all_its_requests_are_decided() -> None:
    session = Session([pay(1, "a"), call("look", "b"), pay(2, "c"), pay(3, "d")], ["Done."])
    await session.say("Pay and look")
    assert [request.arguments for request in session.requests] == [{"amount": 1}, {"amount": 2}, {"amount": 3}]
    assert [session.decide(0, True), session.decide(1, False), session.looked] == [False, False, 0]
    assert session.decide(2, True)
    await session.resume()
    assert (sorted(session.paid), session.looked) == ([1, 3], 1)
    answers = {text for role, text in session.seen() if role == "tool"}
    assert answers == {"paid 1", "seen", "A human has rejected this call, so the tool was not run.", "paid 3"}


async def test_the_first_decision_counts() -> None:
    session = Session([pay(1, "a"), pay(1, "b")], ["Done."])
    await session.say("Pay twice")
    first, second = session.requests
    assert first.request_id != second.request_id
    session.decide(0, False, reviewer="Ada")
    assert not session.decide(0, True, reviewer="Bob")
    found = session.requests[0]
    assert found.decision is not None
    assert (found.decision.approved, found.decision.reviewer) == (False, "Ada")
    assert session.decide(1, False)
    assert session.decide(0, True), "that the turn can go on is said again"
    await session.resume()
    assert session.paid == []


async def test_the_turn_may_ask_again_and_each_call_has_a_key_of_its_own() -> None:
    session = Session([pay(5)], [pay(5)], ["Done."])
    await session.say("Pay 5 twice")
    first = session.requests[0].request_id
    session.decide(0, True)
    await session.resume()
    assert session.requests[0].request_id != first
    session.decide(0, True)
    assert (await session.resume()).text == "Done."
    assert session.paid == [5, 5]
    assert len(set(session.keys)) == 2
    assert len(requests_of_run(json.loads(session.stored), "r1")) == 2


async def test_going_on_again_from_what_is_stored_has_the_same_key() -> None:
    session = Session([pay(5)], ["Done."], ["Done."])
    await session.say("Pay 5")
    session.decide(0, True)
    before = session.stored
    await session.resume()
    session.stored = before
    await session.resume()
    assert session.paid == [5, 5]
    assert len(set(session.keys)) == 1


async def test_going_on_twice_is_once() -> None:
    session = Session([pay(5)], ["Done."])
    await session.say("Pay 5")
    session.decide(0, True)
    await session.resume()
    assert await session.turns.resume(session.load(), "s1") is None
    assert session.paid == [5]


async def test_a_model_that_never_stops_asking_is_stopped() -> None:
    session = Session(*[[pay(5)]] * MOST_PARTS)
    await session.say("Pay")
    for _ in range(MOST_PARTS - 1):
        session.decide(0, False)
        response = await session.resume()
    assert code_of(response) == "too_many_approvals"
    assert session.requests == []


async def test_a_message_in_between_is_refused_and_not_sent() -> None:
    session = Session([pay(5)], ["Done."])
    await session.say("Pay 5")
    assert code_of(await session.say("Hello?", "r2")) == "approval_pending"
    assert len(session.client.requests) == 1
    session.decide(0, True)
    await session.resume()
    assert ("user", "Hello?") not in session.seen()


async def test_a_repeat_of_the_message_does_not_disturb_the_wait() -> None:
    session = Session([pay(5)])
    await session.say("Pay 5")
    before = session.stored
    assert code_of(await session.say("Pay 5")) is None
    assert (session.stored, len(session.client.requests)) == (before, 1)


async def test_a_decided_turn_goes_on_before_the_next_message() -> None:
    session = Session([pay(5)], ["Done."], ["Hello."])
    await session.say("Pay 5")
    session.decide(0, True)
    assert (await session.say("Hello?", "r2")).text == "Hello."
    assert session.paid == [5]
    assert session.seen()[-2:] == [("assistant", "Done."), ("user", "Hello?")]


async def test_a_decision_that_its_run_has_counted_counts_although_it_comes_after_the_deadline() -> None:
    session = Session([pay(5)], ["Done."], approval_hours=2)
    await session.say("Pay 5")
    session.now += timedelta(hours=2, seconds=30)
    shown = find_response(json.loads(session.stored), "r1", session.now)
    assert shown is not None
    assert (shown.failure, shown.pending is None) == (None, False)
    assert session.decide(0, True)
    assert (await session.resume()).text == "Done."
    assert session.paid == [5]


@pytest.mark.parametrize("is_told", [True, False])
async def test_a_turn_nobody_decides_on_expires(is_told: bool) -> None:
    session = Session([pay(5)], ["Hello."], approval_hours=2)
    await session.say("Pay 5")
    session.now += timedelta(hours=2)
    if is_told:
        session.give_up(0)
        assert not session.decide(0, True)
    else:
        # Nobody is there to tell it: its run was ended.
        session.now += timedelta(minutes=1)
    shown = find_response(json.loads(session.stored), "r1", session.now)
    assert (await session.say("Hello?", "r2")).text == "Hello."
    stored = find_response(json.loads(session.stored), "r1", session.now)
    for reply in (shown, stored):
        assert reply is not None
        assert reply.failure is not None
        assert (reply.failure.code, reply.pending) == ("approval_expired", None)
        assert [request.decision for request in reply.tool_requests] == [None]
        assert reply.usage == ONE_CALL
    assert session.paid == []


async def test_what_was_decided_in_time_does_not_expire() -> None:
    session = Session([pay(5)], ["Done."])
    await session.say("Pay 5")
    session.decide(0, True)
    session.now += timedelta(days=30)
    assert (await session.resume()).text == "Done."


async def test_an_orchestration_has_approvals_of_its_own() -> None:
    session = Session([pay(5)])
    assert code_of(await session.say("Pay 5", orchestration_id="o1")) == "approval_required"
    assert session.requests == []


@pytest.mark.parametrize(
    ("budget", "limit"),
    [(RunBudget(max_tool_calls=1), "max_tool_calls"), (RunBudget(max_tokens=20), "max_tokens")],
)
async def test_a_budget_holds_over_all_parts(budget: RunBudget, limit: str) -> None:
    session = Session([call("look")], [pay(5)], ["Done."])
    if limit == "max_tokens":
        session.client.steps = [[pay(5)], ["Done."]]
    await session.say("Look and pay", budget=budget)
    session.decide(0, True)
    failure = find_failure(await session.resume())
    assert failure is not None
    assert failure.error_code == "budget_exceeded"
    assert limit in str(failure.message)
    assert session_usage(json.loads(session.stored))["total_token_count"] == 30


async def test_the_time_of_all_parts_is_the_time_of_the_turn() -> None:
    session = Session([call("look")], [pay(5)], [call("look")], ["Done."])
    session.look_seconds = 0.3
    await session.say("Look, pay, look", budget=RunBudget(max_seconds=0.5))
    session.decide(0, True)
    assert code_of(await session.resume()) == "budget_exceeded"


async def test_the_time_of_the_human_is_not_the_time_of_the_turn() -> None:
    session = Session([pay(5)], ["Done."])
    await session.say("Pay 5", budget=RunBudget(max_seconds=1))
    session.now += timedelta(hours=1)
    session.decide(0, True)
    assert (await session.resume()).text == "Done."


async def test_a_model_that_fails_after_the_tool_has_run_is_not_asked_again() -> None:
    session = Session([pay(5)], [ConnectionError()])
    await session.say("Pay 5")
    session.decide(0, True)
    assert code_of(await session.resume()) == "provider_unreachable"
    assert (session.paid, len(session.client.requests)) == ([5], 2)
    assert len(requests_of_run(json.loads(session.stored), "r1")) == 1


async def test_a_summary_leaves_the_waiting_turn_alone() -> None:
    async def summarize(record: str) -> tuple[str, dict[str, Any]]:
        return "They talked.", {}

    session = Session(["x" * 2_000], ["y"], [pay(5)], ["Done."], compaction_bytes=1_000, keep_turns=1)
    session.turns = Turns(
        **{name: getattr(session.turns, name) for name in session.turns.__slots__} | {"summarize": summarize}
    )
    await session.say("One", "r1")
    await session.say("Two", "r2")
    await session.say("Pay 5", "r3")
    session.decide(0, True)
    assert (await session.resume()).text == "Done."
    assert session.paid == [5]


async def test_a_request_that_does_not_fit_into_the_session_fails_the_turn() -> None:
    session = Session([call("pay", "c1", json.dumps({"amount": 5, "note": "x" * STATE_LIMIT_BYTES}))])
    assert code_of(await session.say("Pay")) == "session_too_large"
    assert session.requests == []
    assert stored_bytes(session.load()) < STATE_LIMIT_BYTES


def test_the_record_of_decisions_is_bounded() -> None:
    state = DurableAgentState()
    for number in range(200):
        request = ToolRequest(
            request_id=f"{number:032x}", correlation_id="r", tool="pay", arguments={"n": "x" * 500}, expires_at=START
        )
        record_requests(state, [request])
    kept = recorded_requests(state.to_dict())
    assert kept[-1].request_id == f"{199:032x}"
    assert 10 < len(kept) < 40
