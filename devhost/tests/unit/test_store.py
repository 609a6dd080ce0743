"""The task hub keeps what was committed, as a whole, over closing and opening its file."""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devhost.hub.columns import from_micros, to_micros
from devhost.hub.file import SCHEMA_VERSION, HubVersionError
from devhost.hub.rows import ActivityItem, Changes, Entity, HistoryRow, Instance, Message, Parent, Status
from devhost.hub.store import TaskHub
from devhost.tests.unit.commit import commit

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)

Open = Callable[[], TaskHub]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new folder" / "state.db"


@pytest.fixture
def open_hub(path: Path) -> Iterator[Open]:
    """Open the task hub's file, as often as wanted."""
    opened: list[TaskHub] = []

    def open_it() -> TaskHub:
        opened.append(TaskHub(path))
        return opened[-1]

    yield open_it
    for hub in opened:
        hub.close()


@pytest.fixture
def hub(open_hub: Open) -> TaskHub:
    return open_hub()


def instance(instance_id: str = "run", status: Status = Status.RUNNING, minutes: float = 0) -> Instance:
    """Return an instance created this many minutes after noon."""
    created = NOW + timedelta(minutes=minutes)
    return Instance(instance_id, f"execution of {instance_id}", "main", status, created, created)


def message(body: str, target: str = "run", **fields: object) -> Message:
    return replace(Message(target, 15, body), **fields)  # type: ignore[arg-type]  # each test names real fields


def activity(name: str = "hello") -> ActivityItem:
    return ActivityItem("run", "execution of run", 0, name, '"x"')


def bodies(hub: TaskHub) -> list[str]:
    return [one.body for one in hub.pending_messages()]


def everything(hub: TaskHub) -> list[object]:
    """Return all that a hub holds."""
    instances = hub.instances(limit=1000)
    return [
        instances,
        [hub.history(one.instance_id) for one in instances],
        list(hub.pending_messages()),
        list(hub.pending_activities()),
        hub.entity("@counter@k"),
    ]


FULL = instance("full", Status.COMPLETED)
FULL = replace(FULL, input='{"é": 1}', output="[]", custom_status='"x"', parent=Parent("p", "execution of p", 3))
ENTITY = Entity("@counter@k", True, "5", NOW)


def test_all_that_is_committed_is_there_after_reopening(open_hub: Open) -> None:
    first = open_hub()
    commit(
        first,
        Changes(
            instances=[instance(), FULL],
            history=[("run", 0, HistoryRow("{}", '{"of": 1}')), ("run", 1, HistoryRow('{"a": 1}'))],
            messages=[message("m"), message("t", execution_id="e", task_id=4, due=NOW + timedelta(microseconds=7))],
            activities=[activity()],
            entity=ENTITY,
        ),
    )
    before = everything(first)
    first.close()
    second = open_hub()
    assert everything(second) == before
    assert second.instance("full") == FULL
    assert second.instance("nobody") is None
    assert second.entity("@counter@k") == ENTITY
    assert second.entity("@counter@other") is None
    assert second.history("run") == [HistoryRow("{}", '{"of": 1}'), HistoryRow('{"a": 1}')]


