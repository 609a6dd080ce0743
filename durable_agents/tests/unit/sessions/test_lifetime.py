"""When a session ends, told by the entity as the worker calls it."""

import json
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from agent_framework_durabletask import RunRequest
from azure.durable_functions.entity import Entity

from durable_agents.limits import TurnLimits
from durable_agents.sessions.entity import create_agent_entity
from durable_agents.sessions.index import SessionIndex
from durable_agents.sessions.index_sqlite import SqliteSessionIndex
from durable_agents.sessions.lifetime import SESSION_TTL_DAYS, SessionLifetime, ttl_of_agent
from durable_agents.sessions.turn import Turns
from durable_agents.testing import ScriptedChatClient
from durable_agents.tests.unit.runs.unreachable_hub import unreachable_hub
from durable_agents.tests.unit.sessions.scripted_agent import agent_with

SHORT = timedelta(milliseconds=700)


class BrokenIndex(SqliteSessionIndex):
    async def put(self, agent: str, entry: Any) -> None:
        raise OSError("disk full")


class Sessions:
    """The sessions of one agent, each kept as its entity's state."""

    def __init__(self, client: ScriptedChatClient, ttl: timedelta | None, index: SessionIndex) -> None:
        turns = Turns(name="Test", agent=agent_with(client), limits=TurnLimits())
        operation, hub = create_agent_entity(turns, SessionLifetime("Test", ttl, index)), unreachable_hub()
        self._handle = Entity.create(lambda context: operation(context, hub))
        self.states: dict[str, str | None] = {}

    def ask(self, key: str, name: str, body: Any = None) -> Any:
        batch = [{"name": name, "input": json.dumps(json.dumps(body)), "isSignal": True}]
        state = self.states.get(key)
        request = {"self": {"name": "dafx-test", "key": key}, "exists": key in self.states, "state": state}
        answer = json.loads(self._handle(json.dumps({**request, "batch": batch})))
        if answer["entityExists"]:
            self.states[key] = answer["entityState"]
        else:
            self.states.pop(key, None)
        assert answer["results"][0]["isError"] is False, answer
        return json.loads(answer["results"][0]["result"])

    def run(self, key: str, message: str) -> None:
        self.ask(key, "run", RunRequest(message, f"r-{message}").to_dict())


@pytest.fixture
def index(tmp_path: Path) -> SqliteSessionIndex:
    return SqliteSessionIndex(tmp_path / "sessions.db")


async def listed(index: SessionIndex) -> list[str]:
    return [entry.session_id for entry in await index.newest("Test", 10)]


async def test_each_message_prolongs_the_life_of_its_session(index: SqliteSessionIndex) -> None:
    sessions = Sessions(ScriptedChatClient(["One."], ["Two."], ["Three."]), timedelta(days=14), index)
    sessions.run("a", "1")
    sessions.run("b", "2")
    first = await index.find("Test", "a")
    sessions.run("a", "3")
    second = await index.find("Test", "a")
    assert first is not None and second is not None
    assert second.used_at > first.used_at
    assert second.expires_at == second.used_at + timedelta(days=14)
    assert await listed(index) == ["a", "b"]


async def test_an_expired_session_begins_anew_also_before_it_is_swept(index: SqliteSessionIndex) -> None:
    client = ScriptedChatClient(["One."], ["Two."])
    sessions = Sessions(client, SHORT, index)
    sessions.run("a", "1")
    time.sleep(0.8)
    sessions.run("a", "2")
    assert [message.text for message in client.requests[-1].messages] == ["2"]


async def test_the_sweep_ends_a_session_whose_time_is_over_and_no_other(index: SqliteSessionIndex) -> None:
    sessions = Sessions(ScriptedChatClient(["One."], ["Two."]), SHORT, index)
    sessions.run("a", "1")
    assert sessions.ask("a", "expire") == {"status": "in use"}
    assert (list(sessions.states), await listed(index)) == (["a"], ["a"])
    time.sleep(0.8)
    assert sessions.ask("a", "expire") == {"status": "expired"}
    assert (list(sessions.states), await listed(index)) == ([], [])
    # Once more, as after a crash: it must not come into being.
    sessions.ask("a", "expire")
    assert sessions.states == {}


async def test_without_a_time_to_live_a_session_stays(index: SqliteSessionIndex) -> None:
    sessions = Sessions(ScriptedChatClient(["One."]), None, index)
    sessions.run("a", "1")
    entry = await index.find("Test", "a")
    assert entry is not None and entry.expires_at is None
    assert sessions.ask("a", "expire") == {"status": "in use"}


async def test_delete_leaves_the_index_and_reset_does_not(index: SqliteSessionIndex) -> None:
    sessions = Sessions(ScriptedChatClient(["One."], ["Two."]), SHORT, index)
    sessions.run("a", "1")
    sessions.run("b", "2")
    sessions.ask("a", "reset")
    sessions.ask("b", "delete")
    assert (list(sessions.states), await listed(index)) == (["a"], ["a"])


async def test_a_broken_index_costs_no_answer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sessions = Sessions(ScriptedChatClient(["One."]), SHORT, BrokenIndex(tmp_path / "x.db"))
    sessions.run("a", "1")
    assert "One." in str(sessions.states["a"])
    assert "session a: the index of sessions could not be written" in caplog.text


async def test_an_id_that_no_url_can_hold_is_not_listed(index: SqliteSessionIndex) -> None:
    sessions = Sessions(ScriptedChatClient(["One."]), SHORT, index)
    sessions.run("a?op=reset&", "1")
    assert await listed(index) == []


def test_an_agent_may_say_how_long_its_sessions_live() -> None:
    agent = agent_with(ScriptedChatClient())
    assert ttl_of_agent(agent, timedelta(days=14)) == timedelta(days=14)
    agent.additional_properties[SESSION_TTL_DAYS] = 0.5
    assert ttl_of_agent(agent, timedelta(days=14)) == timedelta(hours=12)
    agent.additional_properties[SESSION_TTL_DAYS] = None
    assert ttl_of_agent(agent, timedelta(days=14)) is None


@pytest.mark.parametrize("days", [0, -1, True, "14", float("nan")])
def test_a_bad_time_to_live_stops_the_app(days: object) -> None:
    agent = agent_with(ScriptedChatClient())
    agent.additional_properties[SESSION_TTL_DAYS] = days
    with pytest.raises(ValueError, match="session_ttl_days"):
        ttl_of_agent(agent, None)
