"""What is registered: valid for Microsoft's worker, reachable, and complete."""

import ast
import json
import os
import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]

# Indexing changes the process for good (worker registries, functions may be listed only once): a process of its own.
INDEX = """
import json, types
from azure_functions_runtime.bindings import meta
from azure_functions_runtime.functions import Registry
from azure_functions_runtime.loader import index_function_app

meta.load_binding_registry()
directions = types.SimpleNamespace(BindingInfo=types.SimpleNamespace(inout=2, out=1, undefined=0))
listed = []
for function in index_function_app("function_app.py"):
    Registry().add_indexed_function(function, directions)
    trigger = function.get_trigger()
    listed.append({**trigger.get_dict_repr(), "name": function.get_function_name()})
print(json.dumps(listed, default=lambda value: value.value))
"""


@pytest.fixture(scope="module")
def functions() -> list[dict[str, Any]]:
    """The trigger of every function of the app, after the worker library accepted each."""
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "AzureWebJobsScriptRoot": str(ROOT)}
    run = subprocess.run([sys.executable, "-c", INDEX], cwd=ROOT, env=environ, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    listed: list[dict[str, Any]] = json.loads(run.stdout.splitlines()[-1])
    return listed


def names_of(functions: list[dict[str, Any]], trigger: str) -> set[str]:
    return {function["name"] for function in functions if function["type"] == trigger}


def test_the_worker_accepts_every_function(functions: list[dict[str, Any]]) -> None:
    orchestrations = {"email_triage", "content_approval", "text_refinement", "parallel_answers", "tool_approval"}
    workflows = {"dafx-email_routing", "dafx-comment_moderation"}
    assert names_of(functions, "orchestrationTrigger") == orchestrations | workflows
    agents = {"Writer", "SpamDetector", "EmailAssistant", "Researcher", "ShopAssistant", "Editor"}
    agents |= {"email_routing-SpamDetector", "email_routing-EmailAssistant", "comment_moderation-SpamDetector"}
    assert names_of(functions, "entityTrigger") == {f"dafx-{agent}" for agent in agents}
    assert len(names_of(functions, "activityTrigger") - executors_of(functions)) == 6
    assert len(executors_of(functions)) == 11
    assert names_of(functions, "timerTrigger") == {"sweep_sessions", "purge_ended_runs"}
    assert len(names_of(functions, "httpTrigger")) == 38
    tools = {"Writer", "SpamDetector", "Researcher"}
    assert names_of(functions, "mcpToolTrigger") == {f"mcptool-{agent}" for agent in tools}


def executors_of(functions: list[dict[str, Any]]) -> set[str]:
    """Return the activities that are executors of graph workflows: the framework's engine calls them."""
    return {name for name in names_of(functions, "activityTrigger") if name.startswith("dafx-")}


def test_a_cold_start_does_not_pay_for_mcp() -> None:
    script = "import function_app, sys; print('mcp' in sys.modules, 'Librarian' in function_app.app.agents)"
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "MCP_SERVER_URL": "https://example.com/mcp"}
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environ, capture_output=True, text=True)
    assert run.stdout.split() == ["False", "True"], run.stderr


def test_the_host_accepts_every_name(functions: list[dict[str, Any]]) -> None:
    names = [function["name"].lower() for function in functions]
    assert len(set(names)) == len(names)
    assert [name for name in names if not re.fullmatch(r"[a-z][a-z0-9_-]{0,127}", name)] == []


def test_only_health_and_signed_links_are_anonymous(functions: list[dict[str, Any]]) -> None:
    levels = {f["name"]: f["authLevel"].upper() for f in functions if f["type"] == "httpTrigger"}
    anonymous = {"check_health", "show_review_page", "read_review", "decide_review"}
    assert {name for name, level in levels.items() if level == "ANONYMOUS"} == anonymous
    assert set(levels.values()) == {"ANONYMOUS", "FUNCTION"}


def may_both_match(first: str, second: str) -> bool:
    """Say whether one path can match both route templates, for templates whose parameters are whole segments."""
    ours, theirs = first.lower().split("/"), second.lower().split("/")
    return len(ours) == len(theirs) and all(
        a == b or a.startswith("{") or b.startswith("{") for a, b in zip(ours, theirs, strict=True)
    )


def test_no_request_matches_two_functions(functions: list[dict[str, Any]]) -> None:
    routes = [function for function in functions if function["type"] == "httpTrigger"]
    templates = [route["route"] for route in routes]
    assert [t for t in templates if not re.fullmatch(r"(\{\w+\}|[\w.-]+)(/(\{\w+\}|[\w-]+))*", t)] == []
    overlaps = [
        (first["name"], second["name"])
        for first, second in combinations(routes, 2)
        if set(first["methods"]) & set(second["methods"]) and may_both_match(first["route"], second["route"])
    ]
    assert overlaps == []


def called_names() -> dict[str, set[str]]:
    """Return what the orchestrations, and the parts of them in hosting/, call: {trigger type: names}."""
    called: dict[str, set[str]] = {"activityTrigger": set(), "orchestrationTrigger": set(), "entityTrigger": set()}
    files = {*(ROOT / "orchestrations").glob("*.py"), *(ROOT / "hosting").rglob("*.py")}
    # What a graph calls is named by the framework, which has registered it under the same names.
    for file in files - {ROOT / "hosting" / "workflows" / "graph.py"}:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                method = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
                if method.startswith("call_activity"):
                    called["activityTrigger"].add(_called_name(node.args[0], file))
                elif method.startswith("call_sub_orchestrator"):
                    called["orchestrationTrigger"].add(_called_name(node.args[0], file))
                elif method == "get_agent":
                    called["entityTrigger"].add(f"dafx-{_called_name(node.args[1], file)}")
    return called


def _called_name(node: ast.expr, file: Path) -> str:
    """Return the name an argument stands for: a text, `function.__name__` or `module.NAME` of an agent."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        if node.attr == "__name__":
            return node.value.id
        if node.attr == "NAME":
            return _agent_name(node.value.id)
    raise AssertionError(f"{file.name}:{node.lineno} calls {ast.unparse(node)}: say the name so that it can be checked")


def _agent_name(module: str) -> str:
    tree = ast.parse((ROOT / "agents" / f"{module}.py").read_text(encoding="utf-8"))
    (name,) = (
        node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and ast.unparse(node.targets[0]) == "NAME"
    )
    assert isinstance(name, str)
    return name


def test_every_name_an_orchestration_calls_is_registered(functions: list[dict[str, Any]]) -> None:
    for trigger, called in called_names().items():
        assert called - names_of(functions, trigger) == set(), trigger
    activities = names_of(functions, "activityTrigger") - executors_of(functions)
    assert called_names()["activityTrigger"] == activities


def test_the_composition_root_stays_a_table_of_contents() -> None:
    source = (ROOT / "function_app.py").read_text(encoding="utf-8")
    first_after_imports = next(
        node for node in ast.parse(source).body[1:] if not isinstance(node, ast.Import | ast.ImportFrom)
    )
    assert len(source.splitlines()) - first_after_imports.lineno < 80


def test_local_settings_are_strings_and_force_no_model() -> None:
    example = json.loads((ROOT / "local.settings.json.example").read_text(encoding="utf-8"))
    assert {type(value) for value in example["Values"].values()} == {str}
    assert not example["Values"].get("MODEL_PROVIDER")
