"""Task hubs that cannot be used, and who has them."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from devhost.doctor import hub
from devhost.doctor.finding import Level
from devhost.doctor.place import Place
from devhost.hub.rows import Changes, Instance, Message, Status
from devhost.hub.store import TaskHub
from devhost.tests.unit.doctor.sick_app import only, place_of, write_app

NOW = datetime.now(UTC)
HOLDS = (
    "import sys; from pathlib import Path; from devhost.hub.lock import HubLock\n"
    "with HubLock(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
)
ROOT = Path(__file__).parents[4]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An app with a task hub."""
    found = place_of(write_app(tmp_path / "app"))
    with closing(TaskHub(found.hub)):
        return found


def change(place: Place, sql: str) -> None:
    with closing(sqlite3.connect(place.hub, isolation_level=None)) as db:
        db.execute(sql)


def test_a_hub_of_a_newer_devhost(place: Place) -> None:
    change(place, "PRAGMA user_version = 99")
    assert only(hub.unusable_hub(place)).check == "hub-newer"


def test_another_sqlite_file(place: Place) -> None:
    change(place, "DROP TABLE history")
    assert only(hub.unusable_hub(place)).check == "hub-other"


def test_a_damaged_hub(place: Place) -> None:
    with closing(TaskHub(place.hub)) as store:
        instances = [Instance(f"r{n}", "e", "story", Status.RUNNING, NOW, NOW, input='"x"') for n in range(500)]
        store.commit([Changes(instances=instances)])
    change(place, "PRAGMA wal_checkpoint(TRUNCATE)")
    with place.hub.open("r+b") as file:
        file.seek(4096 * 3)
        file.write(os.urandom(4096 * 4))
    assert only(hub.unusable_hub(place)).check == "hub-damaged"
    for check in (hub.nobody_serves, hub.failed_by_non_determinism, hub.open_runs):
        list(check(place))  # what can be read is, and the rest raises nothing


def test_a_hub_that_another_process_has(place: Place) -> None:
    command = [sys.executable, "-c", HOLDS, str(place.hub)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdin is not None
        process.stdout.readline()
        one = only(hub.held_hub(place))
        assert one.level is Level.NOTE and f"process {process.pid} serves" in one.what
        process.stdin.close()
    assert [*hub.held_hub(place)] == []


def test_a_lock_that_cannot_be_opened(place: Place) -> None:
    place.hub.with_name("state.db.lock").mkdir()
    assert only(hub.held_hub(place)).check == "hub-lock"


def test_work_that_no_host_does(place: Place) -> None:
    with closing(TaskHub(place.hub)) as store:
        store.commit([Changes(messages=[Message("r", 15, "{}")])])
    one = only(hub.nobody_serves(place))
    assert one.check == "not-processed" and "1 message(s)" in one.what


def test_runs_that_have_failed_by_non_determinism(place: Place) -> None:
    output = json.dumps("Non-Deterministic workflow detected: A previous execution ...")
    failed = [
        Instance("a", "e", "story", Status.FAILED, NOW, NOW, output=output),
        Instance("b", "e", "story", Status.FAILED, NOW, NOW, output='"boom"'),
    ]
    with closing(TaskHub(place.hub)) as store:
        store.commit([Changes(instances=failed)])
    one = only(hub.failed_by_non_determinism(place))
    assert one.what.startswith("1 run(s) of 'story'") and "clock" in one.what and "rewind" in one.fix
