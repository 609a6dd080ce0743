"""`devhost start --reload`: new code serves soon after a change, and no run notices."""

import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from devhost.testing.host_process import REPOSITORY, DevhostProcess

pytestmark = [pytest.mark.devhost_only("--reload is an option of devhost"), pytest.mark.timeout(120)]

RUNS = "/runtime/webhooks/durabletask"
WAIT_SECONDS = 40
# Longer than the supervisor needs to notice a change.
NOTICE_SECONDS = 0.8

FUNCTION_APP = """
    import os
    import time
    from datetime import timedelta

    import azure.durable_functions as df
    import azure.functions as func

    import edition

    app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


    @app.route(route="edition")
    def tell(req: func.HttpRequest) -> str:
        return edition.NAME


    @app.activity_trigger(input_name="effect")
    def take_effect(effect: dict) -> str:
        time.sleep(effect["seconds"])
        with open(os.environ["EFFECTS"], "a", encoding="utf-8") as file:
            file.write("{run} {number}\\n".format(**effect))
        return "{run} {number}".format(**effect)


    @app.activity_trigger(input_name="status")
    def leave(status: int) -> None:
        os._exit(status)


    @app.orchestration_trigger(context_name="context")
    def end_the_host(context: df.DurableOrchestrationContext):
        yield context.call_activity("leave", 3)


    @app.orchestration_trigger(context_name="context")
    def chain(context: df.DurableOrchestrationContext):
        order = context.get_input()
        done = []
        for number in range(order["steps"]):
            effect = {"run": context.instance_id, "number": number, "seconds": order["seconds"]}
            done.append((yield context.call_activity("take_effect", effect)))
        return done


    @app.orchestration_trigger(context_name="context")
    def waits(context: df.DurableOrchestrationContext):
        woken = yield context.wait_for_external_event("wake")
        yield context.create_timer(context.current_utc_datetime + timedelta(seconds=1))
        yield context.call_activity("take_effect", {"run": context.instance_id, "number": 0, "seconds": 0})
        return woken
    """


class ReloadedHost(DevhostProcess):
    """A small app of its own folder, served with --reload."""

    def __init__(self, folder: Path) -> None:
        self.app = folder / "app"
        self.effects = folder / "effects"
        # Hosts that write no bytecode could not mistake it.
        super().__init__(folder, self.app, ["--reload"], EFFECTS=str(self.effects), PYTHONDONTWRITEBYTECODE="")
        self.write("function_app.py", textwrap.dedent(FUNCTION_APP))
        self.write("host.json", "{}")
        self.release("first")

    def write(self, name: str, text: str) -> None:
        path = self.app / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def release(self, edition: str) -> None:
        """Change the code, so that the app tells of a new edition."""
        self.write("edition.py", f"NAME = {edition!r}\n")

    def wait_for_edition(self, edition: str) -> None:
        def is_served() -> bool:
            try:
                return self.edition() == edition
            except httpx.TransportError:
                return False

        wait_until(is_served, lambda: self.output()[-3000:])

    def edition(self) -> str:
        return httpx.get(f"{self.url}/api/edition", timeout=WAIT_SECONDS).text

    def start_run(self, orchestration: str, run: str, value: object = None) -> None:
        with self.client() as http:
            assert http.post(f"{RUNS}/orchestrators/{orchestration}/{run}", json=value).status_code == 202

    def finish(self, run: str) -> Any:
        """Return the output of a run when it is completed."""
        status: dict[str, Any] = {}

        def has_ended() -> bool:
            try:
                status.update(httpx.get(f"{self.url}{RUNS}/instances/{run}", timeout=WAIT_SECONDS).json())
            except httpx.TransportError:
                return False
            return status["runtimeStatus"] not in ("Pending", "Running")

        wait_until(has_ended, lambda: str(status))
        assert status["runtimeStatus"] == "Completed", status
        return status["output"]

    def counted(self) -> Counter[str]:
        """Return how often each activity took effect."""
        return Counter(self.effects.read_text("utf-8").splitlines() if self.effects.exists() else [])

    def starts(self) -> int:
        return self.output().count("Listening on ")

    def process_of_host(self) -> int:
        """Return the process that has the task hub, which is not the supervisor."""
        return int(self.database.with_name("state.db.lock").read_text("ascii"))


def wait_until(reached: Callable[[], bool], what: Callable[[], str] = lambda: "") -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not reached():
        assert time.monotonic() < deadline, what()
        time.sleep(0.02)


def is_there(process: int) -> bool:
    """Say whether a process runs: a zombie that nobody has waited for does not."""
    listed = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True).stdout.strip()
    return listed != "" and not listed.startswith("Z")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[ReloadedHost]:
    process = ReloadedHost(tmp_path)
    process.start()
    yield process
    process.kill()


# What goes on