BROKEN = [
    ("a history number twice", Changes(consumed=[1], entity=ENTITY, history=[("run", 0, HistoryRow("{}"))])),
    ("an activity without a name", Changes(consumed=[1], finished_activity=2, activities=[activity(None)])),  # type: ignore[arg-type]
    ("an instance without a name", Changes(forget_history=["run"], instances=[replace(instance(), name=None)])),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("changes", [one for _, one in BROKEN], ids=[name for name, _ in BROKEN])
def test_changes_that_fail_leave_nothing(open_hub: Open, changes: Changes) -> None:
    hub = open_hub()
    commit(
        hub,
        Changes(
            instances=[instance()],
            history=[("run", 0, HistoryRow("{}"))],
            messages=[message("old")],
            activities=[activity()],
        ),
    )
    before = everything(hub)
    with pytest.raises(sqlite3.IntegrityError):
        commit(hub, changes)
    assert everything(hub) == before
    hub.close()
    assert everything(open_hub()) == before


def test_a_group_is_committed_as_a_whole_or_not_at_all(hub: TaskHub) -> None:
    good, bad = Changes(messages=[message("good")]), Changes(instances=[replace(instance(), name=None)])  # type: ignore[arg-type]
    with pytest.raises(sqlite3.IntegrityError):
        commit(hub, good, bad)
    assert bodies(hub) == []
    commit(hub, good, Changes(instances=[instance()]))
    assert (bodies(hub), hub.instance("run")) == (["good"], instance())


def test_message_that_is_sent_and_consumed_in_one_group_is_not_kept(hub: TaskHub) -> None:
    item = activity()
    commit(hub, Changes(activities=[item]))
    result = Changes(finished_activity=item.id, messages=[message("result")])
    hub.number(result)
    turn = Changes(consumed=[result.messages[0].id], messages=[message("what the turn sent")])
    hub.number(turn)
    hub.commit([result, turn])
    assert bodies(hub) == ["what the turn sent"]
    assert list(hub.pending_activities()) == []


def test_a_commit_after_a_failed_one_is_kept(hub: TaskHub) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        commit(hub, Changes(instances=[replace(instance(), name=None)]))  # type: ignore[arg-type]  # what fails
    commit(hub, Changes(instances=[instance()], messages=[message("m")]))
    assert hub.instance("run") == instance()
    assert bodies(hub) == ["m"]


def test_ids_go_on_after_reopening(open_hub: Open) -> None:
    first = open_hub()
    old, item = message("old"), activity()
    commit(first, Changes(messages=[old], activities=[item]))
    first.close()
    second = open_hub()
    new = message("new")
    commit(second, Changes(messages=[new]))
    assert old.id < item.id < new.id
    assert bodies(second) == ["old", "new"]


def test_ids_of_all_work_are_unique_while_it_is_pending(hub: TaskHub) -> None:
    work = [message(str(n)) for n in range(3)]
    items = [activity(str(n)) for n in range(3)]
    commit(hub, Changes(messages=work[:2], activities=items[:2]))
    commit(hub, Changes(messages=work[2:], activities=items[2:]))
    assert len({*(one.id for one in work), *(one.id for one in items)}) == 6


def test_first_messages_come_before_all_others_in_their_own_order(open_hub: Open) -> None:
    hub = open_hub()
    commit(hub, Changes(messages=[message("waiting")]))
    commit(hub, Changes(messages=[message("started", is_first=True), message("carried", is_first=True)]))
    commit(hub, Changes(messages=[message("later")]))
    commit(hub, Changes(messages=[message("newest", is_first=True)]))
    order = ["newest", "started", "carried", "waiting", "later"]
    assert bodies(hub) == order
    hub.close()
    reopened = open_hub()
    assert bodies(reopened) == order
    commit(reopened, Changes(messages=[message("first after reopening", is_first=True)]))
    assert bodies(reopened) == ["first after reopening", *order]


def test_consumed_messages_and_finished_activities_are_gone(hub: TaskHub) -> None:
    work, item, other = [message("a"), message("b")], activity(), activity("bye")
    commit(hub, Changes(messages=work, activities=[item, other]))
    commit(hub, Changes(consumed=[work[0].id], finished_activity=item.id))
    assert bodies(hub) == ["b"]
    assert [one.name for one in hub.pending_activities()] == ["bye"]


def test_only_the_timer_of_that_task_is_canceled(hub: TaskHub) -> None:
    def timer(target: str, execution: str, task_id: int) -> Message:
        return message(f"{target} {execution} {task_id}", target, execution_id=execution, task_id=task_id, due=NOW)

    result = message("a result", execution_id="e1", task_id=1)
    commit(
        hub,
        Changes(
            messages=[timer("run", "e1", 1), timer("run", "e1", 2), timer("run", "e2", 1), timer("x", "e1", 1), result]
        ),
    )
    commit(hub, Changes(canceled_timers=[("run", "e1", 1)]))
    assert bodies(hub) == ["run e1 2", "run e2 1", "x e1 1", "a result"]


def test_forgotten_history_makes_room_for_a_new_one(hub: TaskHub) -> None:
    commit(hub, Changes(instances=[instance()], history=[("run", 0, HistoryRow("1")), ("run", 1, HistoryRow("2"))]))
    commit(hub, Changes(forget_history=["run"], history=[("run", 0, HistoryRow("3"))]))
    assert hub.history("run") == [HistoryRow("3")]


def test_an_instance_and_an_entity_are_replaced_by_their_next_state(hub: TaskHub) -> None:
    commit(hub, Changes(instances=[instance()], entity=ENTITY))
    ended, gone = instance(status=Status.FAILED), replace(ENTITY, present=False, state="null")
    commit(hub, Changes(instances=[ended], entity=gone))
    assert (hub.instance("run"), hub.entity("@counter@k")) == (ended, gone)


@pytest.fixture
def many(hub: TaskHub) -> TaskHub:
    """Hold instances created a minute apart, and two in the same moment."""
    statuses = [Status.COMPLETED, Status.RUNNING, Status.FAILED, Status.COMPLETED]
    rows = [instance(f"run-{n}", status, n) for n, status in enumerate(statuses)]
    commit(hub, Changes(instances=[*rows[::-1], instance("RUN-1b", Status.PENDING, 1), instance("100%_", minutes=9)]))
    return hub


def ids(hub: TaskHub, **filters: object) -> list[str]:
    return [one.instance_id for one in hub.instances(**{"limit": 100, **filters})]  # type: ignore[arg-type]


def test_instances_come_in_order_of_creation_then_id(many: TaskHub) -> None:
    assert ids(many) == ["run-0", "RUN-1b", "run-1", "run-2", "run-3", "100%_"]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"statuses": frozenset([Status.COMPLETED])}, ["run-0", "run-3"]),
        ({"statuses": frozenset([Status.FAILED, Status.PENDING])}, ["RUN-1b", "run-2"]),
        ({"statuses": frozenset([Status.CANCELED])}, []),
        ({"created_from": NOW + timedelta(minutes=2)}, ["run-2", "run-3", "100%_"]),
        ({"created_to": NOW + timedelta(minutes=1)}, ["run-0", "RUN-1b", "run-1"]),
        ({"created_from": NOW + timedelta(minutes=1), "created_to": NOW + timedelta(minutes=1)}, ["RUN-1b", "run-1"]),
        ({"id_prefix": "run-1"}, ["run-1"]),
        ({"id_prefix": "run_"}, []),
        ({"id_prefix": "100%_"}, ["100%_"]),
        ({"id_prefix": "run-", "statuses": frozenset([Status.COMPLETED]), "limit": 1}, ["run-0"]),
    ],
)
def test_filters_narrow_and_match_literally(many: TaskHub, filters: dict[str, object], found: list[str]) -> None:
    assert ids(many, **filters) == found


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6])
def test_pages_hold_each_instance_once(many: TaskHub, size: int) -> None:
    after, seen = None, list[str]()
    while page := many.instances(after=after, limit=size):
        assert len(page) <= size
        seen += [one.instance_id for one in page]
        after = (page[-1].created, page[-1].instance_id)
    assert seen == ids(many)


