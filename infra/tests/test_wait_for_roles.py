"""The hook that azd runs before it deploys: it looks, waits, says what to do, and never fails."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infra.tests.infrastructure import Infrastructure
from infra.tests.test_policy import OF_THE_APP, ROLES
from infra.wait_for_roles import NEEDED, main

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
PLACE = {"AZURE_SUBSCRIPTION_ID": "the-subscription", "AZURE_APP_IDENTITY_PRINCIPAL_ID": "the-app"}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="stands in for az with a shell script")


class Azure:
    """A program `az` that answers what it was told, one answer after the other, and keeps what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**PLACE, "PATH": f"{folder}:{os.environ['PATH']}"}
        self.slept: list[float] = []

    def answers(self, *answers: str, status: int = 0) -> None:
        for number, answer in enumerate(answers):
            (self.folder / f"{number}.json").write_text(answer, encoding="utf-8")
        script = f"""#!/bin/sh
cd "{self.folder}"
for argument; do echo "$argument" >> asked; done
first=$(ls *.json | head -n 1)
cat "$first"
[ "$(ls *.json | wc -l)" -eq 1 ] || rm "$first"
exit {status}
"""
        program = self.folder / "az"
        program.write_text(script, encoding="utf-8")
        program.chmod(0o755)

    def look(self) -> str:
        return main(self.environment, sleep=self.slept.append, now=lambda: NOW + timedelta(seconds=sum(self.slept)))


@pytest.fixture
def azure(tmp_path: Path) -> Azure:
    return Azure(tmp_path)


def assigned(age: timedelta, without: str = "") -> str:
    """Return what Azure says of all roles, but for one, of which the last was assigned so long ago."""
    values = [
        {
            "roleDefinitionId": f"/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/{role}",
            "createdOn": (NOW - age - timedelta(days=number)).isoformat().replace("+00:00", "Z"),
        }
        for number, role in enumerate(role for role in NEEDED if NEEDED[role] != without)
    ]
    return json.dumps({"value": [{"properties": value} for value in values]})


def test_it_knows_the_roles_of_the_app(project: Infrastructure) -> None:
    assert set(NEEDED) == {ROLES[name] for name, _ in OF_THE_APP}
    assert {"AZURE_APP_IDENTITY_PRINCIPAL_ID"} <= set(project.main.declared("output"))


def test_roles_that_are_there_are_not_waited_for(azure: Azure) -> None:
    azure.answers(assigned(timedelta(days=3)))
    assert azure.look() == "The app's identity has its roles."
    assert azure.slept == []
    asked = (azure.folder / "asked").read_text(encoding="utf-8")
    assert "/subscriptions/the-subscription/providers/Microsoft.Authorization/roleAssignments\n" in asked
    assert "\n$filter=principalId eq 'the-app'\n" in asked


def test_new_roles_are_given_two_minutes(azure: Azure) -> None:
    azure.answers(assigned(timedelta(seconds=45)))
    assert "run `azd deploy` again" in azure.look()
    assert azure.slept == [75.0]


def test_a_role_that_comes_late_is_waited_for(azure: Azure) -> None:
    lacking = assigned(timedelta(days=3), without="Durable Task Data Contributor")
    azure.answers(lacking, lacking, assigned(timedelta(days=3)))
    assert azure.look() == "The app's identity has its roles."
    assert azure.slept == [10.0, 10.0]


def test_a_role_that_does_not_come_is_named_with_what_to_do(azure: Azure) -> None:
    azure.answers(assigned(timedelta(days=3), without="Key Vault Secrets User"))
    assert azure.look() == "The app's identity lacks Key Vault Secrets User: run `azd provision`, then `azd deploy`."
    assert sum(azure.slept) == 60


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(lambda azure: azure.answers("Please run 'az login'", status=1), id="not signed in"),
        pytest.param(lambda azure: azure.answers("no JSON"), id="no JSON"),
        pytest.param(lambda azure: azure.answers('{"error": {}}'), id="an error"),
        pytest.param(lambda azure: azure.answers('{"value": [{"properties": {"roleDefinitionId": 1}}]}'), id="odd"),
    ],
)
def test_an_az_that_cannot_say_stops_nothing(azure: Azure, told: Callable[[Azure], None]) -> None:
    told(azure)
    assert azure.look() == "The roles of the app were not looked at: az does not answer. `az login` lets this look."
    assert azure.slept == []


@pytest.mark.parametrize("name", [*PLACE, "PATH"])
def test_without_az_or_an_environment_it_does_nothing(azure: Azure, name: str) -> None:
    azure.answers(assigned(timedelta(days=3)))
    azure.environment[name] = ""
    assert "were not looked at" in azure.look()
    assert not (azure.folder / "asked").exists()


def test_it_runs_with_nothing_but_python(azure: Azure, project: Infrastructure, tmp_path: Path) -> None:
    """As the hook does: from the project's folder, before any package is installed."""
    azure.answers(assigned(timedelta(days=365 * 100)))
    shutil.copytree(project.infra, tmp_path / "infra")
    command = [sys.executable, "-S", "-m", "infra.wait_for_roles"]
    run = subprocess.run(command, cwd=tmp_path, env=azure.environment, capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (0, "The app's identity has its roles.\n", "")
