"""What the doctor looks at: an app's folder, its task hub and packages, each read once, however broken it is."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from devhost.app_settings import SettingsError, load_local_settings, read_host_json
from devhost.doctor.report import Report, report_of

_NOT_CODE = {"tests", "node_modules", "venv", "__pycache__", "devhost", "build"}


@dataclass(frozen=True)
class Place:
    """Where to look. `venv` is the environment that the app runs in; `environ` that of the process."""

    app_root: Path
    hub: Path
    venv: Path
    environ: Mapping[str, str]

    @cached_property
    def settings_file(self) -> Path | None:
        """The settings file that devhost takes, or its example, or None."""
        try:
            return load_local_settings(self.app_root)[0]
        except SettingsError:
            return None

    @property
    def has_example_only(self) -> bool:
        """Whether the settings are those of the example, which devhost takes and `func start` does not."""
        return self.settings_file is not None and self.settings_file.suffix == ".example"

    @property
    def shown_settings(self) -> str:
        """The name of the settings file."""
        return "the settings file" if self.settings_file is None else self.settings_file.name

    @cached_property
    def values(self) -> Mapping[str, str]:
        """The settings of the file; none where it cannot be used."""
        try:
            return load_local_settings(self.app_root)[1]
        except SettingsError:
            return {}

    @cached_property
    def settings(self) -> Mapping[str, str]:
        """What the app is told: variables win over the file."""
        return {**self.values, **self.environ}

    @cached_property
    def host_json(self) -> Mapping[str, Any]:
        """host.json with its overrides; empty where it cannot be used."""
        try:
            return read_host_json(self.app_root, self.settings)
        except SettingsError:
            return {}

    @cached_property
    def durable_task(self) -> Mapping[str, Any]:
        """The section of durable functions in host.json."""
        return section(section(self.host_json, "extensions"), "durableTask")

    @cached_property
    def report(self) -> Report:
        """What the app is, told by a process in its environment."""
        return report_of(self.app_root, self.hub, self.venv)

    @cached_property
    def imported(self) -> list[Path]:
        """The modules of the app that `function_app.py` imports, itself first, and those that these import."""
        found: list[Path] = []
        waiting = [self.app_root / "function_app.py"]
        while waiting:
            file = waiting.pop(0)
            if file not in found and file.is_file():
                found.append(file)
                waiting += (self.app_root / path for path in _imports(file))
        return found

    def sources(self) -> Iterator[str]:
        """Yield the texts of the app's modules, without its tests."""
        for path in sorted(self.app_root.rglob("*.py")):
            parts = path.relative_to(self.app_root).parts
            if path.is_file() and not any(part.startswith(".") or part in _NOT_CODE for part in parts):
                yield path.read_text(encoding="utf-8", errors="replace")

    def shown(self, path: Path) -> str:
        """Return a path as it is seen from the app's folder."""
        return path.relative_to(self.app_root).as_posix() if path.is_relative_to(self.app_root) else str(path)


def section(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return an object in an object; an empty one where it is missing or something else."""
    found = content.get(name)
    return found if isinstance(found, dict) else {}


def _imports(file: Path) -> Iterator[Path]:
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            path = Path(*name.split("."))
            yield from (path.with_suffix(".py"), path / "__init__.py")
