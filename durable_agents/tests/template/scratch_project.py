"""A copy of the project that a test adds to and deletes from, as somebody does who has cloned it."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from pathspec import GitIgnoreSpec

ROOT = Path(__file__).parents[3]
_FILE = re.compile(r"`([\w/]+\.py)`[^`]*:\n\n```python\n(.*?)```", re.DOTALL)
_ENTRY = re.compile(r"in\s+the\s+list\s+`(\w+)`\s+in\s+`function_app\.py`:\s+`([^`]+)`")
_LAST = re.compile(r"At\s+the\s+end\s+of\s+`function_app\.py`:\s+`([^`]+)`")
_IMPORT = re.compile(r"with\s+the\s+import\s+`([^`]+)`")


class ScratchProject:
    """The files of the project that are not ignored, in a folder of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        ignored = GitIgnoreSpec.from_lines((ROOT / ".gitignore").read_text("utf-8").splitlines())

        def is_left_out(parent: str, names: list[str]) -> set[str]:
            paths = {name: Path(parent, name).relative_to(ROOT).as_posix() for name in names}
            folders = {name for name in names if Path(parent, name).is_dir()}
            tested = {name for name in names if ignored.match_file(paths[name] + "/" * (name in folders))}
            return tested | ({".git"} & set(names))

        shutil.copytree(ROOT, folder, ignore=is_left_out)
        if (ROOT / ".mypy_cache").is_dir():
            # What mypy has found out of the same files holds here too.
            shutil.copytree(ROOT / ".mypy_cache", folder / ".mypy_cache")

    def add_as_told(self, text: str) -> None:
        """Do what a document tells: write its files, and put its lines and imports into function_app.py."""
        for path, content in _FILE.findall(text):
            file = self.folder / path
            file.parent.mkdir(exist_ok=True)
            file.write_text(content, encoding="utf-8")
        app = self.folder / "function_app.py"
        source = app.read_text(encoding="utf-8")
        for argument, entry in _ENTRY.findall(text):
            assert f"{argument}=[" in source, f"function_app.py has no list {argument!r}"
            source = source.replace(f"{argument}=[", f"{argument}=[{entry}, ", 1)
        imports = ast.parse(source).body[0].end_lineno or 0
        lines = source.splitlines()
        lines[imports:imports] = _IMPORT.findall(text)
        app.write_text("\n".join([*lines, *_LAST.findall(text), ""]), encoding="utf-8")

    def delete(self, *paths: str) -> None:
        """Delete folders, or samples: each with its test, its stories and what the app does with it."""
        names: set[str] = set()
        modules: set[str] = set()
        for path in paths:
            if (self.folder / path).is_dir():
                shutil.rmtree(self.folder / path)
                continue
            names |= {Path(path).stem, *_defined_in(self.folder / path)}
            modules.add(path.removesuffix(".py").replace("/", "."))
            (self.folder / path).unlink()
            (self.folder / "tests" / Path(path).parent / f"test_{Path(path).name}").unlink()
            for history in (self.folder / "tests" / "histories").glob(f"{Path(path).stem}_*.json"):
                history.unlink()
        if names:
            stories = self.folder / "tests" / "test_app.py"
            for app in (self.folder / "function_app.py", self.folder / "samples.py"):
                if app.exists():
                    app.write_text(_without(app.read_text("utf-8"), modules), encoding="utf-8")
            stories.write_text(_without_stories(stories.read_text("utf-8"), names), encoding="utf-8")

    def run(self, *command: str) -> str:
        """Run a Python module in the folder and return what it prints.

        Raises:
            AssertionError: It failed; the message ends with what it has printed.
        """
        mine = ("PYTEST", "PYTHONPATH", "THOROUGH")
        environ = {name: value for name, value in os.environ.items() if not name.startswith(mine)}
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=self.folder, env=environ, capture_output=True, text=True
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-6_000:]
        return done.stdout


def _defined_in(file: Path) -> set[str]:
    """Return the names that other modules may import from this one."""
    body = ast.parse(file.read_text(encoding="utf-8")).body
    return {node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def _names_in(node: ast.AST) -> set[str]:
    return {found.id for found in ast.walk(node) if isinstance(found, ast.Name)}


def _without(source: str, modules: set[str]) -> str:
    """Return a module without its imports of these, and without what is made of what it imported."""
    return "\n".join(ast.unparse(node) for node in _kept(ast.parse(source).body, modules, set())) + "\n"


def _kept(body: list[ast.stmt], modules: set[str], gone: set[str]) -> list[ast.stmt]:
    """Return the statements that need nothing of what is gone; a function loses those that do."""
    kept: list[ast.stmt] = []
    for node in body:
        if isinstance(node, ast.ImportFrom):
            lost = [one for one in node.names if {node.module, f"{node.module}.{one.name}"} & modules]
            gone |= {one.asname or one.name for one in lost}
            node.names = [one for one in node.names if one not in lost]
            kept += [node] if node.names else []
            continue
        if isinstance(node, ast.FunctionDef):
            node.body = _kept(node.body, modules, set(gone))
            kept.append(node)
            continue
        for listed in [found for found in ast.walk(node) if isinstance(found, ast.List)]:
            listed.elts = [element for element in listed.elts if not _names_in(element) & gone]
        if not _names_in(node) & gone:
            kept.append(node)
        elif isinstance(node, ast.Assign):
            gone |= {name for target in node.targets for name in _names_in(target)}
    return kept


def _without_stories(source: str, names: set[str]) -> str:
    """Return the tests that speak of none of these names."""
    body = ast.parse(source).body
    stories = {
        node
        for node in body
        if isinstance(node, ast.FunctionDef) and names & set(re.findall(r"\w+", ast.unparse(node)))
    }
    return "\n".join(ast.unparse(node) for node in body if node not in stories) + "\n"
