"""Versions of the libraries, and what their changelogs say about them."""

import re
import tomllib
from pathlib import Path
from typing import Self

_VERSION = re.compile(r"(\d+(?:\.\d+)*)(?:\.?(dev|a|b|rc|post)(\d+))?")
_STAGES = ("dev", "a", "b", "rc", "", "post")
_HEADING = re.compile(r"##[ \t]+\[?v?(\d[^\]\s]*)\]?.*")


class VersionError(Exception):
    """A library does not say which version it is."""


class Version:
    """One version, such as 0.2.0 or 1.0rc1; it is compared as pip does."""

    def __init__(self, text: str) -> None:
        match = _VERSION.fullmatch(text)
        if match is None:
            raise VersionError(f"{text!r} is no version: it must be like 0.2.0")
        numbers = [int(number) for number in match[1].split(".")]
        while numbers and numbers[-1] == 0:
            numbers.pop()
        self._text = text
        self._order = (tuple(numbers), _STAGES.index(match[2] or ""), int(match[3] or 0))

    @classmethod
    def of_library(cls, folder: Path) -> Self:
        """Read the version in a library's pyproject.toml, or where that says it is: `__version__` in `__init__.py`."""
        path = folder / "pyproject.toml"
        shown = f"{folder.name}/pyproject.toml"
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise VersionError(f"there is no {shown}") from None
        except ValueError as ex:
            raise VersionError(f"{shown} cannot be read: {ex}") from None
        match table:
            case {"project": {"version": str(text)}}:
                return cls(text)
            case {"project": {"dynamic": [*names]}} if "version" in names:
                return cls(_dunder_version(folder / "__init__.py"))
        raise VersionError(f"{shown} has no [project] version")

    def __str__(self) -> str:
        return self._text

    def __lt__(self, other: "Version") -> bool:
        return self._order < other._order

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self._order == other._order

    def __hash__(self) -> int:
        return hash(self._order)


def _dunder_version(module: Path) -> str:
    text = module.read_text(encoding="utf-8") if module.is_file() else ""
    match = re.search(r"""^__version__ = ["']([^"']*)["']""", text, re.MULTILINE)
    if match is None:
        raise VersionError(f"{module.parent.name}/__init__.py has no __version__")
    return match[1]


def sections_after(changelog: str, version: Version) -> str:
    """Return the sections of a changelog about versions above `version`, as they stand there."""
    kept: list[str] = []
    is_kept = False
    for line in changelog.splitlines():
        if line.startswith("## "):
            is_kept = _is_above(line, version)
        if is_kept:
            kept.append(line)
    return "\n".join(kept).strip()


def _is_above(heading: str, version: Version) -> bool:
    match = _HEADING.fullmatch(heading)
    try:
        return match is not None and version < Version(match[1])
    except VersionError:
        return False
