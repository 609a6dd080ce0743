"""What the project's app registers, whatever somebody has added or removed: valid, reachable, and complete."""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devhost.routing.overlaps import hidden_routes
from devhost.routing.router import Route

ROOT = Path(__file__).parents[3]

# Indexing changes the process for good (worker registries, functions may be listed only once): a process of its own.
INDEX = """
import json, sys, types
from pathlib import Path
from azure_functions_runtime.bindings import meta
from azure_functions_runtime.functions import Registry
from azure_functions_runtime.loader import index_function_app

meta.load_binding_registry()
directions = types.SimpleNamespace(BindingInfo=types.SimpleNamespace(inout=2, out=1, undefined=0))
functions = []
for function in index_function_app("function_app.py"):
    Registry().add_indexed_function(function, directions)
    functions.append({**function.get_trigger().get_dict_repr(), "name": function.get_function_name()})
files = [getattr(module, "__file__", None) or "" for module in sys.modules.values()]

from durable_agents import AgentFunctionApp, HostingSettings
bare = AgentFunctionApp(settings=HostingSettings.from_environ({}))
of_the_library = [function.get_function_name() for function in bare.get_functions()]
listed = {"functions": functions, "files": files, "of_the_library": of_the_library}
print(json.dumps(listed, default=lambda value: value.value))
"""


@pytest.fixture(scope="module")
def index() -> dict[str, Any]:
    """The trigger of every function of the app, after the worker library accepted each, and the files of the app."""
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "AzureWebJobsScriptRoot": str(ROOT)}
    run = subprocess.run([sys.executable, "-c", INDEX], cwd=ROOT, env=environ, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    listed: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return listed


@pytest.fixture(scope="module")
def functions(index: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = index["functions"]
    return found


def names_of(functions: list[dict[str, Any]], trigger: str) -> set[str]:
    return {function["name"] for function in functions if function["type"] == trigger}


def test_the_worker_accepts_every_function(functions: list[dict[str, Any]], index: dict[str, Any]) -> None:
    assert {function["name"] for function in functions} >= set(index["of_the_library"])


def test_the_host_accepts_every_name(functions: list[dict[str, Any]]) -> None:
    names = [function["name"].lower() for function in functions]
    assert len(set(names)) == len(names)
    assert [name for name in names if not re.fullmatch(r"[a-z][a-z0-9_-]{0,127}", name)] == []


def test_of_the_librarys_routes_only_health_and_signed_links_are_anonymous(
    functions: list[dict[str, Any]], index: dict[str, Any]
) -> None:
    http = [function for function in functions if function["type"] == "httpTrigger"]
    levels = {f["name"]: f["authLevel"].upper() for f in http if f["name"] in index["of_the_library"]}
    anonymous = {"check_health", "show_review_page", "read_review", "decide_review"}
    assert {name for name, level in levels.items() if level == "ANONYMOUS"} == anonymous
    assert set(levels.values()) == {"ANONYMOUS", "FUNCTION"}


def test_no_request_matches_two_functions(functions: list[dict[str, Any]]) -> None:
    routes = [
        Route.of_function(function["name"], function.get("route"), function.get("methods"), prefix="api")
        for function in sorted(functions, key=lambda function: str(function["name"]))
        if function["type"] == "httpTrigger"
    ]
    assert hidden_routes(routes) == []


def test_every_name_an_orchestration_calls_is_registered(index: dict[str, Any]) -> None:
    """Those that are in the code; a name that is only chosen at run time cannot be looked up before."""
    modules = [Path(file) for file in index["files"] if Path(file).is_relative_to(ROOT / "orchestrations")]
    for file in modules:
        for trigger, name in called_names(file):
            assert name in names_of(index["functions"], trigger), f"{file.name} calls {name!r}"


def called_names(file: Path) -> Iterator[tuple[str, str]]:
    """Yield the type of the trigger and the name of every activity, child and agent that a module calls."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        method = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
        if method.startswith("call_activity") and (name := named(node.args[0])):
            yield "activityTrigger", name
        elif method.startswith("call_sub_orchestrator") and (name := named(node.args[0])):
            yield "orchestrationTrigger", name
        elif method == "get_agent" and (name := named(node.args[-1])):
            yield "entityTrigger", f"dafx-{name}"


def named(argument: ast.expr) -> str | None:
    """Return the name an argument stands for: a text, `function.__name__` or `module.NAME` of an agent."""
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return argument.value
    if isinstance(argument, ast.Attribute) and isinstance(argument.value, ast.Name):
        if argument.attr == "__name__":
            return argument.value.id
        if argument.attr == "NAME":
            return name_of_agent(argument.value.id)
    return None


def name_of_agent(module: str) -> str | None:
    file = ROOT / "agents" / f"{module}.py"
    for node in ast.parse(file.read_text(encoding="utf-8")).body if file.exists() else []:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "NAME":
            return named(node.value)
    return None


def test_a_cold_start_does_not_pay_for_mcp() -> None:
    script = "import function_app, sys; print('mcp' in sys.modules)"
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "MCP_SERVER_URL": "https://example.com/mcp"}
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environ, capture_output=True, text=True)
    assert run.stdout.split() == ["False"], run.stderr


def test_local_settings_are_strings_and_force_no_model() -> None:
    example = json.loads((ROOT / "local.settings.json.example").read_text(encoding="utf-8"))
    assert {type(value) for value in example["Values"].values()} == {str}
    assert not example["Values"].get("MODEL_PROVIDER")
