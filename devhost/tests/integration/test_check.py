"""`start --check` and the start itself, on runs that were begun by code that has been changed since."""

import hashlib
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from devhost.testing.host_process import REPOSITORY, DevhostProcess
from devhost.testing.plugin import StartHost
from devhost.tests.support.hub_over_http import HubOverHttp

HEAD = """
import azure.durable_functions as df
import azure.functions as func
from datetime import timedelta
app = df.DFApp()
@app.activity_trigger(input_name="text")
def draft(text: str) -> str: return text
@app.activity_trigger(input_name="text")
def polish(text: str) -> str: return text
@app.entity_trigger(context_name="context")
def shelf(context): context.set_result(1)
@app.activity_trigger(input_name="text")
def flaky(text: str) -> str: raise ValueError(text)
"""
# Each orchestration waits, when it has come this far, for an event that never comes.
BODIES = {
    "kept": [
        "yield context.task_all([context.call_activity('draft', 'a'), context.call_activity('draft', 'b')])",
        "yield context.call_entity(df.EntityId('shelf', 'k'), 'take')",
        "yield context.task_any([context.wait_for_external_event('go'), context.create_timer(HOUR)])",
    ],
    "retried": ["yield context.call_activity_with_retry('flaky', df.RetryOptions(3600000, 3), 'no')"],
    "another": ["yield context.call_activity('draft', 'a')", "yield context.wait_for_external_event('go')"],
    "inserted": ["yield context.call_activity('draft', 'a')", "yield context.create_timer(HOUR)"],
    "shorter": ["yield context.call_activity('draft', 'a')", "yield context.create_timer(HOUR)"],
    "parent": ["yield context.call_sub_orchestrator('renamed', None, 'child')"],
    "calls": ["yield context.call_activity('draft', 'a')", "yield context.wait_for_external_event('go')"],
    "raises": ["yield context.call_activity('draft', 'a')", "yield context.wait_for_external_event('go')"],
    "renamed": ["yield context.wait_for_external_event('go')"],
    "grown": ["yield context.call_activity('draft', 'a')", "yield context.wait_for_external_event('go')"],
}
CHANGED = BODIES | {
    "another": ["yield context.call_activity('polish', 'a')", BODIES["another"][1]],
    "inserted": [BODIES["inserted"][0], "yield context.call_activity('polish', 'a')", BODIES["inserted"][1]],
    "shorter": [BODIES["shorter"][0]],
    "parent": ["yield context.create_timer(HOUR)"],
    "calls": [BODIES["calls"][0], "yield context.call_activity('gone', 'a')"],
    "raises": [BODIES["raises"][0], "raise ValueError('not now')"],
    "grown": [*BODIES["grown"], "yield context.call_activity('polish', 'a')"],
}
NO_PARAMETER = """
@app.route(route="broken")
def broken(not_the_binding: func.HttpRequest) -> str: return ""
"""


def write_app(folder: Path, bodies: dict[str, list[str]], more: str = "") -> Path:
    """Write an app with an orchestration for each body."""
    folder.mkdir(exist_ok=True)
    (folder / "host.json").write_text('{"extensions": {"durableTask": {}}}', encoding="utf-8")
    parts = [HEAD]
    for name, lines in bodies.items():
        parts.append(f'@app.orchestration_trigger(context_name="context")\ndef {name}(context):')
        parts.append("    HOUR = context.current_utc_datetime + timedelta(hours=1)")
        parts += [f"    {line}" for line in lines]
        parts.append("    return 1\n")
    (folder / "function_app.py").write_text("\n".join(parts) + more, encoding="utf-8")
    return folder


def check(app: Path, *arguments: str | Path) -> tuple[int, list[str]]:
    """Run `start --check` and return its status and lines."""
    command = [sys.executable, "-m", "devhost", "start", "--check", "--app-root", app, *arguments]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=50)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout.splitlines()


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The task hub of a killed host, with a run of each orchestration under way; its id is the orchestration's name."""
    folder = tmp_path_factory.mktemp("left")
    with DevhostProcess(folder, write_app(folder / "app", BODIES)) as host, host.client() as http:
        hub = HubOverHttp(http)
        for name in BODIES:
            hub.start(name, name)
        settle(host.database, len(BODIES) + 1)
        hub.post("instances/kept/suspend")
        hub.until("kept", "Suspended")
        host.kill()
    yield host.database


