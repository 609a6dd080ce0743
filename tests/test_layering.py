"""Imports go down only, in this order; a folder's own modules do not import each other unless listed below."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = [
    {"function_app"},
    {"routes"},
    {"orchestrations", "workflows"},
    {"hosting"},
    {"activities", "agents", "chat_clients"},
    {"settings"},
    {"setting_groups"},
    {"environment", "mail_headers"},
    {"characters"},
]
RANKS = {folder: rank for rank, layer in enumerate(LAYERS) for folder in layer}

# Modules that others of their folder may build on. Each may import those before it; the modules that are not listed
# may import all that are listed.
FOUNDATIONS = {
    "hosting": [
        "names",
        "seal",
        "timers",
        "http.contracts",
        "http.problems",
        "http.requests",
        "binding",
        "error_text",
        "runs.completion_reports",
        "registration",
        "retries",
        "effects",
        "payloads",
        "workflows.requests",
        "workflows.codec",
        "workflows.shape",
        "workflows.directory",
        "turns.correlation",
        "turns.failures",
        "turns.failure_log",
        "turns.conversation",
        "agents.calls",
        "runs.status",
        "runs.starts",
        "polling",
        "approvals.reviewers",
        "approvals.requests",
        "approvals.trail",
        "approvals.drafts",
        "approvals.waiting",
        "approvals.asking",
        "approvals.decisions",
        "runs.task_hub",
        "runs.query",
        "runs.history",
        "runs.view",
        "turns.budget",
        "runs.control",
        "sqlite_file",
        "sessions.index",
        "sessions.index_sqlite",
        "sessions.index_table",
        "sessions.lifetime",
        "turns.part",
        "tools.requests",
        "turns.pending",
        "turns.forgotten",
        "tools.results",
        "tools.retries",
        "turns.meter",
        "tools.mcp_connection",
        "tools.mcp",
        "turns.compaction",
        "turns.entity_function",
        "tools.approvals",
        "turns.shown",
        "turns.room",
        "turns.turn",
        "turns.entity",
        "runs.removal",
        "agents.directory",
        "agents.requests",
        "agents.replies",
        "sessions.view",
        "streams.store",
        "streams.sqlite_store",
        "streams.redis_store",
        "streams.redis_identity",
    ],
    "activities": ["keyed_files", "keyed_blobs", "outbox_files", "kept_drafts", "approval_links", "review_channel"],
    "chat_clients": [
        "whole_answer",
        "answer_stream",
    ],
    "characters": ["invisible"],
}


def app_modules() -> list[str]:
    """Return the dotted names of all modules of the app."""
    files = [ROOT / f"{name}.py" for name in RANKS if (ROOT / f"{name}.py").exists()]
    files += [file for name in RANKS for file in (ROOT / name).rglob("*.py")]
    return sorted(_module_name(file) for file in files if file.name != "__init__.py")


def _module_name(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts)


def imports_of(module: str) -> Iterator[str]:
    """Yield every module that `module` imports, wherever in the file; a relative import begins with a dot."""
    tree = ast.parse((ROOT / (module.replace(".", "/") + ".py")).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = "." * node.level + (node.module or "")
            # `from agents import writer` imports the module agents.writer.
            yield from (
                f"{source}.{alias.name}" if (ROOT / source / f"{alias.name}.py").exists() else source
                for alias in node.names
            )


def objection(module: str, imported: str) -> str | None:
    """Return why `module` must not import `imported`, or None if it may."""
    folder, _, name = module.partition(".")
    other, _, other_name = imported.partition(".")
    if imported.startswith("."):
        return "relative imports hide which folder is meant"
    if other == "devhost":
        return "the app does not know devhost"
    if other not in RANKS:
        return None
    if other != folder:
        return None if RANKS[other] > RANKS[folder] else f"{other}/ is not below {folder}/"
    foundations = FOUNDATIONS.get(folder, [])
    allowed = foundations[: foundations.index(name)] if name in foundations else foundations
    return None if other_name in allowed else f"siblings in {folder}/ do not import each other; see FOUNDATIONS"


@pytest.mark.parametrize("module", app_modules())
def test_imports_go_down_only(module: str) -> None:
    objections = {imported: objection(module, imported) for imported in imports_of(module)}
    assert {imported: reason for imported, reason in objections.items() if reason} == {}


def test_devhost_does_not_know_the_app() -> None:
    modules = [_module_name(file) for file in (ROOT / "devhost").rglob("*.py") if file.name != "__init__.py"]
    imported = {(module, name) for module in modules for name in imports_of(module)}
    assert {(module, name) for module, name in imported if name.partition(".")[0] in RANKS} == set()


def test_the_test_sees_what_it_forbids() -> None:
    assert objection("agents.writer", "hosting.names")
    assert objection("orchestrations.email_triage", "orchestrations.content_approval")
    assert objection("orchestrations.email_triage", "workflows.x")
    assert objection("hosting.names", "hosting.http.problems")
    assert objection("routes.runs", "devhost.host")
    assert objection("routes.runs", ".approvals")
    assert objection("routes.runs", "hosting.names") is None
    assert objection("hosting.approvals.waiting", "hosting.agents.calls") is None
