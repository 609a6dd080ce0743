"""Work items are committed together, and nothing of it is lost while the task hub cannot be written."""

import asyncio
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from devhost.engine.dispatcher import Dispatcher
from devhost.hub.rows import ActivityItem, Changes, Message
from devhost.hub.store import TaskHub
from tests.unit.devhost.commit import commit
from tests.unit.devhost.dispatcher.recorder import NOON, Recorder, activity, message, start


async def test_work_that_is_finished_is_durable_when_the_wait_for_it_ends(
    dispatcher: Dispatcher, recorder: Recorder, hub: TaskHub
) -> None:
    start(dispatcher, recorder)
    timers = [Message("run", 11, str(n), "e", n, NOON + timedelta(hours=1)) for n in range(10)]
    await asyncio.gather(*(dispatcher.commit_soon(Changes(messages=[timer])) for timer in timers))
    assert sorted(one.body for one in hub.pending_messages()) == [str(n) for n in range(10)]


async def test_changes_that_the_hub_refuses_harm_no_others(
    dispatcher: Dispatcher, recorder: Recorder, hub: TaskHub
) -> None:
    start(dispatcher, recorder)
    nameless = ActivityItem("run", "e", 0, None, None)  # type: ignore[arg-type]  # what makes the commit fail
    outcomes = await asyncio.gather(
        dispatcher.commit_soon(Changes(messages=[message("before")])),
        dispatcher.commit_soon(Changes(messages=[message("never")], activities=[nameless])),
        dispatcher.commit_soon(Changes(messages=[message("after")])),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [list, sqlite3.IntegrityError, list]
    assert await recorder.has(2) == ["before", "after"]


async def test_result_leads_to_its_turn_at_once_and_neither_is_done_again(
    dispatcher: Dispatcher, recorder: Recorder, hub: TaskHub
) -> None:
    item = activity("hello")
    commit(hub, Changes(activities=[item]))
    start(dispatcher, recorder)
    assert await recorder.has(1) == ["hello done"]
    assert (list(hub.pending_activities()), list(hub.pending_messages())) == ([], [])


async def test_result_that_no_turn_follows_is_durable_soon(dispatcher: Dispatcher, hub: TaskHub) -> None:
    item = activity("hello")
    commit(hub, Changes(activities=[item]))
    refusing = Recorder(dispatcher)

    async def never(_: Message) -> bool:
        return False

    refusing.before = never
    start(dispatcher, refusing)
    while list(hub.pending_activities()):
        await asyncio.sleep(0)
    assert [one.body for one in hub.pending_messages()] == ["hello done"]


@pytest.fixture
def other(path: Path, hub: TaskHub) -> sqlite3.Connection:
    """Another program that has the task hub's file open."""
    return sqlite3.connect(path, isolation_level=None)


async def test_commit_soon_tries_again_while_another_program_locks_the_file(
    dispatcher: Dispatcher, recorder: Recorder, other: sqlite3.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    start(dispatcher, recorder)
    other.execute("BEGIN IMMEDIATE")
    loop = asyncio.get_running_loop()
    began = loop.time()
    finished = asyncio.create_task(dispatcher.commit_soon(Changes(messages=[message("kept")])))
    while not caplog.records:
        await asyncio.sleep(0)
    blocked = loop.time() - began
    assert not finished.done()
    other.execute("ROLLBACK")
    await finished
    assert await recorder.has(1) == ["kept"]
    assert "The task hub cannot be written (database is locked); trying again in 0.1 s." in caplog.text
    other.close()
    assert blocked < 1


async def test_a_queue_goes_on_where_it_was_when_the_hub_can_be_written_again(
    dispatcher: Dispatcher, recorder: Recorder, other: sqlite3.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    start(dispatcher, recorder)
    dispatcher.commit(Changes(messages=[message("a"), message("b")]))
    other.execute("ALTER TABLE messages RENAME TO gone_for_a_moment")
    while not caplog.records:
        await asyncio.sleep(0)
    other.execute("ALTER TABLE gone_for_a_moment RENAME TO messages")
    assert await recorder.has(2) == ["a", "b"]
    assert "run: the task hub refuses (no such table: messages); trying again in 0.1 s." in caplog.text
    other.close()
