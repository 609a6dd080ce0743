"""What is ready together is committed together; a bad item harms only itself, and a full disk loses nothing."""

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from devhost.engine.commits import Commits
from devhost.hub.rows import ActivityItem, Changes, Instance, Message, Status
from devhost.hub.store import TaskHub
from devhost.tests.unit.commit import commit
from devhost.tests.unit.dispatcher.recorder import NOON, Recorder, activity, message

HALF = "a\ud83d"
NAMELESS = ActivityItem("run", "e", 0, None, None)  # type: ignore[arg-type]  # what makes the commit fail
UNTYPED = ActivityItem("run", "e", 0, object(), None)  # type: ignore[arg-type]


class WatchedHub(TaskHub):
    """A task hub that tells how many items each transaction had."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.sizes: list[int] = []

    def commit(self, group: Sequence[Changes]) -> None:
        """Commit, and note how many there were."""
        super().commit(group)
        self.sizes.append(len(group))


@pytest.fixture
def watched(path: Path) -> Iterator[WatchedHub]:
    hub = WatchedHub(path)
    yield hub
    hub.close()


def timer(body: str) -> Message:
    return Message("run", 11, body, "e", int(body), NOON + timedelta(hours=1))


async def test_work_that_is_finished_is_durable_when_the_wait_for_it_ends(hub: TaskHub) -> None:
    commits = Commits(hub)
    await asyncio.gather(*(commits.soon(Changes(messages=[timer(str(n))])) for n in range(10)))
    assert sorted(one.body for one in hub.pending_messages()) == [str(n) for n in range(10)]


async def test_what_is_ready_together_is_one_transaction_and_nothing_waits_for_more(watched: WatchedHub) -> None:
    commits = Commits(watched)
    await asyncio.gather(*(commits.soon(Changes(messages=[timer(str(n))])) for n in range(5)))
    await commits.soon(Changes(messages=[timer("5")]))
    assert watched.sizes == [5, 1]


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (Changes(activities=[NAMELESS]), sqlite3.IntegrityError),
        (Changes(messages=[message("never", HALF)]), UnicodeEncodeError),
        (Changes(activities=[UNTYPED]), sqlite3.Error),
        (Changes(consumed=[2**70]), OverflowError),
    ],
    ids=["a missing value", "half a character", "no value at all", "a number without end"],
)
async def test_changes_that_the_hub_refuses_harm_no_others(
    recorder: Recorder, hub: TaskHub, bad: Changes, kind: type[Exception]
) -> None:
    recorder.dispatcher.start()
    outcomes = await asyncio.gather(
        recorder.commits.soon(Changes(messages=[message("before")])),
        recorder.commits.soon(bad),
        recorder.commits.soon(Changes(messages=[message("after")])),
        return_exceptions=True,
    )
    assert outcomes[0] is None and outcomes[2] is None
    assert isinstance(outcomes[1], kind)
    assert await recorder.has(2) == ["before", "after"]
    await recorder.commits.soon(Changes(messages=[message("later")]))
    assert (await recorder.has(3))[2:] == ["later"]


async def test_result_leads_to_its_turn_at_once_and_neither_is_done_again(recorder: Recorder, hub: TaskHub) -> None:
    commit(hub, Changes(activities=[activity("hello")]))
    recorder.dispatcher.start()
    assert await recorder.has(1) == ["hello done"]
    assert (list(hub.pending_activities()), list(hub.pending_messages())) == ([], [])


async def test_result_that_no_turn_follows_is_durable(recorder: Recorder, hub: TaskHub) -> None:
    commit(hub, Changes(activities=[activity("hello")]))
    recorder.is_held = True
    recorder.dispatcher.start()
    while list(hub.pending_activities()):
        await asyncio.sleep(0)
    assert [one.body for one in hub.pending_messages()] == ["hello done"]


async def test_what_waits_is_seen_by_who_asks_for_an_instance(hub: TaskHub) -> None:
    commits = Commits(hub)
    instance = Instance("run", "e", "main", Status.COMPLETED, NOON, NOON)
    writing = asyncio.create_task(commits.soon(Changes(instances=[instance])))
    await asyncio.sleep(0)
    assert (commits.instance("run"), hub.instance("run")) == (instance, None)
    await writing
    purging = asyncio.create_task(commits.soon(Changes(purged=["run"])))
    await asyncio.sleep(0)
    assert (commits.instance("run"), hub.instance("run")) == (None, instance)
    await purging
    assert hub.instance("run") is None


ENDED = Instance("run", "e", "main", Status.COMPLETED, NOON, NOON)
ANEW = Instance("run", "f", "main", Status.PENDING, NOON, NOON)


@pytest.mark.parametrize(
    ("waiting", "seen"),
    [
        ([Changes(instances=[ENDED]), Changes(instances=[ANEW])], ANEW),
        ([Changes(instances=[ENDED]), Changes(purged=["run"])], None),
        ([Changes(instances=[ENDED]), Changes(purged=["run"]), Changes(instances=[ANEW])], ANEW),
    ],
    ids=["replaced", "purged", "purged and started anew"],
)
async def test_of_all_that_waits_for_an_instance_the_newest_counts(
    hub: TaskHub, waiting: list[Changes], seen: Instance | None
) -> None:
    commits = Commits(hub)
    writing = [asyncio.create_task(commits.soon(changes)) for changes in waiting]
    await asyncio.sleep(0)
    assert hub.instance("run") is None
    assert commits.instance("run") == seen
    await asyncio.gather(*writing)
    assert hub.instance("run") == seen


@pytest.fixture
def other(path: Path, hub: TaskHub) -> Iterator[sqlite3.Connection]:
    """Another program that has the task hub's file open."""
    file = sqlite3.connect(path, isolation_level=None)
    yield file
    file.close()


