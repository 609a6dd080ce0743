import asyncio
import time
from collections.abc import Mapping
from typing import Any

import pytest
from agent_framework import AgentResponse, Content, Message, UsageDetails
from agent_framework_durabletask import DurableAgentState, DurableAgentStateResponse, RunRequest

from durable_agents.chat_clients.offline.client import OfflineChatClient
from durable_agents.limits import TurnLimits
from durable_agents.sessions.budget import RunBudget
from durable_agents.sessions.compaction import SUMMARY_HEADING, compact, summarize_with
from durable_agents.sessions.conversation import (
    add_turn,
    failed_response,
    find_failure,
    is_summary,
    replayable_messages,
    session_usage,
    stored_bytes,
    was_compacted,
)
from durable_agents.sessions.failures import Failure
from durable_agents.sessions.responses import find_response
from durable_agents.sessions.turn import Turns
from durable_agents.testing import ScriptedChatClient
from durable_agents.tests.unit.sessions.scripted_agent import agent_with

USAGE = UsageDetails(input_token_count=10, output_token_count=5, total_token_count=15)


class Summary:
    """Stands for the model: keeps what it was given and returns the next of its texts."""

    def __init__(self, *texts: str | Exception) -> None:
        self.texts = list(texts)
        self.records: list[str] = []

    async def __call__(self, record: str) -> tuple[str, Mapping[str, Any]]:
        self.records.append(record)
        text = self.texts.pop(0)
        if isinstance(text, Exception):
            raise text
        return text, {"total_token_count": 7}


def say(state: DurableAgentState, number: int, *contents: Content, message: str = "") -> None:
    messages = [Message("tool" if c.type == "function_result" else "assistant", [c]) for c in contents]
    messages.append(Message("assistant", [f"Answer {number}"]))
    response = AgentResponse(messages=messages, usage_details=USAGE)
    add_turn(state, RunRequest(message or f"Question {number}", f"r{number}"), response)


def conversation(turns: int) -> DurableAgentState:
    state = DurableAgentState()
    for number in range(1, turns + 1):
        say(state, number)
    return state


async def shorten(
    state: DurableAgentState, summary: Summary, *, threshold: int = 1_000, keep: int = 2
) -> Mapping[str, Any]:
    return await compact(state, summary, threshold_bytes=threshold, keep_turns=keep, timeout_seconds=5)


def texts(state: DurableAgentState) -> list[str]:
    return [message.text for message in replayable_messages(state.data.conversation_history)]


async def test_older_turns_become_a_summary_and_recent_ones_stay() -> None:
    state, summary = conversation(5), Summary("They asked three things.")
    assert await shorten(state, summary, threshold=2_000)
    assert summary.records == ["\n".join(f"user: Question {n}\nassistant: Answer {n}" for n in (1, 2, 3))]
    assert texts(state) == [
        f"{SUMMARY_HEADING}\nThey asked three things.",
        "Question 4",
        "Answer 4",
        "Question 5",
        "Answer 5",
    ]
    assert is_summary(DurableAgentState.from_dict(state.to_dict()).data.conversation_history[0])


async def test_the_session_is_measured_in_one_pass_however_many_turns_are_kept() -> None:
    state, written = conversation(300), list[str]()

    class Counted(DurableAgentStateResponse):
        def to_dict(self) -> dict[str, Any]:
            written.append(str(self.correlation_id))
            return super().to_dict()

    responses = [one for one in state.data.conversation_history if isinstance(one, DurableAgentStateResponse)]
    for response in responses:
        response.__class__ = Counted
    await shorten(state, Summary("Short."), threshold=100_000, keep=1_000)
    assert len(written) < 6 * len(responses)
    assert len(state.to_json()) < 102_000


async def test_a_summary_is_summarised_again() -> None:
    state, summary = conversation(5), Summary("First.", "Second.")
    await shorten(state, summary, threshold=2_000)
    for number in range(6, 9):
        say(state, number)
    await shorten(state, summary, threshold=2_000)
    assert summary.records[1].startswith(f"user: {SUMMARY_HEADING}\nFirst.\nuser: Question 4")
    assert len([entry for entry in state.data.conversation_history if is_summary(entry)]) == 1
    reply = find_response(state.to_dict(), "r8")
    assert reply is not None
    assert reply.message_count == 16


async def test_what_is_removed_still_counts_and_is_known_to_be_gone() -> None:
    state = conversation(5)
    # The turn that has made room counts what it has cost.
    assert await shorten(state, Summary("Short."), threshold=2_000) == {"total_token_count": 7}
    stored = state.to_dict()
    assert session_usage(stored)["total_token_count"] == 5 * 15
    assert [was_compacted(stored, f"r{n}") for n in range(1, 6)] == [True, True, True, False, False]
    gone, kept = find_response(stored, "r1"), find_response(stored, "r4")
    assert gone is not None and gone.failure is not None and gone.failure.code == "answer_compacted"
    assert kept is not None and (kept.text, kept.message_count) == ("Answer 4", 8)


async def test_a_tool_call_and_its_result_go_together() -> None:
    state = DurableAgentState()
    for number in range(1, 6):
        call = Content.from_function_call(f"c{number}", "look", arguments="{}")
        say(state, number, call, Content.from_function_result(f"c{number}", result="seen"))
    summary = Summary("Short.")
    assert await shorten(state, summary, threshold=2_000)
    assert "assistant calls look({})\ntool answers: seen" in summary.records[0]
    kinds = [c.type for m in replayable_messages(state.data.conversation_history) for c in m.contents]
    assert kinds.count("function_call") == kinds.count("function_result") == 2


