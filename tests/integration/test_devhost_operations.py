"""`devhost inspect` and `reset`, and what the host logs about instances."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from devhost.__main__ import main
from devhost.hub.snapshot import HubSnapshot
from devhost.hub.store import SCHEMA_VERSION, TaskHub
from tests.support.host_process import HostProcess

APP = Path(__file__).parents[1] / "conformance" / "app"
FOREIGN = Path(__file__).parents[1] / "apps" / "foreign"
WEBHOOK = "/runtime/webhooks/durabletask"
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
def reference(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    """The reference app with one run in each state that an operator meets."""
    scratch = tmp_path_factory.mktemp("scratch")
    host = HostProcess(tmp_path_factory.mktemp("operations"), APP, REFERENCE_SCRATCH=str(scratch))
    host.start()
    with host.client() as http:
        for instance_id, (name, body) in RUNS.items():
            assert http.post(f"{WEBHOOK}/orchestrators/{name}/{instance_id}", json=body).status_code == 202
        for instance_id in ("done", "tried"):
            reach(http, instance_id, "Completed")
        for instance_id in ("raced", "suspended", "kid-parent"):
            reach(http, instance_id, "Running")
        http.post(f"{WEBHOOK}/instances/raced/raiseEvent/go", json={"k": 1})
        reach(http, "raced", "Completed")
        http.post(f"{WEBHOOK}/instances/suspended/suspend")
        reach(http, "suspended", "Suspended")
        http.post(f"{WEBHOOK}/instances/suspended/raiseEvent/go", json=1)
    settled(host.database)
    yield host
    host.kill()


def reach(http: httpx.Client, instance_id: str, status: str) -> None:
    deadline = time.monotonic() + 20
    while (found := http.get(f"{WEBHOOK}/instances/{instance_id}")).json()["runtimeStatus"] != status:
        assert time.monotonic() < deadline, found.text
        time.sleep(0.02)


def settled(database: Path) -> None:
    """Wait until no message is left but three timers and what the suspended run holds."""
    deadline = time.monotonic() + 20
    while True:
        with closing(sqlite3.connect(database)) as db:
            left = db.execute("SELECT count(*) FROM messages WHERE due IS NULL").fetchone()[0]
            timers = db.execute("SELECT count(*) FROM messages WHERE due IS NOT NULL").fetchone()[0]
        if (left, timers) == (1, 3):
            return
        assert time.monotonic() < deadline, f"{left} messages and {timers} timers are left"
        time.sleep(0.02)


@pytest.fixture
def inspect(reference: HostProcess, capsys: pytest.CaptureFixture[str]) -> Inspect:
    """Run `inspect` on that host's task hub and return what it prints."""

    def run(*arguments: str) -> str:
        assert main(["inspect", "--db", str(reference.database), *arguments]) == 0
        return capsys.readouterr().out

    return run


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Inspect:
    """Run a command that must fail and return the sentence it gives."""

    def run(*arguments: str) -> str:
        assert main(list(arguments)) == 1
        printed, sentence = capsys.readouterr()
        assert not printed and len(sentence.splitlines()) == 1
        return sentence

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
        r"failed: Activity function 'fail' failed:  ValueError: no \(attempt 3 of 3\)\n",
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
def test_unknown_id_is_one_sentence(reference: HostProcess, refused: Inspect, unknown: str) -> None:
    assert f"'{unknown}'" in refused("inspect", "--db", str(reference.database), unknown)


def test_what_a_kill_left_is_shown_and_stays_as_it_is(
    reference: HostProcess, tmp_path: Path, inspect: Inspect, capsys: pytest.CaptureFixture[str]
) -> None:
    alive = inspect()
    for path in reference.database.parent.glob("state.db*"):
        shutil.copy(path, tmp_path)
    before = (tmp_path / "state.db").read_bytes(), (tmp_path / "state.db-wal").read_bytes()
    assert main(["inspect", "--db", str(tmp_path / "state.db")]) == 0
    assert capsys.readouterr().out == alive
    assert ((tmp_path / "state.db").read_bytes(), (tmp_path / "state.db-wal").read_bytes()) == before


