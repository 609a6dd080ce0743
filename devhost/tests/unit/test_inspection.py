"""What an instance waits for, told from the task hub alone."""

import json
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from devhost.hub.rows import Changes, HistoryRow, Instance, Status
from devhost.hub.snapshot import HubSnapshot
from devhost.hub.store import TaskHub
from devhost.inspection import inspect

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("custom_status", "told"),
    [
        (None, "a history does not tell which"),
        ('"waits for the packer"', 'its custom status says "waits for the packer"'),
        ('{"waiting_for": {"event_name": "Go"}}', 'its custom status says {"waiting_for": {"event_name": "Go"}}'),
        (json.dumps("x" * 500), f'its custom status says "{"x" * 119} ...'),
    ],
    ids=["none", "a text", "an object", "long"],
)
def test_event_that_a_run_waits_for_is_told_by_its_custom_status(
    tmp_path: Path, custom_status: str | None, told: str
) -> None:
    instance = Instance("r", "e", "order", Status.RUNNING, NOW, NOW, custom_status=custom_status)
    started = {"EventType": 12, "EventId": -1, "Timestamp": NOW.isoformat()}
    with closing(TaskHub(tmp_path / "state.db")) as hub:
        hub.commit([Changes(instances=[instance], history=[("r", 0, HistoryRow(json.dumps(started)))])])
    with HubSnapshot(tmp_path / "state.db") as snapshot:
        waits = inspect(snapshot, instance).waits
    assert [wait.what for wait in waits] == [f"an external event; {told}"]
