"""What every stream store does, asked of each of them: SQLite in a file, Redis in a real server."""

import asyncio
import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from durable_agents.settings.sessions import RedisStreamSettings, SqliteStreamSettings
from durable_agents.streams.redis_store import RedisStreamStore
from durable_agents.streams.sqlite_store import SqliteStreamStore
from durable_agents.streams.store import (
    END,
    PAGE_EVENTS,
    Cursor,
    StoredEvent,
    StreamEvent,
    StreamId,
    StreamStore,
    StreamTakenError,
)
from durable_agents.streams.store_factory import create_stream_store
from durable_agents.tests.support.redis_server import PASSWORD, RedisServer

STREAM = StreamId("Writer", "s1", "a" * 40)
OTHER = StreamId("Writer", "s1", "b" * 40)
SOON = 0.3

OpenStore = Callable[..., StreamStore]


@pytest.fixture(params=["sqlite", "redis"])
async def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OpenStore]:
    """Open another store on the same file or server, as another process would: `open_store(expiry_seconds)`."""
    opened: list[Any] = []
    server: RedisServer | None = request.getfixturevalue("redis") if request.param == "redis" else None

    def open_one(expiry_seconds: float = 60) -> StreamStore:
        if server is None:
            opened.append(SqliteStreamStore(tmp_path / "state" / "streams.db", expiry_seconds))
        else:
            opened.append(RedisStreamStore(server.url, expiry_seconds))
        store: StreamStore = opened[-1]
        return store

    yield open_one
    for store in opened:
        closed = store.close()
        if closed is not None:
            await closed


@pytest.fixture
def store(open_store: OpenStore) -> StreamStore:
    return open_store()


def text(words: str) -> StreamEvent:
    return StreamEvent("text", {"text": words})


def kinds(events: list[StoredEvent]) -> list[str]:
    return [stored.event.kind for stored in events]


async def test_what_is_appended_is_read_in_order(store: StreamStore) -> None:
    start = await store.begin(STREAM)
    last = await store.append(STREAM, start, [text("Tea ist gut, für\n✅"), StreamEvent("tool_call", {"name": "look"})])
    end = await store.append(STREAM, last, [END])
    events = await store.read(STREAM, None, 0)
    assert kinds(events) == ["start", "text", "tool_call", "end"]
    assert [stored.event.data for stored in events] == [{}, {"text": "Tea ist gut, für\n✅"}, {"name": "look"}, {}]
    assert [stored.cursor for stored in events] == [start, start.next(), last, end]
    assert events[2].cursor == events[1].cursor.next()


async def test_a_reader_goes_on_after_its_cursor(store: StreamStore) -> None:
    start = await store.begin(STREAM)
    last = await store.append(STREAM, start, [text(str(number)) for number in range(12)])
    whole = await store.read(STREAM, None, 0)
    for index, stored in enumerate(whole):
        assert await store.read(STREAM, stored.cursor, 0) == whole[index + 1 :]
    assert await store.read(STREAM, last, 0) == []
    assert await store.read(STREAM, Cursor(last.epoch + 1, 0), 0) == []


async def test_streams_do_not_mix(store: StreamStore) -> None:
    await store.begin(STREAM)
    assert await store.read(OTHER, None, 0) == []


async def test_a_long_stream_comes_in_pages(store: StreamStore) -> None:
    start = await store.begin(STREAM)
    await store.append(STREAM, start, [text(str(number)) for number in range(PAGE_EVENTS + 5)])
    first = await store.read(STREAM, None, 0)
    second = await store.read(STREAM, first[-1].cursor, 0)
    assert (len(first), len(second)) == (PAGE_EVENTS, 6)


async def test_a_waiting_reader_gets_the_first_event_soon(open_store: OpenStore) -> None:
    writer, reader = open_store(), open_store()
    waiting = [asyncio.create_task(reader.read(STREAM, None, 10)) for _ in range(2)]
    await asyncio.sleep(0.3)
    assert not any(task.done() for task in waiting)
    await writer.begin(STREAM)
    began = time.monotonic()
    assert [kinds(events) for events in await asyncio.gather(*waiting)] == [["start"], ["start"]]
    assert time.monotonic() - began < 2


async def test_a_wait_comes_to_an_end(store: StreamStore) -> None:
    began = time.monotonic()
    assert await store.read(STREAM, None, SOON) == []
    assert SOON <= time.monotonic() - began < 5


async def test_a_later_attempt_is_behind_an_earlier_one_and_ends_it(open_store: OpenStore) -> None:
    before, after = open_store(), open_store()
    first = await before.begin(STREAM)
    first = await before.append(STREAM, first, [text("old")])
    second = await after.begin(STREAM)
    assert second > first
    with pytest.raises(StreamTakenError, match="later attempt"):
        await before.append(STREAM, first, [text("older"), END])
    await after.append(STREAM, second, [text("new"), END])
    assert kinds(await before.read(STREAM, None, 0)) == ["start", "text", "start", "text", "end"]


async def test_attempts_that_begin_together_have_cursors_of_their_own(store: StreamStore) -> None:
    begun = [await store.begin(STREAM) for _ in range(20)]
    assert begun == sorted(set(begun))
    assert len({cursor.epoch for cursor in begun}) == 20


