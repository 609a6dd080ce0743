"""Pages of a stream beside what the session says: a reader ends with the text of the reply, whatever the store lost."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from agent_framework import AgentResponse, Message
from agent_framework_durabletask import DurableAgentState, RunRequest

from durable_agents.sessions.conversation import add_turn, failed_response
from durable_agents.sessions.failures import Failure
from durable_agents.sessions.responses import Reply, find_reply
from durable_agents.streams.reader import Page, StreamReader
from durable_agents.streams.sqlite_store import SqliteStreamStore
from durable_agents.streams.store import END, Cursor, StoredEvent, StreamEvent, StreamId

STREAM = StreamId("Writer", "s1", "r1")


class Session:
    """The stored state of a session; `commit` stores its turn, as the entity does after the stream's `end`."""

    def __init__(self) -> None:
        self._state = DurableAgentState()
        self.looks = 0

    def commit(self, text: str, failure: Failure | None = None) -> None:
        answer = AgentResponse(messages=[Message("assistant", [text])])
        response = answer if failure is None else failed_response(failure)
        add_turn(self._state, RunRequest(message="Hello", correlation_id="r1"), response)

    async def read_reply(self) -> Reply | None:
        self.looks += 1
        return find_reply(self._state.to_dict(), "r1")


class Client:
    """What a client of the stream shows: `start` clears it, and the last cursor is where it goes on."""

    def __init__(self) -> None:
        self.text = ""
        self.starts = 0
        self.cursor: Cursor | None = None

    def take(self, page: Page) -> Page:
        for cursor, event in page.events:
            assert event.kind != "end"
            self.cursor = cursor or self.cursor
            self.starts += event.kind == "start"
            self.text = "" if event.kind == "start" else self.text + event.data.get("text", "")
        return page


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStreamStore]:
    store = SqliteStreamStore(tmp_path / "streams.db", 60)
    yield store
    store.close()


@pytest.fixture
def session() -> Session:
    return Session()


def text(words: str) -> StreamEvent:
    return StreamEvent("text", {"text": words})


async def next_page(store: SqliteStreamStore | None, session: Session, client: Client, wait_seconds: float = 0) -> Page:
    return client.take(await StreamReader(store, STREAM, session.read_reply).next_page(client.cursor, wait_seconds))


async def test_an_end_without_a_reply_is_no_end(store: SqliteStreamStore, session: Session) -> None:
    client = Client()
    await store.append(STREAM, await store.begin(STREAM), [text("Lost."), END])
    assert (await next_page(store, session, client)).reply is None
    assert client.text == "Lost."
    assert (await next_page(store, session, client)).events == []
    last = await store.append(STREAM, await store.begin(STREAM), [text("Ke")])
    assert (await next_page(store, session, client)).reply is None
    assert (client.text, client.starts) == ("Ke", 2)
    await store.append(STREAM, last, [text("pt."), END])
    session.commit("Kept.")
    page = await next_page(store, session, client)
    assert page.reply is not None
    assert (client.text, client.starts) == ("Kept.", 2)


async def test_a_restart_behind_an_end_is_read_before_the_reply_is_told(
    store: SqliteStreamStore, session: Session
) -> None:
    """The first attempt ended and was lost; the second ends, and is stored, while the reader looks for the reply."""
    await store.append(STREAM, await store.begin(STREAM), [text("Lost."), END])
    client = Client()

    async def read_reply() -> Reply | None:
        if session.looks == 2:
            await store.append(STREAM, await store.begin(STREAM), [text("Kept."), END])
            session.commit("Kept.")
        return await session.read_reply()

    page = client.take(await StreamReader(store, STREAM, read_reply).next_page(None, 0))
    while page.reply is None:
        page = client.take(await StreamReader(store, STREAM, read_reply).next_page(client.cursor, 0))
    assert (page.reply.text, client.text, client.starts) == ("Kept.", "Kept.", 2)


