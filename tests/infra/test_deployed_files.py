"""What .funcignore lets through to Azure: the app and what it needs there, nothing else."""

import ast
from collections.abc import Iterator
from pathlib import Path

from pathspec import GitIgnoreSpec

from tests.infra.bicep_file import INFRA

PROJECT = INFRA.parent
IGNORED = GitIgnoreSpec.from_lines((PROJECT / ".funcignore").read_text(encoding="utf-8").splitlines())
FOLDERS = {"activities", "agents", "characters", "chat_clients", "hosting", "orchestrations", "routes"}
FOLDERS |= {"setting_groups", "workflows"}
FILES = {"environment.py", "function_app.py", "mail_headers.py", "settings.py"}
FILES |= {"host.json", "requirements.txt", "constraints.txt"}


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


def test_nothing_but_the_app_is_uploaded() -> None:
    tops = {path.parts[0] for path in deployed()}
    assert tops == FOLDERS | FILES, "what is not of the app belongs into .funcignore, and what is, into this test"


def test_everything_the_app_imports_is_uploaded() -> None:
    uploaded = set(deployed())
    assert len(imported()) > 50
    assert sorted(imported() - uploaded) == []


def test_what_is_left_out_is_left_out_at_any_depth() -> None:
    for path in (".venv/lib/x.py", "agents/__pycache__/writer.pyc", "devhost/engine/turn.py", "tests/unit/test_x.py"):
        assert IGNORED.match_file(path)
    for path in ("local.settings.json", ".azure/dev/.env", "docs/deployment.md", "infra/main.bicep", "azure.yaml"):
        assert IGNORED.match_file(path)