async def test_a_stream_expires_after_its_last_event(open_store: OpenStore) -> None:
    store = open_store(expiry_seconds=1)
    cursor = await store.begin(STREAM)
    for _ in range(4):
        await asyncio.sleep(0.5)
        cursor = await store.append(STREAM, cursor, [text("more")])
    assert len(await store.read(STREAM, None, 0)) == 5
    deadline = time.monotonic() + 10
    while await store.read(STREAM, None, 0):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def test_several_writers_and_loops_lose_nothing(open_store: OpenStore) -> None:
    streams = [StreamId("Writer", "s1", f"{number:040x}") for number in range(8)]
    shared = open_store()

    async def write(store: StreamStore, stream: StreamId) -> None:
        cursor = await store.begin(stream)
        for number in range(25):
            cursor = await store.append(stream, cursor, [text(str(number))])

    failures: list[BaseException] = []

    def write_in_a_loop_of_its_own(stream: StreamId) -> None:
        async def run() -> None:
            # Also a client of Redis belongs to its loop.
            store = open_store() if streams.index(stream) % 2 else shared
            await write(store, stream)
            if isinstance(store, RedisStreamStore):
                await store.close()

        try:
            asyncio.run(run())
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write_in_a_loop_of_its_own, args=(stream,)) for stream in streams]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    assert failures == []
    for stream in streams:
        events = await shared.read(stream, None, 0)
        assert [stored.event.data.get("text") for stored in events] == [None, *map(str, range(25))]


async def test_expired_streams_leave_the_file(tmp_path: Path) -> None:
    now = 1_000.0
    store = SqliteStreamStore(tmp_path / "streams.db", 60, now=lambda: now)
    for number in range(30):
        await store.begin(StreamId("Writer", "s1", str(number)))
    assert len(await store.read(StreamId("Writer", "s1", "0"), None, 0)) == 1
    now += 60
    assert await store.read(StreamId("Writer", "s1", "0"), None, 0) == []
    for number in range(2):
        await store.begin(StreamId("Writer", "s2", str(number)))
    store.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "streams.db")) as database:
        assert database.execute("SELECT stream FROM events").fetchall() == [("Writer/s2/0",), ("Writer/s2/1",)]


async def test_redis_keeps_the_latest_events_for_a_while(redis: RedisServer) -> None:
    store = RedisStreamStore(redis.url, 60, max_events=3)
    await store.append(STREAM, await store.begin(STREAM), [text(str(number)) for number in range(5)])
    assert [stored.event.data["text"] for stored in await store.read(STREAM, None, 0)] == ["2", "3", "4"]
    await store.close()
    async with Redis.from_url(redis.url) as client:
        (key,) = await client.keys()
        assert 0 < await client.pttl(key) <= 60_000


async def test_a_wait_can_be_longer_than_the_time_out_of_a_command(redis: RedisServer) -> None:
    store = RedisStreamStore(redis.url, 60)
    assert await store.read(STREAM, None, 5.5) == []
    await store.close()


async def test_redis_is_found_again_after_it_was_away(redis: RedisServer) -> None:
    store = RedisStreamStore(redis.url, 60)
    await store.begin(STREAM)
    redis.kill()
    with pytest.raises(RedisConnectionError) as caught:
        await store.begin(STREAM)
    assert PASSWORD not in str(caught.value)
    redis.start()
    assert kinds(await store.read(STREAM, None, 0)) == []
    await store.begin(STREAM)
    await store.close()


async def test_the_password_is_shown_nowhere(redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    settings = RedisStreamSettings(redis.url.replace(PASSWORD, "wrong-" + PASSWORD))
    store = create_stream_store(settings)
    assert isinstance(store, RedisStreamStore)
    with pytest.raises(Exception, match="invalid username-password pair") as caught:
        await store.begin(STREAM)
    for shown in (repr(settings), repr(store), repr(caught.value), caplog.text):
        assert PASSWORD not in shown
    await store.close()


def test_the_settings_choose_the_store(tmp_path: Path) -> None:
    assert create_stream_store(None) is None
    assert isinstance(create_stream_store(SqliteStreamSettings(tmp_path / "state")), SqliteStreamStore)
    assert not (tmp_path / "state").exists()
    managed = create_stream_store(RedisStreamSettings("rediss://r.redis.azure.net:10000"))
    assert isinstance(managed, RedisStreamStore)


@pytest.mark.parametrize(
    "written", ["", "0", "1-", "-1", "1-1-1", "1 -1", "1-1\n", "+", "$", "*", "1" * 16 + "-1", "\uff11-1", "ended"]
)
def test_what_is_no_cursor(written: str) -> None:
    assert Cursor.parse(written) is None


def test_the_text_of_a_cursor_is_read_back() -> None:
    cursor = Cursor(1_764_000_000_000, 12)
    assert Cursor.parse(str(cursor)) == cursor
    assert Cursor(1, 10) > Cursor(1, 9)


async def test_a_removed_stream_is_gone_and_others_stay(open_store: OpenStore) -> None:
    store = open_store()
    for stream in (STREAM, OTHER):
        await store.append(stream, await store.begin(stream), [StreamEvent("text", {"text": "secret"}), END])
    await store.remove([STREAM, StreamId("Writer", "s1", "c" * 40)])
    await store.remove([STREAM])
    assert await open_store().read(STREAM, None, 0) == []
    assert len(await store.read(OTHER, None, 0)) == 3
    # It can begin again, as the turn of a message that came later.
    await store.begin(STREAM)
    assert [stored.event.kind for stored in await store.read(STREAM, None, 0)] == ["start"]
