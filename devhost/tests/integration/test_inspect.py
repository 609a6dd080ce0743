"""`devhost inspect`, on a hub that has one run in each state that an operator meets."""

import json
import re
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from devhost.__main__ import main
from devhost.hub.snapshot import HubSnapshot
from devhost.hub.store import TaskHub
from devhost.testing.host_process import REPOSITORY, DevhostProcess
from devhost.tests.support.hub_over_http import HubOverHttp

pytestmark = pytest.mark.devhost_only("only devhost has `inspect`")

APP = REPOSITORY / "devhost" / "tests" / "conformance" / "app"
HOUR = 3_600_000

Inspect = Callable[..., str]


def program(*steps: Any) -> dict[str, Any]:
    """Return the input of the reference app's orchestration `program`."""
    return {"steps": steps, "results": []}


RUNS: dict[str, tuple[str, Any]] = {
    "done": ("chain", None),
    "tried": ("program", program(["try", ["retry", "fail", "no", 1, 3]], ["entity", "a", "add", 3])),
    "pausing": ("program", program(["retry", "fail", "no", HOUR, 2])),
    "sleeping": ("program", program(["timer", HOUR])),
    "busy": ("program", program(["act", "slow", 20_000])),
    "parent": ("sub_waits", None),
    "held": ("program", program(["any", [["timer", HOUR], ["timer", 1]]])),
    "suspended": ("wait_go", None),
    "listening": ("wait_go", None),
    "raced": ("race", "3600"),
}


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevhostProcess]:
    """The reference app with one run in each state that an operator meets."""
    scratch = tmp_path_factory.mktemp("scratch")
    folder = tmp_path_factory.mktemp("inspect")
    with DevhostProcess(folder, APP, REFERENCE_SCRATCH=str(scratch)) as host, host.client() as http:
        hub = HubOverHttp(http)
        for instance_id, (name, body) in RUNS.items():
            assert hub.post(f"orchestrators/{name}/{instance_id}", json=body).status_code == 202
        for instance_id in ("done", "tried"):
            hub.until(instance_id, "Completed")
        for instance_id in ("raced", "suspended", "kid-parent"):
            hub.until(instance_id, "Running")
        hub.raise_event("raced", "go", {"k": 1})
        hub.until("raced", "Completed")
        hub.post("instances/suspended/suspend")
        hub.until("suspended", "Suspended")
        hub.raise_event("suspended", "go", 1)
        settled(host.database)
        yield host


def settled(database: Path) -> None:
    """Wait until no message is left but three timers: the suspended run has been told of its event too."""
    deadline = time.monotonic() + 20
    while True:
        with closing(sqlite3.connect(database)) as db:
            left = db.execute("SELECT count(*) FROM messages WHERE due IS NULL").fetchone()[0]
            timers = db.execute("SELECT count(*) FROM messages WHERE due IS NOT NULL").fetchone()[0]
        if (left, timers) == (0, 3):
            return
        assert time.monotonic() < deadline, f"{left} messages and {timers} timers are left"
        time.sleep(0.02)


@pytest.fixture
def inspect(reference: DevhostProcess, capsys: pytest.CaptureFixture[str]) -> Inspect:
    """Run `inspect` on that host's task hub and return what it prints."""

    def run(*arguments: str) -> str:
        assert main(["inspect", "--db", str(reference.database), *arguments]) == 0
        return capsys.readouterr().out

    return run


def test_table_has_every_run_the_newest_first(inspect: Inspect) -> None:
    heading, *rows = inspect().splitlines()
    assert heading.split("  ")[0] == "INSTANCE"
    by_id = {row.split()[0]: row for row in rows}
    assert by_id.keys() == {*RUNS, "kid-parent"}
    assert list(by_id)[-1] == "done"
    assert re.search(r"^done +chain +Completed +\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ +\S+ \S+$", by_id["done"])


@pytest.mark.parametrize(
    ("flags", "found"),
    [
        (["--status", "suspended"], ["suspended"]),
        (["--name", "WAIT_GO"], ["kid-parent", "listening", "suspended"]),
        (["--name", "wait_go", "--status", "Running"], ["kid-parent", "listening"]),
        (["--name", "nothing"], ["No"]),
    ],
    ids=" ".join,
)
def test_table_can_be_narrowed(inspect: Inspect, flags: list[str], found: list[str]) -> None:
    assert sorted({row.split()[0] for row in inspect(*flags).splitlines()} - {"INSTANCE"}) == found


def test_table_stops_at_the_limit(inspect: Inspect) -> None:
    assert len(inspect("--limit", "2").splitlines()) == 3


def test_history_has_the_events_as_they_are_stored(inspect: Inspect) -> None:
    events = json.loads(inspect("listening", "--history"))
    assert [event["EventType"] for event in events] == [12, 0, 13]
    assert events[1]["Name"] == "wait_go"
    assert json.loads(inspect("done", "--history"))[-2]["EventType"] == 1


