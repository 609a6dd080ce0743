"""The task hub takes commits and questions from several threads at a time."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from devhost.hub.rows import ActivityItem, Changes, HistoryRow, Instance, Status
from devhost.hub.store import TaskHub
from devhost.tests.unit.fake_clock import FakeClock

THREADS = 4
STEPS = 50
SIDE_BY_SIDE = 50
NOW = FakeClock().now()


def run(hub: TaskHub, name: str) -> list[int]:
    """Schedule some activities in each of many turns, and return the ids they got."""
    ids: list[int] = []
    for step in range(STEPS):
        activities = [ActivityItem(name, "e", step, "note", str(n)) for n in range(SIDE_BY_SIDE)]
        changes = Changes(
            instances=[Instance(name, "e", "chain", Status.RUNNING, NOW, NOW, custom_status=str(step))],
            history=[(name, step, HistoryRow(str(step)))],
            activities=activities,
        )
        hub.number(changes)
        hub.commit([changes])
        ids += [one.id for one in activities]
        present = hub.instance(name)
        assert present is not None
        assert (present.custom_status, len(hub.history(name))) == (str(step), step + 1)
    return ids


@pytest.mark.usefixtures("restless")
def test_each_thread_sees_its_own_commits_and_no_id_is_given_twice(tmp_path: Path) -> None:
    hub = TaskHub(tmp_path / "hub.db")
    names = [f"run-{n}" for n in range(THREADS)]
    with ThreadPoolExecutor(THREADS) as threads:
        ids = [number for numbers in threads.map(lambda name: run(hub, name), names) for number in numbers]
    assert len(set(ids)) == THREADS * STEPS * SIDE_BY_SIDE
    assert {one.id for one in hub.pending_activities()} == set(ids)
    hub.close()