def test_runs_go_on_with_the_new_code(host: ReloadedHost) -> None:
    url = host.url
    host.start_run("waits", "sleeper")
    host.start_run("chain", "worker", {"steps": 6, "seconds": 0.7})
    wait_until(lambda: host.counted()["worker 0"] == 1)
    for edition in ("second", "third"):
        host.release(edition)
        host.wait_for_edition(edition)
    with host.client() as http:
        assert http.post(f"{RUNS}/instances/sleeper/raiseEvent/wake", json="up").status_code == 202
    assert host.finish("worker") == [f"worker {n}" for n in range(6)]
    assert host.finish("sleeper") == "up"
    assert host.counted() == Counter([*(f"worker {n}" for n in range(6)), "sleeper 0"])
    assert host.url == url and set(re.findall(r"Listening on (\S+)", host.output())) == {url}


def test_a_storm_of_edits_loses_no_run_and_runs_no_activity_twice(host: ReloadedHost) -> None:
    """All editions have names of one length: Python takes what it compiled for that of a file of the same second."""
    stormy = threading.Event()

    def edit() -> None:
        number = 0
        while not stormy.is_set():
            number += 1
            for name in ("edition", f"part{number % 7}", f"folder{number % 3}/part"):
                host.write(f"{name}.py", f"NAME = 'number {number:04}'\n")
            time.sleep((0.01, 0.3, 0.9)[number % 3])

    editor = threading.Thread(target=edit)
    editor.start()
    try:
        accepted = []
        for number in range(14):
            try:
                host.start_run("chain", f"run{number}", {"steps": 4, "seconds": 0.2})
            except httpx.TransportError:
                continue  # it was cut off: nobody said that there is such a run
            accepted.append(f"run{number}")
            time.sleep(0.2)
    finally:
        stormy.set()
        editor.join()
    host.release("number 9998")
    host.wait_for_edition("number 9998")
    host.release("number 9999")
    host.wait_for_edition("number 9999")
    assert len(accepted) > 7
    assert host.starts() >= 3
    for run in accepted:
        assert host.finish(run) == [f"{run} {n}" for n in range(4)]
    counted = host.counted()
    assert {f"{run} {n}" for run in accepted for n in range(4)} <= counted.keys()
    assert set(counted.values()) == {1}


def test_requests_wait_for_the_new_code(host: ReloadedHost) -> None:
    host.release("second")
    seen = [host.edition()]
    while seen[-1] != "second":
        seen.append(host.edition())
    assert set(seen[:-1]) <= {"first"}


# What is a change


def test_many_changes_at_once_are_one_restart(host: ReloadedHost) -> None:
    for number in range(80):
        host.write(f"folder{number % 8}/part{number}.py", f"NUMBER = {number}\n")
    host.release("second")
    host.wait_for_edition("second")
    time.sleep(NOTICE_SECONDS)
    assert host.starts() == 2


@pytest.mark.parametrize("name", ["function_app.py", "host.json", "local.settings.json", "new/module.py"])
def test_what_is_code_starts_a_new_host(host: ReloadedHost, name: str) -> None:
    path = host.app / name
    text = path.read_text("utf-8") if path.exists() else "{}"
    host.write(name, text + "\n")
    wait_until(lambda: host.starts() >= 2)
    assert f"Changed: {name}\n" in host.output()


def test_a_folder_that_was_there_after_the_start_is_watched_too_and_missed_when_gone(host: ReloadedHost) -> None:
    host.write("new/deeper/module.py", "NUMBER = 1\n")
    wait_until(lambda: host.starts() >= 2)
    host.write("new/deeper/module.py", "NUMBER = 2\n")
    wait_until(lambda: host.starts() >= 3)
    shutil.rmtree(host.app / "new")
    wait_until(lambda: host.starts() >= 4)
    host.release("second")
    host.wait_for_edition("second")


def test_a_change_to_as_many_bytes_within_the_same_second_is_one(host: ReloadedHost) -> None:
    """Python takes what it has compiled of a file for that of any other of the same second and size."""
    edition = host.app / "edition.py"
    written = edition.stat().st_mtime_ns
    host.release("other")
    os.utime(edition, ns=(written, written - written % 10**9 + (written + 1000) % 10**9))
    host.wait_for_edition("other")


def test_a_file_that_is_replaced_as_editors_do_is_a_change(host: ReloadedHost) -> None:
    (host.app / "edition.py.tmp").write_text("NAME = 'second'\n", "utf-8")
    os.replace(host.app / "edition.py.tmp", host.app / "edition.py")
    host.wait_for_edition("second")