@pytest.mark.parametrize(
    ("instance_id", "waits"),
    [
        ("pausing", r"the pause after attempt 1 of 2 of activity fail until \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ"),
        ("sleeping", r"a timer until \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ"),
        ("busy", r"activity slow"),
        ("parent", r"child wait_go kid-parent"),
        ("suspended", r"being resumed, with 1 message\(s\) held until then"),
        ("listening", r"an external event; a history does not tell which"),
    ],
)
def test_run_says_what_it_waits_for(inspect: Inspect, instance_id: str, waits: str) -> None:
    assert re.search(rf"^Waits for:\n  {waits}\n", inspect(instance_id), re.MULTILINE)
    assert re.search(rf"^{instance_id} .* {waits}$", inspect(), re.MULTILINE)


def test_run_held_open_says_so(inspect: Inspect) -> None:
    text = inspect("held")
    assert re.search(
        r"^Its function has returned; it stays Running, as on Azure, until what it started has ended:\n"
        r"  a timer until \S+ \S+\n",
        text,
        re.MULTILINE,
    )
    assert "has returned; a timer until" in inspect("--name", "program")


def test_timeline_tells_attempts_durations_and_failures(inspect: Inspect) -> None:
    text = inspect("tried")
    assert text.startswith("tried  program  Completed\n")
    assert re.search(
        r"\d \d\d:\d\d:\d\d\.\d{3} +\d\d:\d\d:\d\d\.\d{3} +[\d.]+ m?s +activity fail +"
        r"failed: Activity function 'fail' failed: ValueError: no \(attempt 3 of 3\)\n",
        text,
    )
    assert re.search(r"entity @counter@trieda add +answered\n", text)
    assert re.search(r"  output +\[\[\"failed\",", text)


def test_timeline_tells_canceled_timers_and_raised_events(inspect: Inspect) -> None:
    text = inspect("raced")
    assert re.search(r"  timer +canceled, due \S+ \S+\n", text)
    assert re.search(r"  event go +raised\n", text)
    assert re.search(r"  run suspended\n", inspect("suspended"))


def test_json_has_the_same_for_programs(inspect: Inspect) -> None:
    table = json.loads(inspect("--json", "--name", "wait_go", "--status", "Suspended"))
    assert [(row["instance_id"], row["waits_for"][0]["due"]) for row in table] == [("suspended", None)]
    one = json.loads(inspect("tried", "--json"))
    assert one["input"]["results"] == []
    assert [(step["kind"], step["result"], step["attempts"]) for step in one["steps"]] == [
        ("activity", "failed", 3),
        ("entity", "answered", 1),
    ]


def test_entities_are_listed_with_the_size_of_their_state(inspect: Inspect) -> None:
    assert re.search(r"^@counter@trieda +1 +\d{4}-", inspect("--entities").splitlines()[1])
    assert inspect("--entities", "Counter@other") == "No entities.\n"
    assert inspect("@Counter@trieda") == "3\n"


@pytest.mark.parametrize("unknown", ["nobody", "@counter@nobody"])
def test_unknown_id_is_one_sentence(
    reference: DevhostProcess, capsys: pytest.CaptureFixture[str], unknown: str
) -> None:
    assert main(["inspect", "--db", str(reference.database), unknown]) == 1
    printed, sentence = capsys.readouterr()
    assert not printed and len(sentence.splitlines()) == 1
    assert f"'{unknown}'" in sentence


def test_what_a_kill_left_is_shown_and_stays_as_it_is(
    reference: DevhostProcess, tmp_path: Path, inspect: Inspect, capsys: pytest.CaptureFixture[str]
) -> None:
    alive = inspect()
    for path in reference.database.parent.glob("state.db*"):
        shutil.copy(path, tmp_path)
    before = (tmp_path / "state.db").read_bytes(), (tmp_path / "state.db-wal").read_bytes()
    assert main(["inspect", "--db", str(tmp_path / "state.db")]) == 0
    assert capsys.readouterr().out == alive
    assert ((tmp_path / "state.db").read_bytes(), (tmp_path / "state.db-wal").read_bytes()) == before


def test_result_that_no_host_has_processed_is_told_apart(
    reference: DevhostProcess, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in reference.database.parent.glob("state.db*"):
        shutil.copy(path, tmp_path)
    with closing(sqlite3.connect(tmp_path / "state.db")) as db, db:
        (execution_id,) = db.execute("SELECT execution_id FROM instances WHERE instance_id = 'busy'").fetchone()
        db.execute("INSERT INTO messages VALUES (1000, 'busy', ?, 5, 0, '{}', NULL)", (execution_id,))
        db.execute("INSERT INTO messages VALUES (1001, 'listening', NULL, 15, NULL, '{}', NULL)")
    assert main(["inspect", "--db", str(tmp_path / "state.db")]) == 0
    table = capsys.readouterr().out
    assert re.search(r"^busy .* a host to process the result of activity slow$", table, re.MULTILINE)
    assert re.search(r"^listening .* a host to process 1 message\(s\)$", table, re.MULTILINE)


def test_everything_shown_is_of_one_moment(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with closing(TaskHub(path)), HubSnapshot(path) as before:
        with closing(sqlite3.connect(path)) as host, host:
            host.execute("INSERT INTO entities VALUES ('@counter@k', 1, '7', 0)")
        assert before.entities("@", 10) == []
        with HubSnapshot(path) as after:
            assert [row.entity_id for row in after.entities("@", 10)] == ["@counter@k"]
