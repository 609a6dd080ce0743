"""What every index of sessions does, on a file and on Azure Table Storage (as Azurite has it)."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from azure.data.tables import TableClient

from devhost.testing.azurite import CREDENTIAL, running_azurite
from durable_agents.owners import owned, owner_named
from durable_agents.sessions.index import PageStart, SessionEntry, SessionIndex
from durable_agents.sessions.index_sqlite import SqliteSessionIndex
from durable_agents.sessions.index_table import TableSessionIndex

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def account_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_azurite("table", tmp_path_factory.mktemp("azurite")) as url:
        yield url


@pytest.fixture(params=["sqlite", "table"])
async def index(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SessionIndex]:
    if request.param == "sqlite":
        sqlite_index = SqliteSessionIndex(tmp_path / "state" / "sessions.db")
        yield sqlite_index
        sqlite_index.close()
    else:
        url = request.getfixturevalue("account_url")
        with TableClient(url, f"t{uuid4().hex}", credential=CREDENTIAL) as client:
            yield TableSessionIndex(lambda: client)


def entry(session_id: str, used: float, expires: float | None = None) -> SessionEntry:
    """Return an entry with its times in minutes after noon."""
    at = None if expires is None else NOON + timedelta(minutes=expires)
    return SessionEntry(session_id, NOON + timedelta(minutes=used), at)


async def test_the_last_used_comes_first_whatever_the_order_of_writing(index: SessionIndex) -> None:
    for one in (entry("b", 2), entry("a", 3), entry("c", 1)):
        await index.put("Writer", one)
    await index.put("Writer", entry("c", 4, 10))
    assert list(await index.newest("Writer", 10)) == [entry("c", 4, 10), entry("a", 3), entry("b", 2)]
    assert await index.find("Writer", "c") == entry("c", 4, 10)


async def test_agents_share_no_sessions(index: SessionIndex) -> None:
    await index.put("Writer", entry("s", 1, 2))
    await index.put("Editor", entry("s", 3, 4))
    await index.remove("Writer", "s")
    assert list(await index.newest("Writer", 10)) == list(await index.expired("Writer", NOON + timedelta(1), 10)) == []
    assert await index.find("Writer", "s") is None
    assert list(await index.newest("Editor", 10)) == [entry("s", 3, 4)]


async def test_pages_together_are_the_whole_list(index: SessionIndex) -> None:
    entries = [entry(f"s-{n:02}.x_", n // 3) for n in range(20)]
    for one in entries:
        await index.put("Writer", one)
    pages = [list(await index.newest("Writer", 6))]
    while len(pages[-1]) == 6:
        pages.append(list(await index.newest("Writer", 6, PageStart.parse(pages[-1][-1].token))))
    listed = [one for page in pages for one in page]
    assert [len(page) for page in pages] == [6, 6, 6, 2]
    assert listed == sorted(entries, key=lambda one: (-one.used_at.timestamp(), one.session_id))


async def test_the_longest_expired_come_first_and_some_never_do(index: SessionIndex) -> None:
    for one in (
        entry("never", 0),
        entry("late", 0, 9),
        entry("first", 1, 2),
        entry("second", 0, 3),
        entry("now", 0, 5),
    ):
        await index.put("Writer", one)
    now = NOON + timedelta(minutes=5)
    assert [one.session_id for one in await index.expired("Writer", now, 10)] == ["first", "second", "now"]
    assert [one.session_id for one in await index.expired("Writer", now, 1)] == ["first"]
    await index.put("Writer", entry("first", 6, 20))
    await index.put("Writer", entry("second", 6))
    assert [one.session_id for one in await index.expired("Writer", now, 10)] == ["now"]


async def test_those_of_one_owner_are_listed_alone(index: SessionIndex) -> None:
    ada, bob = owner_named("ada"), owner_named("bob")
    for number, owner in enumerate((ada, bob, None, ada, bob, ada)):
        await index.put("Writer", entry(owned(f"s{number}", owner), number))
    first = list(await index.newest("Writer", 2, owner=ada))
    rest = list(await index.newest("Writer", 2, PageStart.parse(first[-1].token), ada))
    assert [one.session_id for one in first + rest] == [owned(name, ada) for name in ("s5", "s3", "s0")]
    await index.put("Writer", entry(owned("s0", ada), 9))
    await index.remove("Writer", owned("s5", ada))
    assert [one.session_id for one in await index.newest("Writer", 9, owner=ada)] == [
        owned(name, ada) for name in ("s0", "s3")
    ]
    assert list(await index.newest("Writer", 9, owner=owner_named("eve"))) == []


async def test_everything_may_be_done_twice(index: SessionIndex) -> None:
    for _ in range(2):
        await index.put("Writer", entry("s", 1, 2))
    assert list(await index.newest("Writer", 10)) == [entry("s", 1, 2)]
    for _ in range(2):
        await index.remove("Writer", "s")
    assert list(await index.newest("Writer", 10)) == []


async def test_writers_at_the_same_time_lose_nothing(index: SessionIndex) -> None:
    await asyncio.gather(*(index.put("Writer", entry(f"s{n}", n, n)) for n in range(20)))
    assert {one.session_id for one in await index.newest("Writer", 50)} == {f"s{n}" for n in range(20)}


@pytest.mark.parametrize(
    "token", ["", "1", "_s", "1_", "x_s", "1_a/b", "1_..", "1_s ", "-1_s", f"{'9' * 18}_s", "1_s\n"]
)
def test_other_texts_are_no_page_tokens(token: str) -> None:
    assert PageStart.parse(token) is None


async def test_two_processes_share_a_file(tmp_path: Path) -> None:
    ours, theirs = (SqliteSessionIndex(tmp_path / "sessions.db") for _ in range(2))
    await asyncio.gather(ours.put("Writer", entry("a", 1)), theirs.put("Writer", entry("b", 2)))
    assert [one.session_id for one in await ours.newest("Writer", 9)] == ["b", "a"]
    ours.close()
    theirs.close()


async def test_listing_and_sweeping_read_no_more_than_they_return(tmp_path: Path) -> None:
    index = SqliteSessionIndex(tmp_path / "sessions.db")
    await index.put("Writer", entry("s", 1, 2))
    index.close()
    plans = []
    with sqlite3.connect(tmp_path / "sessions.db") as database:
        for where in (
            "agent = 'w' ORDER BY used_at DESC, session_id",
            "agent = 'w' AND used_at <= 5 AND (used_at < 5 OR session_id > 's') ORDER BY used_at DESC, session_id",
            "agent = 'w' AND expires_at <= 5 ORDER BY expires_at",
        ):
            plan = database.execute(f"EXPLAIN QUERY PLAN SELECT * FROM sessions WHERE {where} LIMIT 10").fetchall()
            plans.append(" / ".join(row[3] for row in plan))
    assert all("USING INDEX" in plan and "TEMP B-TREE" not in plan and "SCAN" not in plan for plan in plans), plans