async def test_failed_turns_are_dropped_and_not_told_to_the_model() -> None:
    state = DurableAgentState()
    add_turn(state, RunRequest("A failing question", "f1"), failed_response(Failure("rate_limited", "Busy.")))
    for number in range(1, 5):
        say(state, number)
    summary = Summary("Short.")
    assert await shorten(state, summary, threshold=1_500)
    assert "failing" not in summary.records[0]


async def test_large_recent_turns_are_kept_only_as_far_as_they_fit() -> None:
    state = DurableAgentState()
    for number in range(1, 6):
        say(state, number, message="x" * 1_000)
    assert await shorten(state, Summary("Short."), threshold=3_500, keep=5)
    assert stored_bytes(state) < 4_500
    state = DurableAgentState()
    for number in range(1, 4):
        say(state, number, message="x" * 5_000)
    assert await shorten(state, Summary("Short."), threshold=3_000, keep=5)
    assert len(texts(state)) == 3


@pytest.mark.parametrize("text", [RuntimeError("no"), ""])
async def test_without_a_summary_the_session_stays_as_it_is(text: str | Exception) -> None:
    state = conversation(5)
    before, summary = texts(state), Summary(text, text, "Short.")
    await shorten(state, summary)
    assert texts(state) == before
    for _ in range(3):
        await shorten(state, summary)
    assert len(summary.records) == 1, "it is not tried at each turn"


async def test_a_failed_summary_is_tried_again_when_the_session_has_grown() -> None:
    state, summary, tried = conversation(5), Summary(RuntimeError("no"), "Short."), []
    threshold = stored_bytes(state) - 1
    for number in range(6, 12):
        await shorten(state, summary, threshold=threshold)
        tried.append(len(summary.records))
        if len(summary.records) == 2:
            break
        say(state, number)
    assert tried[:2] == [1, 1]
    assert tried[-1] == 2
    assert texts(state)[0] == f"{SUMMARY_HEADING}\nShort."
    assert "compaction_failed_at_bytes" not in (state.data.extension_data or {})


async def test_a_short_session_is_left_alone() -> None:
    assert not await shorten(conversation(5), Summary(), threshold=100_000)
    assert not await shorten(conversation(1), Summary(), threshold=100)


async def test_a_failed_summary_does_not_cost_the_turn() -> None:
    client = ScriptedChatClient([RuntimeError("no")], ["Fine."])
    agent = agent_with(client)
    settings = TurnLimits(compaction_bytes=1_000)
    turns = Turns(name="Test", agent=agent, limits=settings, summarize=summarize_with(agent))
    state = conversation(8)
    assert (await turns.run(state, "s1", RunRequest("Next", "next"))).text == "Fine."
    assert len(state.data.conversation_history) == 18


async def test_a_summary_is_in_the_budget_of_its_turn() -> None:
    async def summarize(record: str) -> tuple[str, Mapping[str, Any]]:
        return "Short.", {"total_token_count": 100}

    for budget, code in ((RunBudget(max_tokens=90), "budget_exceeded"), (RunBudget(max_tokens=1_000), None)):
        client, state = ScriptedChatClient(["Fine."]), conversation(8)
        limits = TurnLimits(compaction_bytes=1_000)
        turns = Turns(name="Test", agent=agent_with(client), limits=limits, summarize=summarize)
        response = await turns.run(state, "s1", RunRequest("Next", "next"), budget)
        failure = find_failure(response)
        assert (failure and failure.error_code) == code
        assert int((response.usage_details or {}).get("total_token_count") or 0) >= 100
        assert len(client.requests) == (0 if code else 1)


async def test_a_summary_that_hangs_leaves_its_turn_half_of_the_time() -> None:
    async def summarize(record: str) -> tuple[str, Mapping[str, Any]]:
        await asyncio.sleep(60)
        return "", {}

    client, state = ScriptedChatClient(["Fine."]), conversation(8)
    limits = TurnLimits(compaction_bytes=1_000)
    turns = Turns(name="Test", agent=agent_with(client), limits=limits, summarize=summarize)
    began = time.monotonic()
    assert (await turns.run(state, "s1", RunRequest("Next", "next"), RunBudget(max_seconds=2))).text == "Fine."
    assert 1 <= time.monotonic() - began < 2


async def test_turn_200_costs_less_than_twice_turn_1() -> None:
    agent = agent_with(ScriptedChatClient())
    agent.client = OfflineChatClient()
    agent.default_options["instructions"] = "Follow the rules of the house. " * 100
    settings = TurnLimits(compaction_bytes=4_000, keep_turns=2)
    turns = Turns(name="Test", agent=agent, limits=settings, summarize=summarize_with(agent))
    state = DurableAgentState()
    costs: list[int] = []
    for number in range(1, 201):
        state = DurableAgentState.from_dict(state.to_dict())
        response = await turns.run(state, "s1", RunRequest(f"Question {number}: how is the weather?", f"r{number}"))
        costs.append((response.usage_details or {}).get("input_token_count") or 0)
    assert costs[0] > 0
    assert max(costs) < 2 * costs[0]
    assert session_usage(state.to_dict())["input_token_count"] < 2 * 200 * costs[0], "with all summaries"
    assert stored_bytes(state) < 20_000
