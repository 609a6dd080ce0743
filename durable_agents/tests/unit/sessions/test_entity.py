"""The entity as the worker calls it: a batch of operations in, results and a state out."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from agent_framework_durabletask import DurableAgentState, RunRequest
from azure.durable_functions.entity import Entity

from durable_agents.limits import TurnLimits
from durable_agents.seal import Seal
from durable_agents.sessions.conversation import load_state
from durable_agents.sessions.correlation import RunIds
from durable_agents.sessions.entity import create_agent_entity
from durable_agents.sessions.index import SessionIndex
from durable_agents.sessions.index_sqlite import SqliteSessionIndex
from durable_agents.sessions.lifetime import SessionLifetime, read_lifetime
from durable_agents.sessions.responses import find_response
from durable_agents.sessions.turn import Turns
from durable_agents.testing import ScriptedChatClient
from durable_agents.tests.unit.runs.unreachable_hub import unreachable_hub
from durable_agents.tests.unit.sessions.scripted_agent import agent_with

DECISION = {"request_id": "r", "approved": True, "decided_at": "2026-01-01T09:00:00Z"}


class EntityUnderTest:
    """One session; what it stores is loaded again for every batch."""

    def __init__(self, client: ScriptedChatClient, index: SessionIndex | None = None) -> None:
        turns = Turns(name="Test", agent=agent_with(client), limits=TurnLimits())
        operation, hub = create_agent_entity(turns, SessionLifetime("Test", index=index)), unreachable_hub()
        self._handle = Entity.create(lambda context: operation(context, hub))
        self.exists = False
        self.state: str | None = None

    def batch(self, *operations: tuple[str, Any]) -> list[dict[str, Any]]:
        """Run the operations and return their results."""
        batch = [{"name": name, "input": _content(body), "isSignal": True} for name, body in operations]
        request = {
            "self": {"name": "dafx-test", "key": "s1"},
            "exists": self.exists,
            "state": self.state,
            "batch": batch,
        }
        answer = json.loads(self._handle(json.dumps(request)))
        self.exists, self.state = answer["entityExists"], answer["entityState"]
        assert [result["isError"] for result in answer["results"]] == [False] * len(operations)
        return [json.loads(result["result"]) for result in answer["results"]]

    def failure_of(self, correlation_id: str) -> str | None:
        """Return with which code the run has failed, None if nothing is known of it or it has not failed."""
        reply = find_response(json.loads(self.state or "{}"), correlation_id)
        return None if reply is None or reply.failure is None else reply.failure.code

    @property
    def messages(self) -> int:
        """How many entries the stored conversation has."""
        return DurableAgentState.from_json(self.state or "{}").message_count


def _content(body: Any) -> str | None:
    """Return what the host hands over: nothing for a signal that has no content."""
    return None if body is None else json.dumps(json.dumps(body))


def run(message: str, number: int, **fields: Any) -> tuple[str, dict[str, Any]]:
    return "run", {**RunRequest(message, f"r{number}").to_dict(), **fields}


def test_messages_of_a_batch_are_answered_in_order() -> None:
    client = ScriptedChatClient(["One."], ["Two."], ["Three."])
    entity = EntityUnderTest(client)
    results = entity.batch(run("First", 1), run("Second", 2))
    assert [result["messages"][0]["contents"][0]["text"] for result in results] == ["One.", "Two."]
    name, body = run("Third", 3)
    entity.batch((f"{name}_agent", body))
    assert [message.text for message in client.requests[-1].messages] == ["First", "One.", "Second", "Two.", "Third"]
    assert entity.messages == 6


def test_reset_forgets_and_delete_leaves_nothing() -> None:
    client = ScriptedChatClient(["One."], ["Two."], ["Three."])
    entity = EntityUnderTest(client)
    entity.batch(run("First", 1))
    assert entity.batch(("reset", None)) == [{"status": "reset"}]
    assert (entity.exists, entity.messages) == (True, 0)
    entity.batch(run("Second", 2))
    assert entity.batch(("delete", None)) == [{"status": "deleted"}]
    assert (entity.exists, json.loads(entity.state or "null")) == (False, None)
    entity.batch(run("Third", 3))
    assert ([m.text for m in client.requests[-1].messages], entity.messages) == (["Third"], 2)


def test_a_session_goes_with_its_run_only_if_nobody_else_has_spoken_in_it() -> None:
    client = ScriptedChatClient(["One."], ["Two."], ["Three."])
    entity = EntityUnderTest(client)
    entity.batch(run("First", 1, orchestrationId="run-1"))
    assert entity.batch(("delete", {"run": "run-2"})) == [{"status": "in use"}]
    entity.batch(run("Second", 2, orchestrationId="run-1"))
    assert entity.messages == 4
    assert entity.batch(("delete", {"run": "run-1"})) == [{"status": "deleted"}]
    assert not entity.exists
    entity.batch(run("Third", 3))
    assert entity.batch(("delete", {"run": "run-1"})) == [{"status": "in use"}]
    assert entity.batch(("delete", None)) == [{"status": "deleted"}]
    assert not entity.exists


def test_a_decision_that_is_late_does_not_bring_a_deleted_session_back() -> None:
    entity = EntityUnderTest(ScriptedChatClient(["One."]))
    entity.batch(run("First", 1))
    entity.batch(("delete", None))
    messages = (("decide", DECISION), ("give_up", {"request_id": "r"}), ("continue", None))
    assert entity.batch(*messages) == [None, None, None]
    assert not entity.exists


def test_the_budget_travels_with_the_message() -> None:
    entity = EntityUnderTest(ScriptedChatClient(["One."]))
    (result,) = entity.batch(run("First", 1, budget={"max_tokens": 1}))
    assert result["messages"][0]["contents"][0]["error_code"] == "budget_exceeded"


@pytest.mark.parametrize(
    "operation",
    [
        ("run", None),
        ("run", "text"),
        ("run", {"message": "x"}),
        ("fly", None),
        ("decide", {}),
        ("decide", {"request_id": "r", "approved": True}),
        ("give_up", None),
        ("give_up", {"request": "r"}),
        run("x", 1, budget={"max_tokens": 0}),
    ],
)
def test_what_is_no_run_leaves_the_session_as_it_is(operation: tuple[str, Any]) -> None:
    entity = EntityUnderTest(ScriptedChatClient(["One."]))
    entity.batch(run("First", 1))
    before = entity.state
    (result,) = entity.batch(operation)
    assert result["status"] == "error"
    assert entity.state == before


def test_a_run_request_imports_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "with_effect.py").write_text(f"open({str(tmp_path / 'done')!r}, 'w')\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    named = {"__response_schema_type__": "pydantic_model", "module": "with_effect", "qualname": "Model"}
    entity = EntityUnderTest(ScriptedChatClient())
    for module in ("with_effect", ["with_effect"]):
        (result,) = entity.batch(run("x", 1, response_format={**named, "module": module}))
        assert result == {"error": "The message is not a run request.", "status": "error"}
    assert not (tmp_path / "done").exists()
    assert not json.loads(entity.state or "null")


def test_an_output_model_that_is_gone_is_no_wish_for_prose() -> None:
    named = {"__response_schema_type__": "pydantic_model", "module": RunIds.__module__, "qualname": "Gone.Model"}
    entity = EntityUnderTest(ScriptedChatClient(["Prose."]))
    (result,) = entity.batch(run("x", 1, response_format=named))
    assert result == {"error": "The message is not a run request.", "status": "error"}
    assert not json.loads(entity.state or "null")


def test_a_session_is_read_as_the_package_reads_it() -> None:
    entity = EntityUnderTest(ScriptedChatClient(["One."], ["Two."]))
    entity.batch(run("First", 1), run("Second", 2))
    stored = json.loads(entity.state or "{}")
    # Two times in other forms: one that the package reads with its parser, one that it cannot read.
    first, second, *_ = stored["data"]["conversationHistory"]
    first["createdAt"] = "21 Nov 2026 12:00 UTC"
    second["messages"][0].pop("createdAt", None)
    ours, theirs = load_state(stored), DurableAgentState.from_dict(stored)
    assert ours.to_dict() == theirs.to_dict()
    assert ours.data.conversation_history[0].created_at.isoformat() == "2026-11-21T12:00:00+00:00"


IDS = RunIds(Seal(lambda: [b"key"]))
AGO = {"now": timedelta(0), "a day": timedelta(hours=24), "too long": timedelta(hours=49)}


@pytest.mark.parametrize(("operation", "code"), [("reset", "session_reset"), ("delete", "session_deleted")])
def test_who_asks_for_a_run_of_a_session_that_was_cleared_or_ended_is_told(
    tmp_path: Path, operation: str, code: str
) -> None:
    now = datetime.now(UTC)
    ids = {name: IDS.new("Test", "s1", now - ago) for name, ago in AGO.items()}
    other = IDS.new("Test", "s1", now)
    client = ScriptedChatClient(*[[f"{number}."] for number in range(len(ids) + 2)])
    entity = EntityUnderTest(client, SqliteSessionIndex(tmp_path / "index.db"))
    for correlation_id in ids.values():
        entity.batch(run("Secret", 0, correlationId=correlation_id))
    entity.batch((operation, None))
    codes = {name: entity.failure_of(correlation_id) for name, correlation_id in ids.items()}
    assert codes == {"now": code, "a day": code, "too long": None}
    assert entity.failure_of(other) is None
    assert "Secret" not in (entity.state or "")
    # It goes on as a new session, which remembers the same.
    entity.batch(run("Again", 0, correlationId=other))
    assert [message.text for message in client.requests[-1].messages] == ["Again"]
    assert entity.failure_of(ids["now"]) == code
    entity.batch(("reset", None), ("delete", None))
    assert (entity.failure_of(ids["now"]), entity.failure_of(other)) == (code, "session_reset")


async def test_a_session_that_is_gone_is_not_used_but_swept_when_nobody_can_ask_any_more(tmp_path: Path) -> None:
    index = SqliteSessionIndex(tmp_path / "index.db")
    entity = EntityUnderTest(ScriptedChatClient(["One."]), index)
    now = datetime.now(UTC)
    issued = now - timedelta(hours=47, minutes=59, seconds=58)
    await asyncio.to_thread(entity.batch, run("First", 0, correlationId=IDS.new("Test", "s1", issued)))
    await asyncio.to_thread(entity.batch, ("delete", None))
    entry = await index.find("Test", "s1")
    assert entry is not None
    assert entry.is_gone
    assert entry.expires_at is not None
    assert timedelta(0) < entry.expires_at - now < timedelta(seconds=5)
    lifetime = read_lifetime(json.loads(entity.state or "")["data"]["extensionData"], "s1")
    assert lifetime is not None
    assert lifetime.is_expired(datetime.now(UTC))
    await asyncio.to_thread(entity.batch, ("expire", None))
    assert entity.exists
    await asyncio.sleep((entry.expires_at - datetime.now(UTC)).total_seconds())
    await asyncio.to_thread(entity.batch, ("expire", None))
    assert (entity.exists, await index.find("Test", "s1")) == (False, None)


def test_without_an_index_whose_sweep_would_find_it_nothing_stays() -> None:
    entity = EntityUnderTest(ScriptedChatClient(["One."]))
    entity.batch(run("First", 0, correlationId=IDS.new("Test", "s1", datetime.now(UTC))))
    entity.batch(("delete", None))
    assert not entity.exists


def test_a_session_that_has_nothing_of_a_run_is_not_made_for_good_by_the_question() -> None:
    ids = RunIds(Seal(lambda: (b"k" * 32,)))
    run = ids.new("Test", "s1", datetime.now(UTC))
    session = EntityUnderTest(ScriptedChatClient(["Hi."]))
    session.batch(("conclude", {"correlation_id": run}), ("conclude", "no mapping"), ("conclude", {}))
    lifetime = read_lifetime(json.loads(session.state or "{}")["data"]["extensionData"], "s1")
    assert lifetime is not None, "it ends as other sessions do"
    assert session.failure_of(run) is None
    session.batch(("run", RunRequest("Hello", run).to_dict()))
    assert session.failure_of(run) is None
    before = session.state
    session.batch(("conclude", {"correlation_id": run}))
    assert session.state == before