async def test_it_is_tried_again_while_another_program_locks_the_file_and_order_is_kept(
    recorder: Recorder, other: sqlite3.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    recorder.dispatcher.start()
    other.execute("BEGIN IMMEDIATE")
    finished = [asyncio.create_task(recorder.commits.soon(Changes(messages=[message("first")])))]
    while not caplog.records:
        await asyncio.sleep(0)
    finished.append(asyncio.create_task(recorder.commits.soon(Changes(messages=[message("second")]))))
    await asyncio.sleep(0)
    assert not any(one.done() for one in finished)
    other.execute("ROLLBACK")
    await asyncio.gather(*finished)
    assert await recorder.has(2) == ["first", "second"]
    assert "The task hub cannot be written (database is locked); trying again in 0.1 s." in caplog.text


class LockedWhenAlone(TaskHub):
    """A task hub whose file is locked, once, when a single item is written."""

    is_locked = True

    def commit(self, group: Sequence[Changes]) -> None:
        """Commit.

        Raises:
            sqlite3.OperationalError: The file is locked.
        """
        if len(group) == 1 and self.is_locked:
            self.is_locked = False
            raise sqlite3.OperationalError("database is locked")
        super().commit(group)


async def test_a_lock_that_comes_while_a_bad_item_is_looked_for_drops_none_of_the_others(path: Path) -> None:
    hub = LockedWhenAlone(path)
    commits = Commits(hub)
    outcomes = await asyncio.gather(
        commits.soon(Changes(messages=[message("first")])),
        commits.soon(Changes(messages=[message("never", HALF)])),
        commits.soon(Changes(messages=[message("last")])),
        return_exceptions=True,
    )
    assert [type(one) for one in outcomes] == [type(None), UnicodeEncodeError, type(None)]
    assert [one.body for one in hub.pending_messages()] == ["first", "last"]
    hub.close()


async def test_who_gives_up_waiting_takes_the_changes_back(
    recorder: Recorder, hub: TaskHub, other: sqlite3.Connection
) -> None:
    recorder.dispatcher.start()
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(recorder.commits.soon(Changes(messages=[message("given up")])), 0.05)
    other.execute("ROLLBACK")
    await recorder.commits.soon(Changes(messages=[message("kept")]))
    assert await recorder.has(1) == ["kept"]
    assert list(hub.pending_messages()) == []
