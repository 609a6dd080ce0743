"""CI starts what is deployed in Microsoft's functions container, and waits for its functions."""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from infra.tests.bicep_file import INFRA, BicepFile
from infra.tests.test_workflows import CI

SCRIPTS = INFRA.parent / ".ci"


def test_ci_starts_what_is_deployed_in_the_container_of_its_python() -> None:
    job, script = CI["jobs"]["container"], (SCRIPTS / "container").read_text(encoding="utf-8")
    python = BicepFile(INFRA / "main.bicep").declared("parameter")["pythonVersion"].value
    assert python is not None and python.text is not None
    version = python.text.decode().strip("'")
    assert job["steps"][-1] == {"run": ".ci/container"}
    assert [step["with"]["python-version"] for step in job["steps"] if "setup-python" in step.get("uses", "")] == [
        version
    ]
    assert re.findall(r"^image=(.+)$", script, re.MULTILINE) == [
        f"mcr.microsoft.com/azure-functions/python:4-python{version}"
    ]
    command = script.replace("\\\n", " ").partition("docker run ")[2].partition("\n")[0]
    assert "--read-only --tmpfs /tmp" in command
    # What else is mounted is for reading, but for the keys, which the host adds to.
    assert re.findall(r"--volume (\S+ ?\S*)\"", command) == [
        '"$scratch/app:/home/site/wwwroot:ro',
        '"$scratch/secrets:/secrets',
    ]
    assert '"$scratch/app/.python_packages/lib/site-packages" -r requirements.txt' in script
    assert "--seconds 30 ||" in script and "get_functions()" in script
    assert "continue-on-error" not in job and all("continue-on-error" not in step for step in job["steps"])


def test_what_the_container_runs_is_what_the_clean_install_has() -> None:
    for name in ("container", "run"):
        assert ".ci/copy_deployed " in (SCRIPTS / name).read_text(encoding="utf-8")


@pytest.fixture
def host() -> Iterator[HTTPServer]:
    """A host that lists two functions to who has the key."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            right = (self.path, self.headers.get("x-functions-key")) == ("/admin/functions", "master")
            self.send_response(200 if right else 401)
            self.end_headers()
            self.wfile.write(json.dumps([{"name": "health"}, {"name": "dafx-Writer"}] if right else []).encode())

        def log_message(self, format: str, *args: object) -> None:
            """Stay silent."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def wait_for_functions(tmp_path: Path, host: HTTPServer, *names: str, key: str = "master") -> tuple[int, str]:
    file = tmp_path / "functions"
    file.write_text("\n".join(names), encoding="utf-8")
    command = [SCRIPTS / "wait_for_functions.py", f"http://127.0.0.1:{host.server_port}", file, "--key", key]
    done = subprocess.run([sys.executable, *map(str, command), "--seconds", "0"], capture_output=True, text=True)
    return done.returncode, done.stdout


def test_the_container_fails_where_a_function_is_missing(tmp_path: Path, host: HTTPServer) -> None:
    assert wait_for_functions(tmp_path, host, "health", "dafx-Writer")[0] == 0
    status, said = wait_for_functions(tmp_path, host, "health", "dafx-Writer", "run_agent")
    assert (status, said.splitlines()[0]) == (1, "missing: run_agent")
    status, said = wait_for_functions(tmp_path, host, "health")
    assert (status, said.splitlines()[0]) == (1, "not of the app: dafx-Writer")
    assert wait_for_functions(tmp_path, host, "health", "dafx-Writer", key="wrong")[0] == 1
    assert wait_for_functions(tmp_path, host)[0] == 1