def test_result_that_no_host_has_processed_is_told_apart(
    reference: HostProcess, tmp_path: Path, capsys: pytest.CaptureFixture[str]
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


def no_file(path: Path) -> None:
    pass


def a_text(path: Path) -> None:
    path.write_text("not a database, but long enough to be looked at by SQLite\n" * 20)


def another_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE bookmarks (url TEXT)")


def newer(path: Path) -> None:
    TaskHub(path).close()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (no_file, "There is no task hub at"),
        (a_text, "cannot be read as a task hub"),
        (another_database, "is an SQLite file, but no task hub"),
        (newer, f"has schema version {SCHEMA_VERSION + 1}; this devhost knows up to {SCHEMA_VERSION}"),
    ],
    ids=["no file", "a text", "another database", "newer"],
)
def test_file_that_is_no_hub_of_ours_is_refused(
    tmp_path: Path, refused: Inspect, make: Callable[[Path], None], sentence: str
) -> None:
    path = tmp_path / "some.db"
    make(path)
    assert sentence in refused("inspect", "--db", str(path))


@pytest.mark.parametrize("make", [no_file, a_text, another_database], ids=["no file", "a text", "another database"])
def test_reset_deletes_nothing_but_task_hubs(tmp_path: Path, refused: Inspect, make: Callable[[Path], None]) -> None:
    path = tmp_path / "some.db"
    make(path)
    before = sorted(tmp_path.iterdir())
    assert str(path) in refused("reset", "--yes", "--db", str(path))
    assert sorted(tmp_path.iterdir()) == before


def test_reset_is_refused_with_the_pid_of_the_host(reference: HostProcess, refused: Inspect) -> None:
    sentence = refused("reset", "--yes", "--db", str(reference.database))
    assert f"in use by process {reference.database.with_name('state.db.lock').read_text().strip()}." in sentence


@pytest.mark.parametrize("make", [newer, lambda path: TaskHub(path).close()], ids=["newer", "ours"])
def test_reset_deletes_the_hub_with_its_log(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "state.db"
    make(path)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).touch()
    assert main(["reset", "--yes", "--db", str(path)]) == 0
    assert [left.name for left in tmp_path.iterdir()] == ["state.db.lock"]


