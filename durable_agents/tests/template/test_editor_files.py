"""What editors, Docker and GitHub read is valid, and names commands, files and addresses that exist."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from devhost.__main__ import _parser
from devhost.doctor.command import _parser as doctor_parser
from devhost.project.commands import COMMANDS

ROOT = Path(__file__).parents[3]
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


def read_json(name: str) -> dict[str, Any]:
    """Read a file as plain JSON: what has no comment is read by every tool."""
    path = ROOT / name
    if not path.is_file():
        pytest.skip(f"there is no {name} in this project")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def tasks() -> dict[str, dict[str, Any]]:
    """Return the tasks by their labels."""
    listed = read_json(".vscode/tasks.json")["tasks"]
    found = {task["label"]: task for task in listed}
    assert len(found) == len(listed)
    return found


def services() -> dict[str, dict[str, Any]]:
    """Return the services of docker-compose.yml."""
    path = ROOT / "docker-compose.yml"
    if not path.is_file():
        pytest.skip("there is no docker-compose.yml in this project")
    found: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))["services"]
    return found


def test_tasks_run_commands_that_dev_py_has() -> None:
    run = {label: task["args"] for label, task in tasks().items() if task["command"] == "python3"}
    assert len(run) >= 5
    for label, (script, command, *flags) in run.items():
        assert (ROOT / script).is_file() and command in COMMANDS, label
        assert tasks()[label]["windows"] == {"command": "python"}
        if command == "start":
            _parser().parse_args(["start", *flags])
        elif command == "doctor":
            doctor_parser().parse_args(flags)
        else:
            assert all((ROOT / flag).exists() for flag in flags), label


def test_tasks_that_others_wait_for_exist() -> None:
    found = tasks()
    assert {task["dependsOn"] for task in found.values() if "dependsOn" in task} <= found.keys()
    launched = read_json(".vscode/launch.json")["configurations"]
    assert {one["preLaunchTask"] for one in launched if "preLaunchTask" in one} <= found.keys()


def test_a_breakpoint_is_reached_on_devhost_and_on_the_functions_host() -> None:
    launched = {one["name"]: one for one in read_json(".vscode/launch.json")["configurations"]}
    devhost = launched["devhost"]
    assert (devhost["module"], devhost["request"]) == ("devhost", "launch")
    _parser().parse_args(devhost["args"])
    assert "--reload" not in devhost["args"], "the app would run in a child of the process that is debugged"
    func = launched["func start"]
    # The Azure Functions extension has the worker of its own kind of task listen there.
    assert func["connect"] == {"host": "localhost", "port": 9091}
    assert tasks()[func["preLaunchTask"]]["type"] == "func"
    assert {one["type"] for one in launched.values()} == {"debugpy"}


def test_the_interpreter_is_the_one_that_dev_py_makes() -> None:
    settings = read_json(".vscode/settings.json")
    assert settings["python.defaultInterpreterPath"] == "${workspaceFolder}/.venv/bin/python"
    assert settings["azureFunctions.pythonVenv"] == ".venv"
    assert all((ROOT / one).exists() for one in settings["python.testing.pytestArgs"][2:])


def test_the_container_recommends_what_the_folder_does() -> None:
    container = read_json(".devcontainer/devcontainer.json")
    assert (
        container["customizations"]["vscode"]["extensions"] == read_json(".vscode/extensions.json")["recommendations"]
    )
    assert re.fullmatch(r"mcr\.microsoft\.com/devcontainers/python:\d+-3\.1[123]-\w+", container["image"])
    script, command, *_ = container["postCreateCommand"].split()[1:]
    assert (ROOT / script).is_file() and command in COMMANDS
    assert 7071 in container["forwardPorts"]


def test_services_are_pinned_and_reached_from_this_machine_alone() -> None:
    for name, service in services().items():
        assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+[\w.-]*", service["image"]), name
        assert all(re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port) for port in service["ports"]), name


def test_services_listen_where_the_settings_look_for_them() -> None:
    ports = {name: [int(port.split(":")[1]) for port in service["ports"]] for name, service in services().items()}
    values = read_json("local.settings.json.example")["Values"]
    (endpoint,) = re.findall(r"Endpoint=([^;]+)", values["DURABLE_TASK_SCHEDULER_CONNECTION_STRING"])
    assert urlsplit(endpoint).port in ports["scheduler"]
    assert values["AzureWebJobsStorage"] == "UseDevelopmentStorage=true"
    assert ports["azurite"] == [10000, 10001, 10002]
    assert ports["redis"] == [6379]


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name)
def test_forms_are_what_github_reads(path: Path) -> None:
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert form.keys() >= {"name", "description", "body"}
    ids = [part["id"] for part in form["body"] if part["type"] != "markdown"]
    assert len(ids) == len(set(ids)) >= 2
    for part in form["body"]:
        assert part["type"] in {"markdown", "textarea", "input", "dropdown", "checkboxes"}
        assert part["attributes"]["value" if part["type"] == "markdown" else "label"]
    named = set(re.findall(r"dev\.py (\w+)", path.read_text(encoding="utf-8")))
    assert named <= COMMANDS.keys()
