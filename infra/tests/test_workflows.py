"""The workflows: what is deployed has passed CI, and CI starts it in Microsoft's container."""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.tests.bicep_file import INFRA, BicepFile

SCRIPTS = INFRA.parent / ".ci"
FOLDER = INFRA.parent / ".github" / "workflows"
SOURCES = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.yml")}
# BaseLoader leaves every scalar a text: `on` is a truth value in YAML 1.1.
CI, DEPLOY = (yaml.load(SOURCES[name], yaml.BaseLoader) for name in ("ci.yml", "azure-dev.yml"))


def test_it_runs_after_ci() -> None:
    trigger: dict[str, Any] = DEPLOY["on"]["workflow_run"]
    assert trigger == {"workflows": [CI["name"]], "types": ["completed"], "branches": ["main"]}


def test_a_pull_request_of_a_fork_deploys_nothing() -> None:
    job = DEPLOY["jobs"]["azd"]
    assert job["if"].split(" && ", 1)[0] == "vars.AZURE_CLIENT_ID != ''"
    assert "workflow_run.event == 'push' && github.event.workflow_run.conclusion == 'success'" in job["if"]
    assert job["steps"][0]["with"]["ref"] == "${{ github.event.workflow_run.head_sha || github.sha }}"


def test_it_signs_in_without_a_secret() -> None:
    assert DEPLOY["permissions"] == {"contents": "read", "id-token": "write"}
    assert "secrets." not in SOURCES["azure-dev.yml"]
    assert "--federated-credential-provider github" in SOURCES["azure-dev.yml"]


def test_it_shows_what_would_change_before_it_changes_it() -> None:
    commands = [step["run"] for step in DEPLOY["jobs"]["azd"]["steps"] if "run" in step]
    assert commands[1:] == [
        "azd provision --preview --no-prompt",
        "azd provision --no-prompt",
        "azd deploy --no-prompt",
    ]
    # Where a preview cannot be made, the deployment is still to be.
    previews = [step for step in DEPLOY["jobs"]["azd"]["steps"] if "--preview" in step.get("run", "")]
    assert [step["continue-on-error"] for step in previews] == ["true"]


@pytest.mark.parametrize("name", SOURCES)
def test_actions_are_pinned_to_a_commit_and_say_of_which_version(name: str) -> None:
    used = re.findall(r"uses: (.+)", SOURCES[name])
    assert used and all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action) for action in used)


def test_ci_is_to_compile_the_infrastructure_and_test_every_python() -> None:
    commands = [step.get("run", "") for job in CI["jobs"].values() for step in job["steps"]]
    installs = [command for command in commands if "az bicep install" in command]
    # The tests compile it where they are told of a compiler.
    assert installs and ("BICEP=" in installs[0] or any("bicep build" in command for command in commands))
    assert '"3.12"' in SOURCES["ci.yml"] and "3.11" in SOURCES["ci.yml"] and "3.13" in SOURCES["ci.yml"]


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
