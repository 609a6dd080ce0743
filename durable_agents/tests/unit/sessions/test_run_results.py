"""The results of runs that wait in a session for their turn."""

import pytest
from agent_framework import AgentResponse, Message
from agent_framework_durabletask import DurableAgentState, RunRequest

from durable_agents.ids import CORRELATION_ID
from durable_agents.seal import Seal
from durable_agents.sessions.conversation import add_turn, failed_response, replayable_messages, stored_bytes
from durable_agents.sessions.correlation import RunIds
from durable_agents.sessions.failures import Failure
from durable_agents.sessions.room import USABLE_BYTES
from durable_agents.sessions.run_results import (
    ResultDesk,
    RunResult,
    begin_conversation,
    has_results,
    keep_result,
    take_result,
)

IDS = RunIds(Seal(lambda: (b"k" * 32,)))
ANSWER = AgentResponse(messages=[Message("assistant", ["I see."])])
DESK = ResultDesk("Clerk", "s1", "first", IDS, 3)


def result(run_id: str = "run-1", text: str = "done", desk: ResultDesk = DESK) -> RunResult:
    return RunResult(
        run_id=run_id, orchestration="errand", status="Completed", text=text, to=desk.address_for(run_id, 0)
    )


@pytest.fixture
def state() -> DurableAgentState:
    state = DurableAgentState()
    begin_conversation(state, "first")
    begin_conversation(state, "second")
    return state


def test_results_are_taken_in_their_order_and_each_once(state: DurableAgentState) -> None:
    assert [keep_result(state, result(name)) for name in ("run-1", "run-2", "run-1")] == [True, True, False]
    stored = DurableAgentState.from_dict(state.to_dict())
    assert [(taken.run_id if (taken := take_result(stored)) else None) for _ in range(3)] == ["run-1", "run-2", None]
    assert not has_results(stored)


def test_a_result_that_has_had_its_turn_is_not_kept_again(state: DurableAgentState) -> None:
    add_turn(state, result().request, ANSWER)
    assert not keep_result(state, result())
    assert not has_results(state)


def test_another_conversation_does_not_wait_for_it() -> None:
    state = DurableAgentState()
    assert not keep_result(state, result())
    begin_conversation(state, "other")
    assert not keep_result(state, result())


def test_a_result_without_room_is_a_note_and_without_any_room_nothing(state: DurableAgentState) -> None:
    add_turn(state, RunRequest("x" * (USABLE_BYTES - 20_000), "r1"), ANSWER)
    assert keep_result(state, result(text="y" * 30_000))
    taken = take_result(state)
    assert taken is not None
    assert taken.text == "The session had no room for it. Check the run."
    add_turn(state, RunRequest("x" * 19_000, "r2"), ANSWER)
    before = state.to_dict()
    assert not keep_result(state, result("run-2"))
    assert state.to_dict() == before
    assert stored_bytes(state) <= USABLE_BYTES


def test_what_the_failed_turn_of_a_result_was_told_stays_for_the_model(state: DurableAgentState) -> None:
    add_turn(state, RunRequest("Hello", "r1"), failed_response(Failure("down", "down")))
    add_turn(state, result().request, failed_response(Failure("down", "down")))
    asked = replayable_messages(state.data.conversation_history)
    assert [message.text.splitlines()[1] for message in asked] == ["done"]


def test_the_turn_is_one_that_callers_can_ask_for() -> None:
    told = result().request
    assert CORRELATION_ID.fullmatch(told.correlation_id)
    assert IDS.issued_at(told.correlation_id, "Clerk", "s1") is not None
    assert told.correlation_id != result("run-2").request.correlation_id
    assert told.orchestration_id == "run-1"
    assert told.message.startswith("[From the app, not from the user] The run run-1 of errand")