def test_purge_takes_all_of_one_instance_and_nothing_else(hub: TaskHub) -> None:
    commit(
        hub,
        Changes(
            instances=[instance("run"), instance("run2")],
            history=[("run", 0, HistoryRow("{}")), ("run2", 0, HistoryRow("{}"))],
            messages=[message("a", "run"), message("b", "run2")],
            activities=[activity(), replace(activity(), instance_id="run2")],
        ),
    )
    commit(hub, Changes(purged=["run"]))
    assert hub.instance("run") is None
    assert (hub.history("run"), hub.history("run2")) == ([], [HistoryRow("{}")])
    assert bodies(hub) == ["b"]
    assert [one.instance_id for one in hub.pending_activities()] == ["run2"]


def test_file_of_a_newer_devhost_is_refused_and_stays_as_it_is(open_hub: Open, path: Path) -> None:
    hub = open_hub()
    commit(hub, Changes(messages=[message("m")]))
    hub.close()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    db.close()
    with pytest.raises(HubVersionError) as refusal:
        TaskHub(path)
    assert str(refusal.value) == (
        f"The task hub {path} has schema version {SCHEMA_VERSION + 1}; this devhost knows up to {SCHEMA_VERSION}. "
        "Run the devhost that wrote it, or name another file with --db."
    )
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION + 1,)
        assert db.execute("SELECT body FROM messages").fetchall() == [("m",)]
    db.close()


def test_file_is_in_wal_mode_so_that_it_can_be_read_while_the_host_runs(hub: TaskHub, path: Path) -> None:
    commit(hub, Changes(messages=[message("m")]))
    assert path.with_name("state.db-wal").stat().st_size > 0
    reader = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        assert reader.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert reader.execute("SELECT body FROM messages").fetchall() == [("m",)]
        commit(hub, Changes(messages=[message("n")]))
        assert reader.execute("SELECT count(*) FROM messages").fetchone() == (2,)
    finally:
        reader.close()


def test_closing_folds_the_log_into_the_file(hub: TaskHub, path: Path) -> None:
    commit(hub, Changes(messages=[message("m")]))
    hub.close()
    assert [file.name for file in path.parent.iterdir()] == ["state.db"]


def test_hub_in_memory_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    hub = TaskHub(None)
    commit(hub, Changes(messages=[message("m")]))
    assert bodies(hub) == ["m"]
    hub.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("moment", [NOW, NOW.replace(microsecond=999_999), datetime(1970, 1, 1, tzinfo=UTC)])
def test_times_keep_their_microseconds(moment: datetime) -> None:
    assert from_micros(to_micros(moment)) == moment
