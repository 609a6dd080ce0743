"""The deployment workflow deploys what passed CI, and only what somebody who may push has pushed."""

import re
from typing import Any

import pytest
import yaml

from infra.tests.bicep_file import INFRA

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