# What is broken


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("edition.py", "NAME = = 'second'\n", "SyntaxError: invalid syntax"),
        ("edition.py", "import no_such_module\n", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("edition.py", "raise SystemExit('the settings are missing')\n", "the settings are missing"),
        ("edition.py", "import os\nos._exit(9)\n", "No host runs (exit status 9)"),
        ("host.json", '{"extensions": []}', "host.json: extensions must be an object."),
    ],
)
def test_broken_code_is_told_once_and_waits_to_be_mended(host: ReloadedHost, name: str, text: str, error: str) -> None:
    host.start_run("chain", "worker", {"steps": 4, "seconds": 0.4})
    before = host.output()
    host.write(name, text)
    wait_until(lambda: "the next change of the app's code starts one." in host.output(), host.output)
    time.sleep(NOTICE_SECONDS)
    told = host.output().removeprefix(before)
    assert told.count(error) == 1
    assert told.count("No host runs") == 1
    with pytest.raises(httpx.ConnectError):
        host.edition()
    host.write(name, "{}" if name.endswith(".json") else "NAME = 'mended'\n")
    host.wait_for_edition("first" if name.endswith(".json") else "mended")
    assert host.finish("worker") == [f"worker {n}" for n in range(4)]
    assert set(host.counted().values()) == {1}


def test_code_that_is_broken_at_the_first_start_waits_too(tmp_path: Path) -> None:
    host = ReloadedHost(tmp_path)
    host.release("first")
    host.write("function_app.py", "import edition\nraise ValueError('not yet')\n")

    def mend() -> None:
        wait_until(lambda: "No host runs" in host.output())
        host.write("function_app.py", textwrap.dedent(FUNCTION_APP))

    mending = threading.Thread(target=mend)
    mending.start()
    with host:
        mending.join()
        assert host.edition() == "first"
        assert host.output().count("ValueError: not yet") == 1


def test_a_host_that_the_code_has_ended_starts_at_the_next_change(host: ReloadedHost) -> None:
    with pytest.raises(httpx.TransportError):
        host.start_run("end_the_host", "deadly")
        while True:
            host.edition()
    wait_until(lambda: "No host runs (exit status 3)" in host.output())
    host.write("function_app.py", textwrap.dedent(FUNCTION_APP).replace("os._exit(status)", "print(status)"))
    wait_until(lambda: host.starts() >= 2)
    assert host.finish("deadly") is None


# How it ends


def test_a_stop_ends_the_host_too(host: ReloadedHost) -> None:
    child = host.process_of_host()
    host.start_run("chain", "worker", {"steps": 1, "seconds": 1.0})
    assert host.stop() == 0
    assert not is_there(child)
    assert host.output().count("Stopping: ") == 1
    assert "Traceback" not in host.output()
    assert host.counted() == Counter(["worker 0"])


def test_a_stop_ends_what_waits_for_broken_code_to_be_mended(host: ReloadedHost) -> None:
    host.release("'")
    host.write("edition.py", "(")
    wait_until(lambda: "No host runs" in host.output())
    assert host.stop() == 0


@pytest.mark.skipif(sys.platform == "win32", reason="there are no process groups as a terminal has them")
def test_ctrl_c_at_a_terminal_ends_both(tmp_path: Path) -> None:
    """A terminal interrupts every process of its group, so the supervisor's stop comes on top."""
    host = ReloadedHost(tmp_path)
    log = tmp_path / "log"
    command = [sys.executable, "-m", "devhost", "start", "--reload", "--app-root", str(host.app), "--port", "0"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, cwd=REPOSITORY, env=host.environment, start_new_session=True
        )
    wait_until(lambda: "Listening on " in log.read_text())
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(WAIT_SECONDS) == 0
    assert "Traceback" not in log.read_text()
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_no_host_outlives_a_killed_supervisor(host: ReloadedHost) -> None:
    url, child = host.url, host.process_of_host()
    host.start_run("chain", "worker", {"steps": 3, "seconds": 2.0})
    host.kill()
    wait_until(lambda: not is_there(child))
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)
    host.start()
    assert host.url == url
    assert host.finish("worker") == [f"worker {n}" for n in range(3)]


def test_what_no_edit_mends_ends_it(host: ReloadedHost, tmp_path: Path) -> None:
    def start(*flags: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "devhost", "start", "--reload", "--app-root", str(host.app), *flags]
        return subprocess.run(command, cwd=REPOSITORY, env=host.environment, capture_output=True, text=True, timeout=30)

    second = start("--port", "0", "--db", str(host.database))
    assert second.returncode == 1
    assert second.stderr.count("is in use by process") == 1
    assert "No host runs" not in second.stderr
    assert "Port " in start("--port", host.url.rpartition(":")[2]).stderr
    ephemeral = start("--ephemeral")
    assert (ephemeral.returncode, ephemeral.stderr) == (
        1,
        "devhost: --reload loses no run, and --ephemeral keeps none over a restart: leave one of them out.\n",
    )
    assert start("--check").returncode == 2
