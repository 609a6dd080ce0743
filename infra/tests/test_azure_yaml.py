"""azure.yaml says what azd knows: its schema lets unknown keys pass, so a misspelt one would do nothing, silently."""

import importlib.util
from typing import Any

import pytest
import yaml

from infra.tests.bicep_file import INFRA, BicepFile

PROJECT = INFRA.parent
AZURE: dict[str, Any] = yaml.safe_load((PROJECT / "azure.yaml").read_text(encoding="utf-8"))
KNOWN = {
    "": {"name", "metadata", "requiredVersions", "infra", "services", "hooks"},
    "metadata": {"template"},
    "requiredVersions": {"azd"},
    "infra": {"provider", "path", "module"},
    "hooks": {"postprovision"},
    "hooks.postprovision": {"posix", "windows"},
    "services": {"agents"},
    "services.agents": {"project", "host", "language", "remoteBuild"},
}


@pytest.mark.parametrize("path", KNOWN)
def test_it_has_only_keys_that_azd_knows(path: str) -> None:
    section = AZURE
    for key in path.split(".") if path else []:
        section = section[key]
    assert set(section) == KNOWN[path]


def test_its_service_is_the_function_app() -> None:
    service = AZURE["services"]["agents"]
    assert service == {"project": ".", "host": "function", "language": "py", "remoteBuild": True}
    main = BicepFile(INFRA / "main.bicep")
    assert main.declared("module")["functionApp"].properties["params.serviceName"] == "agents"
    app = BicepFile(INFRA / "modules" / "function_app.bicep").declared("resource")["app"]
    assert app.properties["tags"] == "union(tags, { 'azd-service-name': serviceName })"


def test_its_infrastructure_exists() -> None:
    infra = AZURE["infra"]
    assert infra["provider"] == "bicep"
    assert (PROJECT / infra["path"] / f"{infra['module']}.bicep").is_file()
    assert (PROJECT / infra["path"] / f"{infra['module']}.parameters.json").is_file()


def test_its_hook_runs_the_same_module_on_every_system() -> None:
    hook = AZURE["hooks"]["postprovision"]
    assert {system: one["shell"] for system, one in hook.items()} == {"posix": "sh", "windows": "pwsh"}
    commands = {system: one["run"].split(" -m ") for system, one in hook.items()}
    assert {system: command[0] for system, command in commands.items()} == {"posix": "python3", "windows": "python"}
    (module,) = {command[1] for command in commands.values()}
    assert importlib.util.find_spec(module)
