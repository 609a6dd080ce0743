"""What .funcignore lets through to Azure: the app and what it needs there, nothing else."""

import ast
from collections.abc import Iterator
from pathlib import Path

from pathspec import GitIgnoreSpec

from infra.tests.bicep_file import INFRA

PROJECT = INFRA.parent
IGNORED = GitIgnoreSpec.from_lines((PROJECT / ".funcignore").read_text(encoding="utf-8").splitlines())


def deployed(folder: Path = PROJECT) -> Iterator[Path]:
    """Yield the files that are uploaded, relative to the project."""
    for path in sorted(folder.iterdir()):
        relative = path.relative_to(PROJECT)
        if IGNORED.match_file(f"{relative.as_posix()}/" if path.is_dir() else relative.as_posix()):
            continue
        if path.is_dir():
            yield from deployed(path)
        else:
            yield relative


def imported() -> set[Path]:
    """Return the modules of the project that function_app.py imports, and those that these import."""
    found: set[Path] = set()
    waiting = [Path("function_app.py")]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            for node in ast.walk(ast.parse((PROJECT / file).read_text(encoding="utf-8"))):
                waiting += [path for path in _modules(node) if (PROJECT / path).is_file()]
    return found


def _modules(node: ast.AST) -> Iterator[Path]:
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
    if isinstance(node, ast.ImportFrom) and node.module:
        names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    for name in names:
        yield Path(*name.split(".")).with_suffix(".py")
        yield Path(*name.split("."), "__init__.py")


def test_no_tests_documents_tools_or_local_settings_are_uploaded() -> None:
    parts = {part for path in deployed() for part in path.parts}
    assert parts & {"tests", "docs", "bench", "devhost", "examples", "infra", "dev.py", "local.settings.json"} == set()
    assert {Path(part).suffix for part in parts} & {".md", ".bicep", ".db", ".lock"} == set()


def test_everything_the_app_imports_is_uploaded() -> None:
    uploaded = set(deployed())
    assert len(imported()) > 50
    assert sorted(imported() - uploaded) == []


def test_what_is_left_out_is_left_out_at_any_depth() -> None:
    for path in (".venv/lib/x.py", "agents/__pycache__/writer.pyc", "devhost/engine/turn.py", "tests/unit/test_x.py"):
        assert IGNORED.match_file(path)
    for path in ("local.settings.json", ".azure/dev/.env", "docs/deployment.md", "infra/main.bicep", "azure.yaml"):
        assert IGNORED.match_file(path)
