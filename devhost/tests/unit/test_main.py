"""The command line: what it prints, what it refuses with which words, and how it ends."""

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from devhost.hub.file import SCHEMA_VERSION
from devhost.hub.store import TaskHub
from devhost.testing.host_process import REPOSITORY, DevhostProcess
from devhost.testing.plugin import StartHost
from devhost.tests.support.hub_over_http import HubOverHttp
from devhost.tests.unit.conftest import SMALL_APP


def devhost(*arguments: str | Path, folder: Path = REPOSITORY) -> "subprocess.CompletedProcess[str]":
    """Run a command that is expected to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "devhost", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=30,
    )


def start(*arguments: str | Path, app: Path = SMALL_APP) -> "subprocess.CompletedProcess[str]":
    return devhost("start", "--app-root", app, "--ephemeral", *arguments)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[DevhostProcess]:
    """A host on the small app that the test stops itself."""
    process = DevhostProcess(tmp_path, SMALL_APP)
    process.start()
    yield process
    process.kill()


def assert_refused(result: "subprocess.CompletedProcess[str]", message: str) -> None:
    """Check that a command ended with status 1, a message on stderr and no traceback."""
    assert (result.returncode, result.stderr) == (1, f"devhost: {message}\n")
    assert "Listening" not in result.stdout


def test_the_app_gets_its_own_modules_and_not_those_of_the_current_folder(tmp_path: Path) -> None:
    here, app = tmp_path / "here", tmp_path / "app"
    for folder in (here, app):
        (folder / "agents").mkdir(parents=True)
        (folder / "agents" / "__init__.py").touch()
        (folder / "agents" / "critic.py").write_text(f"NAME = 'critic_of_{folder.name}'\n")
    (app / "host.json").write_text('{"version": "2.0"}')
    (app / "function_app.py").write_text("from agents import critic\n\nraise RuntimeError(critic.NAME)\n")
    result = devhost("start", "--app-root", app, "--ephemeral", "--port", "0", folder=here)
    assert result.stderr.rstrip().endswith("RuntimeError: critic_of_app")


# What it prints


def test_functions_are_listed_with_methods_and_urls(own: DevhostProcess) -> None:
    listing = own.output()
    url = own.url.replace("127.0.0.1", "localhost")
    assert f"    mirror: [ANY] {url}/api/mirror/{{part?}}\n" in listing
    assert f"    only_get: [GET] {url}/api/only-get\n" in listing
    assert re.search(r"^    orchestrationTrigger: .*\becho, fail_with, greet, ", listing, re.MULTILINE)
    assert re.search(r"^    activityTrigger: .*\bfail, hello, need_file, pause\b", listing, re.MULTILINE)
    assert "    entityTrigger: Clerk, Shelf\n" in listing
    assert "on Azure 1 of these URLs need one." in listing
    assert f"Task hub: {own.database}\n" in listing
    names = re.findall(r"^    (\w+): \[", listing, re.MULTILINE)
    assert names == sorted(names, key=str.lower)


def test_functions_that_are_not_served_are_listed_with_the_reason(tmp_path: Path, start_host: StartHost) -> None:
    app = tmp_path / "app"
    app.mkdir()
    (app / "host.json").write_text("{}", encoding="utf-8")
    (app / "local.settings.json").write_text('{"Values": {}}', encoding="utf-8")
    (app / "function_app.py").write_text(
        "import azure.functions as func\n"
        "app = func.FunctionApp()\n"
        "@app.timer_trigger(schedule='0 0 * * * *', arg_name='timer')\n"
        "def tick(timer: func.TimerRequest) -> None: ...\n"
        "@app.queue_trigger(arg_name='msg', queue_name='q', connection='c')\n"
        "def from_queue(msg: func.QueueMessage) -> None: ...\n"
        "@app.route(route='bad//route')\n"
        "def bad_route(req: func.HttpRequest) -> str: ...\n"
        "@app.route(route='item/{id}')\n"
        "def an_item(req: func.HttpRequest) -> str: return 'item'\n"
        "@app.route(route='item/special')\n"
        "def special(req: func.HttpRequest) -> str: return 'special'\n",
        encoding="utf-8",
    )
    host = start_host(app_root=app)
    listing = host.output()
    assert "    NOT SERVED from_queue: Triggers of type 'queueTrigger' are not served by devhost" in listing
    assert "    NOT SERVED bad_route: " in listing
    assert re.search(r"^    HIDDEN special .*an_item comes first", listing, re.MULTILINE)
    assert f"Settings: {app / 'local.settings.json'}" in listing
    with host.client() as http:
        assert http.get("/api/item/special").text == "item"


def test_welcome_is_printed_with_the_url(tmp_path: Path) -> None:
    welcome = tmp_path / "welcome.txt"
    welcome.write_text("Try {url}/api/mirror\n", encoding="utf-8")
    options = ["--app-root", str(SMALL_APP), "--port", "0", "--ephemeral", "--welcome", str(welcome)]
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "devhost", "start", *options],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    seen = ""
    while "Listening on" not in seen:
        line = process.stdout.readline()
        assert line, seen
        seen += line
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=20)
    assert re.search(r"Try http://localhost:\d+/api/mirror\n", seen)
    assert "in memory only" in seen
    assert process.returncode == 0, rest


def test_next_start_says_with_how_much_it_goes_on(own: DevhostProcess) -> None:
    with own.client() as http:
        hub = HubOverHttp(http)
        hub.start("sleep_on_a_timer", "late", 3600)
        hub.until("late", "Running")
    own.restart()
    assert "Going on with 1 message(s) and activities that the last run left." in own.output()


# What it refuses


def test_busy_port_is_refused_with_the_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert_refused(
            start("--port", str(port)),
            f"Port {port} is in use. Stop what listens there, or choose another with --port {port + 1}.",
        )


def test_second_host_on_a_hub_is_refused_with_the_first_ones_process_id(own: DevhostProcess) -> None:
    result = devhost("start", "--app-root", SMALL_APP, "--port", "0", "--db", own.database)
    pid = own.database.with_name("state.db.lock").read_text(encoding="ascii").strip()
    message = f"The task hub {own.database} is in use by process {pid}."
    assert_refused(result, f"{message} Stop that host first, or name another file with --db.")
    with own.client() as http:
        assert http.get("/api/only-get").text == "got"


def test_hub_of_a_newer_devhost_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    TaskHub(path).close()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    db.close()
    result = devhost("start", "--app-root", SMALL_APP, "--port", "0", "--db", path)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(f"devhost: The task hub {path} has schema version {SCHEMA_VERSION + 1}; ")


def test_folder_without_an_app_is_refused(tmp_path: Path) -> None:
    assert_refused(
        start("--port", "0", app=tmp_path),
        f"There is no host.json in {tmp_path}: name the app's folder with --app-root.",
    )


@pytest.fixture
def app_that_does_not_import(tmp_path: Path) -> Path:
    (tmp_path / "host.json").write_text("{}", encoding="utf-8")
    (tmp_path / "function_app.py").write_text("import settings_that_are_missing\n", encoding="utf-8")
    return tmp_path


def test_app_that_does_not_import_is_refused_with_its_traceback(app_that_does_not_import: Path) -> None:
    result = start("--port", "0", app=app_that_does_not_import)
    assert result.returncode == 1
    refusal = result.stderr.partition(f"devhost: {app_that_does_not_import / 'function_app.py'} cannot be loaded.\n")[2]
    assert refusal.startswith("Traceback (most recent call last):")
    assert "ModuleNotFoundError: No module named 'settings_that_are_missing'" in refusal


def test_app_that_does_not_import_is_explained_once(app_that_does_not_import: Path) -> None:
    result = start("--port", "0", app=app_that_does_not_import)
    assert result.stderr.count("Traceback (most recent call last):") == 1


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--app-root", "no/such/folder"], "no/such/folder"),
        (["--app-root", SMALL_APP, "--welcome", "no-such-file.txt"], "no-such-file.txt"),
        (["--app-root", SMALL_APP, "--port", "99999"], "99999"),
        (["--app-root", SMALL_APP, "--host", "no-such-host.invalid"], "no-such-host.invalid"),
    ],
    ids=["app root", "welcome", "port", "host"],
)
def test_wrong_argument_is_refused_in_one_sentence(arguments: list[str | Path], named: str) -> None:
    more = [] if "--port" in arguments else ["--port", "0"]
    result = devhost("start", *arguments, *more)
    assert result.returncode in (1, 2)
    assert "Traceback" not in result.stderr
    assert named in result.stderr


def test_file_that_is_no_task_hub_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("keep me", encoding="utf-8")
    result = devhost("start", "--app-root", SMALL_APP, "--port", "0", "--db", notes)
    assert notes.read_text(encoding="utf-8") == "keep me"
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "notes.txt" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [[], ["stop"], ["start", "--db", "x", "--ephemeral"], ["start", "--port", "http"], ["start", "--nonsense", "x"]],
)
def test_wrong_usage_is_one_line_that_says_where_help_is(arguments: list[str]) -> None:
    result = devhost(*arguments)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith(
        " ".join(["devhost", *arguments[:1]] if arguments[:1] == ["start"] else ["devhost"])
    )
    assert "--help" in result.stderr


# How it ends


def test_ctrl_c_ends_it_cleanly_with_status_0(tmp_path: Path) -> None:
    process = DevhostProcess(tmp_path, SMALL_APP)
    process.start()
    assert process.stop() == 0
    assert process.output().rstrip().endswith("everything else goes on at the next start.")
    assert "Traceback" not in process.output()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["host.log", "state.db", "state.db.lock"]


def test_ctrl_c_answers_no_more_and_keeps_what_waits(own: DevhostProcess) -> None:
    with own.client() as http:
        HubOverHttp(http).start("wait_for_go", "waiting")
        HubOverHttp(http).until("waiting", "Running")
    assert own.stop() == 0
    own.start()
    with own.client() as http:
        hub = HubOverHttp(http)
        hub.raise_event("waiting", "go", 5)
        assert hub.until("waiting", "Completed")["output"] == 5


def test_ctrl_c_does_not_wait_for_a_long_activity(own: DevhostProcess) -> None:
    with own.client() as http:
        hub = HubOverHttp(http)
        hub.start("sleep_in_an_activity", "long", 12)
        hub.until("long", "Running")
    began = time.monotonic()
    assert own.stop() == 0
    assert time.monotonic() - began < 8
