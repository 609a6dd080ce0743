"""A run of which its session has nothing is lost once that was found twice, a minute apart; a late turn counts."""

from datetime import UTC, datetime, timedelta
from typing import Any

import azure.durable_functions as df
import pytest
from agent_framework import AgentResponse, Message
from agent_framework_durabletask import DurableAgentState, RunRequest

from durable_agents.seal import Seal
from durable_agents.sessions.conversation import add_turn
from durable_agents.sessions.correlation import LONGEST_RUN, RunIds
from durable_agents.sessions.forgotten import forget_late, forget_runs, keep_forgotten
from durable_agents.sessions.lost import LostRuns, miss_run
from durable_agents.sessions.responses import find_response

NOW = datetime(2026, 1, 1, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)
IDS = RunIds(Seal(lambda: (b"k" * 32,)))
ANSWER = AgentResponse(messages=[Message("assistant", ["I see."])])


def new_run(now: datetime = NOW) -> str:
    return IDS.new("Test", "s1", now)


def code_of(state: DurableAgentState, run: str) -> str | None:
    found = find_response(DurableAgentState.from_dict(state.to_dict()).to_dict(), run)
    return None if found is None or found.failure is None else found.failure.code


def test_it_is_lost_the_second_time_a_minute_later() -> None:
    state, run = DurableAgentState(), new_run()
    found = [(miss_run(state, run, NOW + n * SECOND), code_of(state, run)) for n in (70, 71, 129, 131, 140)]
    assert found == [(True, None), (False, None), (False, None), (True, "turn_lost"), (False, "turn_lost")]


def test_what_has_ended_or_is_forgotten_is_not_lost() -> None:
    state, ended = DurableAgentState(), new_run()
    add_turn(state, RunRequest("Hi", ended), ANSWER)
    assert not miss_run(state, ended, NOW)
    keep_forgotten(state, forget_runs(state, "reset", NOW))
    state.data.conversation_history = []
    assert not miss_run(state, ended, NOW + 2 * SECOND)
    assert code_of(state, ended) == "session_reset"


@pytest.mark.parametrize("run", ["", "None", "x" * 40, "r1"])
def test_an_id_that_the_app_does_not_make_leaves_no_trace(run: str) -> None:
    state = DurableAgentState()
    assert not miss_run(state, run, NOW)
    assert not state.data.extension_data


def test_a_turn_that_comes_after_all_counts() -> None:
    state, run = DurableAgentState(), new_run()
    miss_run(state, run, NOW)
    miss_run(state, run, NOW + 61 * SECOND)
    add_turn(state, RunRequest("Hi", run), ANSWER)
    found = find_response(state.to_dict(), run)
    assert found is not None
    assert (found.text, found.failure) == ("I see.", None)


def test_it_is_remembered_for_as_long_as_somebody_may_ask_and_says_nothing_of_the_session() -> None:
    state, lost = DurableAgentState(), new_run()
    miss_run(state, lost, NOW)
    miss_run(state, lost, NOW + 61 * SECOND)
    late = new_run(NOW + SECOND)
    assert forget_late(state, late, NOW + 62 * SECOND)
    assert (code_of(state, lost), code_of(state, late)) == ("turn_lost", "session_reset")
    assert list(forget_runs(state, "expired", NOW + LONGEST_RUN + SECOND / 2)) != []
    assert forget_runs(state, "expired", NOW + LONGEST_RUN + 5 * SECOND) == {}


class Signals:
    """Keeps what is signalled."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Any]] = []

    async def signal_entity(self, entity: df.EntityId, operation: str, message: Any) -> None:
        self.sent.append((operation, message))


async def test_a_session_is_not_asked_at_once_nor_at_each_look() -> None:
    signals, lost, entity, run = Signals(), LostRuns(), df.EntityId("dafx-test", "s1"), new_run()
    for age in (1, 59, 61, 62, 63):
        await lost.ask(signals, entity, run, age * SECOND)  # type: ignore[arg-type]  # it has what is used
    assert signals.sent == [("conclude", {"correlation_id": run})]
    for _ in range(1_500):
        await lost.ask(signals, entity, new_run(), 61 * SECOND)  # type: ignore[arg-type]
    assert len(lost._asked) == 1_000
