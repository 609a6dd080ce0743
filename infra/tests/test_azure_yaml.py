"""azure.yaml says what azd knows: its schema lets unknown keys pass, so a misspelt one would do nothing, silently."""

import importlib.util

from infra.tests.infrastructure import Infrastructure

KNOWN = {
    "": {"name", "metadata", "requiredVersions", "infra", "services", "hooks"},
    "metadata": {"template"},
    "requiredVersions": {"azd"},
    "infra": {"provider", "path", "module"},
    "hooks": {"postprovision", "predeploy"},
    **{f"hooks.{hook}": {"posix", "windows"} for hook in ("postprovision", "predeploy")},
    "services": {"agents"},
    "services.agents": {"project", "host", "language", "remoteBuild"},
}


def test_it_has_only_keys_that_azd_knows(project: Infrastructure) -> None:
    for path, known in KNOWN.items():
        section = project.azure
        for key in path.split(".") if path else []:
            section = section[key]
        assert set(section) == known, path


def test_its_service_is_the_function_app(project: Infrastructure) -> None:
    service = project.azure["services"]["agents"]
    assert service == {"project": ".", "host": "function", "language": "py", "remoteBuild": True}
    assert project.main.declared("module")["functionApp"].properties["params.serviceName"] == "agents"
    app = project.resource("function_app", "app")
    assert app.properties["tags"] == "union(tags, { 'azd-service-name': serviceName })"


def test_its_infrastructure_exists(project: Infrastructure) -> None:
    infra = project.azure["infra"]
    assert infra["provider"] == "bicep"
    assert (project.project / infra["path"] / f"{infra['module']}.bicep").is_file()
    assert (project.project / infra["path"] / f"{infra['module']}.parameters.json").is_file()


def test_each_hook_runs_the_same_module_on_every_system_and_stops_nothing(project: Infrastructure) -> None:
    modules = {}
    for name, hook in project.azure["hooks"].items():
        assert {system: one["shell"] for system, one in hook.items()} == {"posix": "sh", "windows": "pwsh"}, name
        # For each system: azd takes the one of its own, and reads nothing that stands beside them.
        assert {system: one.get("continueOnError") for system, one in hook.items()} == {
            "posix": True,
            "windows": True,
        }, name
        commands = {system: one["run"].split(" -m ") for system, one in hook.items()}
        assert {system: command[0] for system, command in commands.items()} == {
            "posix": "python3",
            "windows": "python",
        }, name
        (modules[name],) = {command[1] for command in commands.values()}
    assert modules == {"postprovision": "infra.write_local_settings", "predeploy": "infra.wait_for_roles"}
    assert all(importlib.util.find_spec(module) for module in modules.values())
