"""The doctor on runs of a real host: one that was killed and whose app has changed since, and one that is asked."""

import contextlib
import http.server
import json
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from devhost.doctor import hub, remote
from devhost.doctor.command import main
from devhost.doctor.finding import Finding, Level
from devhost.doctor.place import Place
from devhost.doctor.remote import AddressError, RunningApp
from devhost.testing.host_process import DevhostProcess
from devhost.testing.ports import free_port
from devhost.tests.support.hub_over_http import HubOverHttp

pytestmark = pytest.mark.devhost_only("reads the file of its task hub")

HEAD = """
import time
import azure.durable_functions as df
import azure.functions as func
from datetime import timedelta
app = df.DFApp()
@app.route(route="health", auth_level="anonymous")
def health(req: func.HttpRequest) -> func.HttpResponse: return func.HttpResponse('{"model": "away"}', status_code=503)
@app.activity_trigger(input_name="text")
def draft(text: str) -> str: return text
@app.activity_trigger(input_name="text")
def polish(text: str) -> str: return text
"""
GOES = """
@app.activity_trigger(input_name="text")
def slow(text: str) -> str: time.sleep(60); return text
@app.entity_trigger(context_name="context")
def shelf(context): time.sleep(60)
@app.orchestration_trigger(context_name="context")
def renamed(context): yield context.wait_for_external_event("go")
"""
BODIES = {
    "approval": [
        "context.set_custom_status({'waiting_for': {'event_name': 'Decision'}})",
        "yield context.task_any([context.wait_for_external_event('Decision'), context.create_timer(HOUR)])",
    ],
    "held": ["yield context.wait_for_external_event('go')"],
    "writes": ["yield context.call_activity('slow', 'a')"],
    "asks": ["yield context.call_entity(df.EntityId('shelf', 'k'), 'take')"],
    "parent": ["yield context.call_sub_orchestrator('renamed', None, 'child')"],
    "sleeps": ["yield context.create_timer(HOUR)"],
    "changed": ["yield context.call_activity('draft', 'a')", "yield context.wait_for_external_event('go')"],
}
NOW = BODIES | {"changed": ["yield context.call_activity('polish', 'a')", BODIES["changed"][1]]}


def write_app(folder: Path, bodies: dict[str, list[str]], more: str) -> Path:
    """Write an app with an orchestration for each body."""
    folder.mkdir(exist_ok=True)
    (folder / "host.json").write_text('{"version": "2.0", "extensions": {"durableTask": {}}}', encoding="utf-8")
    parts = [HEAD, more]
    for name, lines in bodies.items():
        parts.append(f'@app.orchestration_trigger(context_name="context")\ndef {name}(context):')
        parts.append("    HOUR = context.current_utc_datetime + timedelta(hours=1)")
        parts += [f"    {line}" for line in lines]
    (folder / "function_app.py").write_text("\n".join(parts) + "\n", encoding="utf-8")
    return folder


def settle(database: Path) -> None:
    """Wait until all runs wait for what does not come by itself."""
    waits = "SELECT count(*) FROM history WHERE event LIKE '%TaskScheduled%' OR event LIKE '%\"EventType\"%'"
    deadline, before = time.monotonic() + 20, -1
    with closing(sqlite3.connect(database)) as db:
        while (now := db.execute(waits).fetchone()[0]) != before or now < len(BODIES):
            assert time.monotonic() < deadline
            before = now
            time.sleep(0.5)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevhostProcess]:
    """A host with a run of each orchestration under way; its id is the orchestration's name."""
    folder = tmp_path_factory.mktemp("doctor")
    with DevhostProcess(folder, write_app(folder / "app", BODIES, GOES)) as host, host.client() as http:
        api = HubOverHttp(http)
        for name in BODIES:
            api.start(name, name)
        settle(host.database)
        api.post("instances/held/suspend")
        api.until("held", "Suspended")
        yield host


@pytest.fixture(scope="module")
def asked(running: DevhostProcess) -> list[Finding]:
    """What the running host tells."""
    return list(remote.diagnose(RunningApp(running.url, "", "api")))


@pytest.fixture(scope="module")
def left(running: DevhostProcess, asked: list[Finding]) -> Place:
    """What it left when it was killed, with an app whose code has changed since."""
    running.kill()
    write_app(running.app_root, NOW, "")
    (running.app_root / ".venv").symlink_to(sys.prefix)
    return Place(running.app_root, running.database, running.app_root / ".venv", {})


def about(found: list[Finding], where: str) -> Finding:
    """Return the one finding about something."""
    (one,) = (one for one in found if one.where == where)
    return one


def test_a_running_app_tells_what_its_runs_wait_for(asked: list[Finding], running: DevhostProcess) -> None:
    assert about(asked, "the run approval").check == "waits-for-event"
    assert "'Decision'" in about(asked, "the run approval").what
    assert about(asked, "the run held").check == "suspended"
    assert "activity slow since" in about(asked, "the run writes").what
    assert "child renamed since" in about(asked, "the run parent").what
    assert "timer until" in about(asked, "the run sleeps").what
    assert about(asked, f"{running.url}/api/health").check == "health"


def test_open_runs_of_a_hub_tell_what_they_wait_for(left: Place) -> None:
    found = list(hub.open_runs(left))
    assert about(found, "the run approval").check == "waits-for-event"
    assert about(found, "the run held").check == "suspended"
    assert "timer until" in about(found, "the run sleeps").what
    for run, name in (("writes", "activity 'slow'"), ("parent", "orchestration 'renamed'")):
        one = about(found, f"the run {run}")
        assert (one.level, one.check) == (Level.FAULT, "not-registered") and name in one.what
    one = about(found, "the run asks")
    assert one.check == "not-registered" and "'shelf'" in one.what
    assert about(found, "the orchestration renamed").check == "no-orchestration"