def settle(database: Path, runs: int) -> None:
    """Wait until so many runs have done all that comes by itself, and only timers are left."""
    left = "SELECT (SELECT count(*) FROM messages WHERE due IS NULL) + (SELECT count(*) FROM activities)"
    running = "SELECT count(*) FROM instances WHERE status = 'Running'"
    deadline = time.monotonic() + 20
    with closing(sqlite3.connect(database)) as db:
        while (counts := db.execute(f"SELECT ({left}), ({running})").fetchone()) != (0, runs):
            assert time.monotonic() < deadline, counts
            time.sleep(0.02)


def test_runs_of_the_same_code_are_all_right_and_nothing_changes(left: Path) -> None:
    before = [hashlib.sha256(left.with_name(left.name + suffix).read_bytes()).digest() for suffix in ("", "-wal")]
    status, said = check(left.parent / "app", "--db", left)
    assert (status, said) == (0, ["Nothing is wrong with the app, nor with its open runs."])
    after = [hashlib.sha256(left.with_name(left.name + suffix).read_bytes()).digest() for suffix in ("", "-wal")]
    assert after == before


def test_each_run_that_the_changed_code_would_break_is_told(left: Path, tmp_path: Path) -> None:
    changed = {name: body for name, body in CHANGED.items() if name != "renamed"}
    status, said = check(write_app(tmp_path / "app", changed), "--db", left)
    assert status == 1
    *found, summary = said
    assert summary == f"{len(found)} found."
    by_run = {line.split("'")[1]: line for line in found}
    leaves = "Instance {0!r} of {0!r} would leave its history at event {1}: recorded {2}, code called {3}."
    assert by_run.keys() == {"renamed", "another", "inserted", "shorter", "parent", "calls", "raises"}
    assert found[0] == by_run["renamed"]
    assert found[0].startswith(
        "2 runs of 'renamed' are open, and the app has none: renamed?".replace("'", found[0][10])
    )
    assert by_run["another"] == leaves.format("another", 3, "activity 'draft'", "activity 'polish'")
    assert by_run["inserted"] == leaves.format("inserted", 7, "a timer", "activity 'polish'")
    assert by_run["shorter"] == leaves.format("shorter", 7, "a timer", "nothing")
    assert by_run["parent"] == leaves.format("parent", 3, "orchestration 'renamed'", "a timer")
    assert by_run["calls"].startswith("Instance 'calls' of 'calls' would fail: ")
    assert "The function 'gone' doesn't exist" in by_run["calls"]
    assert "would fail: not now" in by_run["raises"]


def test_function_that_cannot_be_indexed_is_zero_functions_on_azure(tmp_path: Path, start_host: StartHost) -> None:
    app = write_app(tmp_path / "app", {"kept": BODIES["kept"]}, NO_PARAMETER)
    status, said = check(app, "--ephemeral")
    assert status == 1
    assert said[0].startswith("On Azure: 0 functions. 'broken' cannot be indexed, and the app is left with none: ")
    assert said[1:] == ["1 found."]
    printed = start_host(app_root=app).output()
    assert said[0] in printed
    assert "NOT SERVED broken: " in printed


def test_function_that_the_host_refuses_fails_the_check_but_not_one_that_works_on_azure(tmp_path: Path) -> None:
    queue = (
        '@app.queue_trigger(arg_name="msg", queue_name="q", connection="c")\n'
        "def from_queue(msg: func.QueueMessage) -> None: ...\n"
    )
    assert check(write_app(tmp_path / "app", {}, queue), "--ephemeral")[0] == 0
    route = '@app.route(route="bad//route")\ndef bad_route(req: func.HttpRequest) -> str: ...\n'
    status, said = check(write_app(tmp_path / "app", {}, route), "--ephemeral")
    assert status == 1 and said[0].startswith("'bad_route' is not served: ")


def test_start_tells_of_open_runs_without_an_orchestration(tmp_path: Path) -> None:
    with DevhostProcess(tmp_path, write_app(tmp_path / "app", BODIES)) as host, host.client() as http:
        HubOverHttp(http).start("renamed", "a")
        HubOverHttp(http).start("kept", "b")
        HubOverHttp(http).until("a", "Running")
        host.kill()
    write_app(tmp_path / "app", {"kept": BODIES["kept"]})
    with host:
        assert "\n1 run of 'renamed' is open, and the app has none: renamed?\n" in host.output()
        assert "'kept' " not in host.output()
