"""The hook that azd runs after it has provisioned."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from devhost.app_settings import load_local_settings
from durable_agents.settings.model import AzureOpenAISettings
from infra.write_local_settings import MODEL_OUTPUTS, PROJECT, main
from settings import Settings

OUTPUTS = {"AZURE_OPENAI_ENDPOINT": "https://ai.openai.azure.com/", "AZURE_OPENAI_DEPLOYMENT_NAME": "chat"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copy(PROJECT / "local.settings.json.example", tmp_path)
    return tmp_path


def test_the_app_on_this_machine_uses_the_model_that_was_deployed(project: Path) -> None:
    assert "Wrote local.settings.json" in main(project, OUTPUTS)
    _, values = load_local_settings(project)
    assert Settings.from_environ(values).model == AzureOpenAISettings("https://ai.openai.azure.com/", "chat")
    example = json.loads((project / "local.settings.json.example").read_text(encoding="utf-8"))
    assert values == example["Values"] | OUTPUTS


def test_a_file_that_is_there_stays_as_it_is(project: Path) -> None:
    file = project / "local.settings.json"
    file.write_text("mine", encoding="utf-8")
    told = main(project, OUTPUTS)
    assert file.read_text(encoding="utf-8") == "mine"
    assert "stays as it is" in told and "AZURE_OPENAI_ENDPOINT: https://ai.openai.azure.com/" in told


@pytest.mark.parametrize("name", MODEL_OUTPUTS)
def test_without_an_output_it_says_which(project: Path, name: str) -> None:
    with pytest.raises(SystemExit, match=f"^{name} is not in the environment"):
        main(project, {**OUTPUTS, name: ""})
    assert not (project / "local.settings.json").exists()


def test_it_runs_with_nothing_but_python(project: Path) -> None:
    """As the hook does: from the project's folder, before any package is installed."""
    shutil.copytree(PROJECT / "infra", project / "infra")
    command = [sys.executable, "-S", "-m", "infra.write_local_settings"]
    environ = {"PATH": os.environ["PATH"], **OUTPUTS}
    run = subprocess.run(command, cwd=project, env=environ, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert (
        json.loads((project / "local.settings.json").read_text(encoding="utf-8"))["Values"].items() >= OUTPUTS.items()
    )