def test_runs_that_the_changed_code_takes_off_their_histories(left: Place) -> None:
    found = {one.check: one for one in hub.departing_runs(left)}
    assert "'changed'" in found["non-determinism"].what and "recorded activity 'draft'" in found["non-determinism"].what
    assert "new name" in found["non-determinism"].fix


def test_the_command_puts_it_all_together(left: Place, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--json", "--app-root", str(left.app_root), "--db", str(left.hub)]
    assert main([*flags, "--url", f"http://127.0.0.1:{free_port()}"], left.venv) == 1
    checks = {one["check"] for one in json.loads(capsys.readouterr().out)}
    assert {"non-determinism", "not-registered", "no-orchestration", "waits-for-event", "unreachable"} <= checks
    assert "not-processed" in checks, "nobody serves the hub, and an activity waits"


@contextlib.contextmanager
def functions_host(answers: dict[str, tuple[int, Any]], seen: list[tuple[str, str]]) -> Iterator[str]:
    """Answer as a Functions host does, by the first path that begins so; note each path with its key."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append((self.path, self.headers.get("x-functions-key", "")))
            status, body = next((told for path, told in answers.items() if self.path.startswith(path)), (404, ""))
            content = json.dumps(body).encode()
            self.send_response(status)
            if status == 302:
                self.send_header("Location", body)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


STATUS = {"state": "Running", "version": "4.1037.0", "extensionBundle": {"version": "4.38.0"}}


@pytest.mark.parametrize(
    ("check", "answers", "name", "what"),
    [
        (remote.host_state, {"/admin/host/status": (200, STATUS)}, "host-state", "extension bundle 4.38.0"),
        (
            remote.host_state,
            {"/admin/host/status": (200, {"state": "Error", "errors": ["Invalid host.json"]})},
            "host-state",
            "state Error: Invalid host.json",
        ),
        (remote.host_state, {"/admin/host/status": (401, "")}, "key", "asks for a key"),
        (remote.zero_functions, {"/admin/functions": (200, [])}, "no-functions", "0 functions"),
        (remote.health, {}, "health", "answers 404"),
        (remote.health, {"/api/health": (503, {"model": "away"})}, "health", "away"),
        (remote.health, {"/api/health": (401, "")}, "key", "asks for a key"),
        (remote.dependencies, {"/api/health/details?deep=1": (503, {"task_hub": "failed"})}, "health", "task_hub"),
        (remote.dependencies, {"/api/health/details": (401, "")}, "key", "without a key"),
        (remote.open_runs, {"/runtime/webhooks/durabletask/instances": (401, "")}, "key", "without a key"),
    ],
)
def test_what_a_functions_host_answers(
    check: Callable[[RunningApp], Iterator[Finding]], answers: dict[str, tuple[int, Any]], name: str, what: str
) -> None:
    seen: list[tuple[str, str]] = []
    with functions_host(answers, seen) as url:
        (one,) = check(RunningApp(url, "the-key", "api"))
    assert one.check == name and what in one.what
    assert {key for _, key in seen} == {"the-key"} and not any("the-key" in path for path, _ in seen)


def test_a_run_that_waits_for_what_a_functions_host_does_not_have() -> None:
    listed = [{"instanceId": "r-1"}, {"instanceId": "@counter@k"}]
    status = {
        "name": "story",
        "runtimeStatus": "Running",
        "createdTime": "2026-01-05T12:00:00Z",
        "lastUpdatedTime": "2026-01-05T12:00:00Z",
        "historyEvents": [{"EventType": "TaskScheduled", "Name": "gone", "Timestamp": "2026-01-05T12:00:00.1234567Z"}],
    }
    bindings = [{"type": "orchestrationTrigger", "name": "context", "orchestration": "story"}]
    answers = {
        "/admin/functions": (200, [{"name": "a_story", "config": {"bindings": bindings}}]),
        "/runtime/webhooks/durabletask/instances/r-1": (202, status),
        "/runtime/webhooks/durabletask/instances?": (200, listed),
    }
    with functions_host(answers, []) as url:
        (one,) = remote.open_runs(RunningApp(url, "", "api"))
    assert one.check == "not-registered" and "activity 'gone'" in one.what


@pytest.mark.parametrize("body", [[1], [{}], {"state": 1}, "x", None])
def test_another_server_at_the_address(body: Any) -> None:
    with functions_host({"/": (200, body)}, []) as url:
        assert any(one.level is not Level.NOTE for one in remote.diagnose(RunningApp(url, "", "api"))) or body == "x"


def test_a_key_goes_nowhere_else() -> None:
    seen: list[tuple[str, str]] = []
    with functions_host({"/": (200, {})}, seen) as other, functions_host({"/": (302, f"{other}/x")}, []) as url:
        assert RunningApp(url, "the-key", "api").get("/admin/host/status").status == 302
    assert seen == []
    for url in (
        "http://agents.example.com",
        "https://agents.example.com?code=k",
        "ftp://x",
        "agents.example.com",
        "http://[x",
        "http://a:99999",
    ):
        with pytest.raises(AddressError):
            RunningApp(url, "the-key", "api")
    RunningApp("https://agents.example.com", "the-key", "api")