async def test_events_are_not_held_back_for_the_outcome(store: SqliteStreamStore, session: Session) -> None:
    await store.append(STREAM, await store.begin(STREAM), [text("Te")])
    assert [event.kind for _, event in (await next_page(store, session, Client(), 30)).events] == ["start", "text"]
    assert session.looks == 0


@pytest.mark.parametrize("shown", ["nothing", "a part"])
async def test_an_expired_stream_is_the_whole_answer(store: SqliteStreamStore, session: Session, shown: str) -> None:
    client = Client()
    if shown == "a part":
        client.take(Page([(Cursor(5, 0), StreamEvent("start")), (Cursor(5, 1), text("Te"))]))
    session.commit("Tea.")
    began = time.monotonic()
    page = await next_page(store, session, client, 30)
    assert page.reply is not None
    assert client.text == "Tea."
    assert time.monotonic() - began < 5


async def test_a_stream_that_broke_off_ends_with_the_whole_answer(store: SqliteStreamStore, session: Session) -> None:
    client = Client()
    await store.append(STREAM, await store.begin(STREAM), [text("Te")])
    session.commit("Tea.")
    assert (await next_page(store, session, client)).reply is None
    assert client.text == "Te"
    assert (await next_page(store, session, client)).reply is not None
    assert client.text == "Tea."


async def test_a_stream_whose_beginning_was_dropped_is_not_shown(store: SqliteStreamStore, session: Session) -> None:
    client = Client()
    await store.append(STREAM, Cursor(5, 7), [text("the middle")])
    assert (await next_page(store, session, client)).events == []
    await store.append(STREAM, Cursor(5, 8), [text(" and the end"), END])
    session.commit("The beginning, the middle and the end")
    assert (await next_page(store, session, client)).reply is not None
    assert client.text == "The beginning, the middle and the end"


async def test_without_a_store_the_answer_comes_when_it_is_there(session: Session) -> None:
    client = Client()
    waiting = asyncio.create_task(next_page(None, session, client, 10))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    looks = session.looks
    assert looks <= 12
    session.commit("Tea.")
    assert (await asyncio.wait_for(waiting, 3)).reply is not None
    assert client.text == "Tea."


async def test_a_store_that_cannot_be_read_costs_no_answer(tmp_path: Path, session: Session) -> None:
    (tmp_path / "a file").write_text("no folder")
    store = SqliteStreamStore(tmp_path / "a file" / "streams.db", 60)
    session.commit("Tea.")
    client = Client()
    assert (await next_page(store, session, client)).reply is not None
    assert client.text == "Tea."


async def test_a_failure_is_told_and_takes_nothing_back(store: SqliteStreamStore, session: Session) -> None:
    client = Client()
    await store.append(STREAM, await store.begin(STREAM), [text("Te"), END])
    session.commit("", Failure("provider_unavailable", "Broken."))
    page = await next_page(store, session, client)
    assert page.reply is not None
    assert page.reply.failure is not None
    assert client.text == "Te"


async def test_a_wait_without_news_ends_with_an_empty_page(store: SqliteStreamStore, session: Session) -> None:
    began = time.monotonic()
    assert await next_page(store, session, Client(), 0.3) == Page([])
    assert 0.3 <= time.monotonic() - began < 5


async def test_every_place_to_drop_out_leads_to_the_same_text(store: SqliteStreamStore, session: Session) -> None:
    await store.append(STREAM, await store.begin(STREAM), [text("Lost"), END])
    await store.append(STREAM, await store.begin(STREAM), [text("T"), text("e"), text("a."), END])
    session.commit("Tea.")
    events: list[StoredEvent] = await store.read(STREAM, None, 0)
    for dropped_after in range(len(events) + 1):
        client = Client()
        seen = [stored for stored in events[:dropped_after] if stored.event.kind != "end"]
        client.take(Page([(stored.cursor, stored.event) for stored in seen]))
        assert (await next_page(store, session, client)).reply is not None
        assert (client.text, client.starts) == ("Tea.", 2)