def test_reset_without_a_terminal_needs_yes(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    TaskHub(path).close()
    command = [sys.executable, "-m", "devhost", "reset", "--db", str(path)]
    done = subprocess.run(command, input="yes\n", capture_output=True, text=True)
    assert (done.returncode, path.exists()) == (1, True)
    assert "--yes" in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX terminal")
@pytest.mark.parametrize(("answer", "status"), [("yes", 0), ("y", 1), ("", 1)])
def test_reset_asks_on_a_terminal(tmp_path: Path, answer: str, status: int) -> None:
    path = tmp_path / "state.db"
    TaskHub(path).close()
    here, there = os.openpty()
    command = [sys.executable, "-m", "devhost", "reset", "--db", str(path)]
    process = subprocess.Popen(command, stdin=there, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    os.write(here, f"{answer}\n".encode())
    said, _ = process.communicate()
    os.close(here)
    os.close(there)
    assert (process.returncode, path.exists()) == (status, status != 0), said
    assert f"This deletes the task hub {path} with all its runs and entities." in said


def test_lines_about_a_run_begin_with_its_id_and_replay_repeats_none(start_host: Any, tmp_path: Path) -> None:
    host = start_host(app_root=APP, REFERENCE_SCRATCH=str(tmp_path))
    with host.client() as http:
        for name, end in (("chain", "Completed"), ("fail_activity", "Failed"), ("unknown_activity", "Failed")):
            http.post(f"{WEBHOOK}/orchestrators/{name}/r-{name}")
            reach(http, f"r-{name}", end)
        http.post(f"{WEBHOOK}/orchestrators/program/r-held", json=RUNS["held"][1])
        reach(http, "r-held", "Running")
        http.post(f"{WEBHOOK}/orchestrators/wait_two/r-two")
        reach(http, "r-two", "Running")
        host.restart()
        for _ in range(2):
            http.post(f"{WEBHOOK}/instances/r-two/raiseEvent/go", json=1)
        reach(http, "r-two", "Completed")
    logged = re.findall(r"^\d\d:\d\d:\d\d (?:INFO|WARNING|ERROR) (.*)$", host.output(), re.MULTILINE)
    assert {line.split(": ")[0] for line in logged} == {
        "r-chain",
        "r-fail_activity",
        "r-unknown_activity",
        "r-held",
        "r-two",
    }
    assert len(set(logged)) == len(logged)
    assert "r-unknown_activity: 'unknown_activity' on Azure this run would hang" in "\n".join(logged)


def test_turn_that_cannot_be_processed_fails_the_run(start_host: Any) -> None:
    host = start_host(app_root=FOREIGN)
    with host.client() as http:
        http.post(f"{WEBHOOK}/orchestrators/misprint/m-1")
        reach(http, "m-1", "Failed")
        output = http.get(f"{WEBHOOK}/instances/m-1").json()["output"]
    assert output.startswith("Orchestrator function 'misprint' failed: devhost could not process the turn (")
    assert "m-1: the turn could not be processed; the instance fails." in host.output()


def test_managed_identity_is_refused_with_what_to_do(start_host: Any) -> None:
    host = start_host(app_root=FOREIGN)
    with host.client() as http:
        http.post(f"{WEBHOOK}/orchestrators/ask_the_tax_office/t-1")
        reach(http, "t-1", "Failed")
        output = http.get(f"{WEBHOOK}/instances/t-1").json()["output"]
    assert "asks for a managed identity's token, which there is only on Azure." in output


def test_purge_of_many_takes_the_ended_runs_that_match(start_host: Any) -> None:
    host = start_host(app_root=FOREIGN)
    with host.client() as http:
        for instance_id in ("s-1", "s-2"):
            http.post(f"{WEBHOOK}/orchestrators/ship/{instance_id}", json="[]")
            reach(http, instance_id, "Completed")
        http.post(f"{WEBHOOK}/orchestrators/visits/v-1")
        http.post(f"{WEBHOOK}/orchestrators/misprint/m-1")
        reach(http, "m-1", "Failed")
        since = f"{WEBHOOK}/instances?createdTimeFrom=2001-01-01T00:00:00Z"
        assert http.delete(f"{since}&createdTimeTo=2002-01-01T00:00:00Z").status_code == 404
        assert http.delete(f"{since}&runtimeStatus=Completed").json() == {"instancesDeleted": 2}
        assert http.delete(since).json() == {"instancesDeleted": 1}
        assert [one["instanceId"] for one in http.get(f"{WEBHOOK}/instances").json()] == ["v-1"]


def test_entities_are_listed_over_http_in_pages(start_host: Any) -> None:
    host = start_host(app_root=FOREIGN)
    with host.client() as http:
        for number, article in enumerate(("tea", "jam", "egg"), 1):
            assert http.post(f"/shop/stock/{article}", json=number).status_code == 202
            deadline = time.monotonic() + 20
            while http.get(f"/shop/stock/{article}").status_code != 200:
                assert time.monotonic() < deadline
        first = http.get(f"{WEBHOOK}/entities/Stock?top=2&fetchState=true")
        token = {"x-ms-continuation-token": first.headers["x-ms-continuation-token"]}
        second = http.get(f"{WEBHOOK}/entities?top=2", headers=token)
        assert [(row["entityId"], row["state"]) for row in first.json()] == [
            ({"name": "stock", "key": "tea"}, 1),
            ({"name": "stock", "key": "jam"}, 2),
        ]
        assert [row["entityId"]["key"] for row in second.json()] == ["egg"]
        assert second.headers["x-ms-continuation-token"] == ""
        assert "state" not in second.json()[0]
        assert http.get(f"{WEBHOOK}/entities/Other").json() == []


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the memory in use from /proc")
def test_memory_does_not_grow_with_finished_runs(start_host: Any) -> None:
    host = start_host(app_root=FOREIGN)
    status = Path("/proc", host.database.with_name("state.db.lock").read_text().strip(), "status")

    def kilobytes_after(runs: range) -> int:
        """Let these runs end, each with an output of 10 kB, and return the memory in use."""
        for number in runs:
            body = json.dumps([{"to": "x" * 10_000, "pieces": number}])
            answer = http.post(f"{WEBHOOK}/orchestrators/ship/r{number}?timeout=20&pollingInterval=1", json=body)
            assert "Pigeon Post" in answer.json()[0], answer.text
        (line,) = re.findall(r"^VmRSS:\s+(\d+) kB$", status.read_text(), re.MULTILINE)
        return int(line)

    with host.client() as http:
        before = kilobytes_after(range(100))
        after = kilobytes_after(range(100, 300))
        assert after - before < 200 * 10
