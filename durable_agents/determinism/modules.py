"""The modules of a project: their files, and what is in them. What lies outside of the project is no module here."""

import ast
import re
import sys
import sysconfig
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

_REASON = re.compile(r"#\s*deterministic:(.*)")
_INSTALLED = {"site-packages", "dist-packages", ".python_packages"}
_LIBRARY = "durable_agents"


class Module:
    """One file, parsed. Two of the same file are never made, see `Modules`.

    Raises:
        OSError: It cannot be read.
        SyntaxError: It cannot be parsed.
    """

    def __init__(self, name: str, path: Path) -> None:
        self.name, self.path = name, path
        self.source = path.read_bytes()
        self.tree = ast.parse(self.source)

    @property
    def package(self) -> str:
        """The package that a relative import in it begins at."""
        return self.name if self.path.stem == "__init__" else self.name.rpartition(".")[0]

    @cached_property
    def reasons(self) -> dict[int, str]:
        """What `# deterministic:` says in this file, by line; an empty text is no reason."""
        if b"deterministic:" not in self.source:
            return {}
        lines = self.source.decode("utf-8", "replace").splitlines()
        found = ((number, _REASON.search(line)) for number, line in enumerate(lines, 1))
        return {number: match[1].strip() for number, match in found if match}

    def excuses(self, node: ast.AST) -> bool:
        """Say whether a line of this node says why it is right as it is."""
        first = getattr(node, "lineno", 0)
        return any(self.reasons.get(line) for line in range(first, (getattr(node, "end_lineno", None) or first) + 1))


class Modules:
    """Finds the modules of a project by name, in the folders where Python would look for them.

    The standard library, installed packages and this library are no part of a project; the tests of this library are
    one.
    """

    def __init__(self, folders: Iterable[str | Path]) -> None:
        self._folders = [folder for folder in dict.fromkeys(map(_resolved, folders)) if _is_projects(folder)]
        self._by_path: dict[Path, Module | None] = {}
        self._by_name: dict[str, Module | None] = {}

    def find(self, name: str) -> Module | None:
        """Return the module of this name, or None if the project has none that can be read."""
        if name not in self._by_name:
            path = self._locate(name)
            self._by_name[name] = None if path is None else self.read(path, name)
        return self._by_name[name]

    def has_package(self, name: str) -> bool:
        """Say whether the project has a folder of this name to import from."""
        return not is_of_this_library(name) and any(
            (folder / name.replace(".", "/")).is_dir() for folder in self._folders
        )

    def read(self, path: Path, name: str | None = None) -> Module | None:
        """Return the module in a file, or None if it cannot be read."""
        path = _resolved(path)
        if path not in self._by_path:
            try:
                self._by_path[path] = Module(name or self._name_of(path), path)
            except (OSError, SyntaxError, ValueError, RecursionError):
                self._by_path[path] = None
        return self._by_path[path]

    def _locate(self, name: str) -> Path | None:
        if is_of_this_library(name) or name.partition(".")[0] in sys.stdlib_module_names:
            return None
        for folder in self._folders:
            place = folder.joinpath(*name.split("."))
            for path in (place / "__init__.py", place.with_suffix(".py")):
                if path.is_file():
                    return path
        return None

    def _name_of(self, path: Path) -> str:
        """Return the name by which a file is imported, from the innermost folder that has it."""
        homes = [folder for folder in self._folders if path.is_relative_to(folder)]
        if not homes:
            return path.stem
        place = path.relative_to(max(homes, key=lambda folder: len(folder.parts))).with_suffix("")
        return ".".join(place.parts).removesuffix(".__init__")


def is_of_this_library(name: str) -> bool:
    """Say whether a module is one of this library, which is trusted; its tests are not."""
    return f"{name}.".startswith(f"{_LIBRARY}.") and not f"{name}.".startswith(f"{_LIBRARY}.tests.")


def _is_projects(folder: Path) -> bool:
    standard = _resolved(sysconfig.get_path("stdlib"))
    return folder.is_dir() and not _INSTALLED & set(folder.parts) and not folder.is_relative_to(standard)


def _resolved(path: str | Path) -> Path:
    return Path(path or ".").resolve()
