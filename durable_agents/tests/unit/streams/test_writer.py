"""A turn that is streamed into a real store: what is in the stream is the answer, and a bad store costs nothing."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from agent_framework import AgentResponse, AgentResponseUpdate, Content, Message, tool
from agent_framework_durabletask import AgentCallbackContext, DurableAgentState, RunRequest

from durable_agents.limits import TurnLimits
from durable_agents.sessions.conversation import find_failure
from durable_agents.sessions.turn import Turns
from durable_agents.sessions.update_forwarder import RestartableCallback
from durable_agents.streams.sqlite_store import SqliteStreamStore
from durable_agents.streams.store import Cursor, StoredEvent, StreamEvent, StreamId
from durable_agents.streams.writer import StreamCallback
from durable_agents.testing import ScriptedChatClient
from durable_agents.tests.unit.sessions.scripted_agent import Busy, agent_with, call

STREAM = StreamId("Test", "s1", "r1")
CONTEXT = AgentCallbackContext("Test", "r1", "s1")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStreamStore]:
    store = SqliteStreamStore(tmp_path / "streams.db", 60)
    yield store
    store.close()


async def take(
    store: SqliteStreamStore, client: ScriptedChatClient, *tools: Any, state: DurableAgentState | None = None
) -> AgentResponse:
    agent, settings = agent_with(client, *tools), TurnLimits(retry_seconds=30, stall_seconds=5)
    turns = Turns(name="Test", agent=agent, limits=settings, callback=StreamCallback(store))
    return await turns.run(state or DurableAgentState(), "s1", RunRequest(message="Hello", correlation_id="r1"))


async def events_of(store: SqliteStreamStore) -> list[StreamEvent]:
    return [stored.event for stored in await store.read(STREAM, None, 0)]


def kinds(events: Sequence[StreamEvent]) -> list[str]:
    """Return the kinds of the events, those of adjacent texts as one: how they are gathered is a matter of time."""
    found = [event.kind for event in events]
    return [kind for index, kind in enumerate(found) if kind != "text" or found[index - 1] != "text"]


def text(events: Sequence[StreamEvent]) -> str:
    """Return what a client shows at the end."""
    starts = [index for index, event in enumerate(events) if event.kind == "start"]
    return "".join(event.data["text"] for event in events[starts[-1] :] if event.kind == "text")


async def test_the_stream_of_a_turn_is_its_answer(store: SqliteStreamStore) -> None:
    response = await take(store, ScriptedChatClient(["Tea ", "is ", "good."]))
    events = await events_of(store)
    assert kinds(events) == ["start", "text", "end"]
    assert text(events) == response.text == "Tea is good."


async def test_a_tool_call_is_told_once_by_name(store: SqliteStreamStore) -> None:
    @tool(approval_mode="never_require")
    def look(query: str) -> str:
        """Look."""
        return "seen"

    pieces = [call("look", "c1", '{"query": '), call("look", "c1", '"my secret"}')]
    response = await take(store, ScriptedChatClient(["Let me see. ", *pieces], ["It is there."]), look)
    events = await events_of(store)
    assert kinds(events) == ["start", "text", "tool_call", "text", "end"]
    assert [dict(event.data) for event in events if event.kind == "tool_call"] == [{"name": "look"}]
    assert text(events) == response.text == "Let me see. It is there."
    assert "secret" not in str(events)


async def test_a_failed_turn_ends_its_stream(store: SqliteStreamStore) -> None:
    response = await take(store, ScriptedChatClient(["Tea ", RuntimeError("broken")]))
    assert find_failure(response) is not None
    assert kinds(await events_of(store)) == ["start", "text", "end"]


async def test_a_passing_failure_takes_back_what_was_shown(store: SqliteStreamStore) -> None:
    response = await take(store, ScriptedChatClient(["Once upon", Busy()], ["Tea."]))
    events = await events_of(store)
    assert kinds(events) == ["start", "text", "start", "text", "end"]
    assert text(events) == response.text == "Tea."


async def test_a_repeated_turn_begins_its_stream_anew_and_a_stored_one_does_not(store: SqliteStreamStore) -> None:
    await take(store, ScriptedChatClient(["Lost in a crash."]))
    state = DurableAgentState()
    await take(store, ScriptedChatClient(["Kept."]), state=state)
    events = await events_of(store)
    assert kinds(events) == ["start", "text", "end", "start", "text", "end"]
    assert text(events) == "Kept."
    await take(store, ScriptedChatClient(), state=state)
    assert await events_of(store) == events


async def test_an_answer_that_differs_from_what_was_shown_replaces_it(store: SqliteStreamStore) -> None:
    callback = StreamCallback(store)
    await callback.on_streaming_response_update(AgentResponseUpdate(contents=[Content.from_text("Te")]), CONTEXT)
    await callback.on_agent_response(AgentResponse(messages=[Message("assistant", ["Tea."])]), CONTEXT)
    assert text(await events_of(store)) == "Tea."


class SlowStore(SqliteStreamStore):
    """Takes its time for each append, and counts them."""

    appends = 0

    async def append(self, stream: StreamId, after: Cursor, events: Sequence[StreamEvent]) -> Cursor:
        self.appends += 1
        await asyncio.sleep(0.2)
        return await super().append(stream, after, events)


async def test_a_slow_store_does_not_hold_up_the_model(tmp_path: Path) -> None:
    store = SlowStore(tmp_path / "streams.db", 60)
    words = [f"word{number} " for number in range(200)]
    response = await asyncio.wait_for(take(store, ScriptedChatClient(words)), 5)
    events = await events_of(store)
    assert text(events) == response.text == "".join(words)
    assert store.appends <= 3
    store.close()


async def test_a_turn_that_is_cancelled_meanwhile_tears_no_append(tmp_path: Path) -> None:
    store = SlowStore(tmp_path / "streams.db", 60)
    callback = StreamCallback(store)
    await callback.on_streaming_response_update(AgentResponseUpdate(contents=[Content.from_text("Tea.")]), CONTEXT)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(callback.on_restart(CONTEXT), 0.1)
    await callback.on_agent_response(AgentResponse(messages=[Message("assistant", ["Tea."])]), CONTEXT)
    events = await events_of(store)
    assert (kinds(events), text(events)) == (["start", "text", "end"], "Tea.")
    store.close()


class BrokenStore(SqliteStreamStore):
    """Fails from the second append on."""

    appends = 0

    async def append(self, stream: StreamId, after: Cursor, events: Sequence[StreamEvent]) -> Cursor:
        self.appends += 1
        if self.appends > 1:
            raise OSError("no space left on device")
        return await super().append(stream, after, events)


async def test_a_store_that_fails_costs_only_the_stream(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = BrokenStore(tmp_path / "streams.db", 60)

    class Hesitant(ScriptedChatClient):
        async def _stream(self, step: Any) -> Any:
            async for update in super()._stream(step):
                yield update
                await asyncio.sleep(0.05)

    with caplog.at_level(logging.WARNING):
        response = await take(store, Hesitant(["a", "b", "c", "d"]))
    assert response.text == "abcd"
    assert kinds(await events_of(store)) == ["start", "text"]
    assert store.appends == 2
    assert [record.message for record in caplog.records] == [
        "Stream 'Test/s1/r1' breaks off; its answer will come as a whole."
    ]
    store.close()


class HangingStore(SqliteStreamStore):
    """Never answers."""

    async def begin(self, stream: StreamId) -> Cursor:
        await asyncio.Event().wait()
        raise AssertionError("nobody sets that event")

    async def read(self, stream: StreamId, after: Cursor | None, wait_seconds: float) -> list[StoredEvent]:
        raise AssertionError("not read here")


async def test_a_store_that_hangs_holds_up_the_end_of_a_turn_for_a_limited_time(tmp_path: Path) -> None:
    store = HangingStore(tmp_path / "streams.db", 60)
    response = await asyncio.wait_for(take(store, ScriptedChatClient(["Tea."])), 10)
    assert response.text == "Tea."
    store.close()


async def test_turns_that_wait_and_go_on_elsewhere_do_not_fill_the_memory(store: SqliteStreamStore) -> None:
    callback = StreamCallback(store)
    update = AgentResponseUpdate(contents=[Content.from_text("Wait.")])
    for number in range(1_003):
        await callback.on_streaming_response_update(update, AgentCallbackContext("Test", f"r{number}", "s1"))
        if number < 4:
            # Long enough for this one to have nothing left to write.
            await asyncio.wait_for(_written(store, f"r{number}"), 10)
    assert len(callback._writers) == 1_000
    # One that was left out goes on all the same, as one that comes from elsewhere.
    await callback.on_agent_response(
        AgentResponse(messages=[Message("assistant", ["Done."])]), AgentCallbackContext("Test", "r0", "s1")
    )
    assert text([one.event for one in await store.read(StreamId("Test", "s1", "r0"), None, 0)]) == "Done."


async def _written(store: SqliteStreamStore, run: str) -> None:
    while len(await store.read(StreamId("Test", "s1", run), None, 0)) < 2:
        await asyncio.sleep(0.005)
    await asyncio.sleep(0.02)


def test_streams_can_be_restarted() -> None:
    assert isinstance(StreamCallback(SqliteStreamStore(Path("never-opened.db"), 60)), RestartableCallback)
