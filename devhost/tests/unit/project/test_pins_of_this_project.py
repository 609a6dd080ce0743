"""The pins of all requirement files fit each other and what is installed."""

import importlib.metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from devhost.project.environment import CONSTRAINTS, EVERYTHING
from devhost.project.requirement_lines import logical_lines, requirement

ROOT = Path(__file__).parents[4]


@pytest.mark.smoke
def test_every_package_the_pins_bring_in_is_pinned_as_installed() -> None:
    """Also the check, on each Python the suite runs on, that constraints.txt fits that Python."""
    pins: dict[str, str] = {}
    for file in (name for name in (*EVERYTHING, CONSTRAINTS) if (ROOT / name).is_file()):
        for one in requirements(file):
            if one.marker is None or one.marker.evaluate():
                pins[canonicalize_name(one.name)] = str(one.specifier)
    wrong = {}
    for name in reachable(set(pins)):
        installed = f"=={importlib.metadata.version(name)}"
        if pins.get(name) != installed:
            wrong[name] = f"installed {installed}, pinned {pins.get(name, 'nowhere')}"
    assert not wrong, "run python3 dev.py lock (CONTRIBUTING.md says how)"


def reachable(names: set[str]) -> set[str]:
    """Return these distributions and all that they need here, extras aside."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        for line in importlib.metadata.requires(name) or []:
            one = Requirement(line)
            if one.marker is None or one.marker.evaluate({"extra": ""}):
                waiting.append(canonicalize_name(one.name))
    return found


def requirements(file: str) -> list[Requirement]:
    """Return what a file asks for by name."""
    if not (ROOT / file).is_file():
        return []
    lines = logical_lines((ROOT / file).read_text(encoding="utf-8"))
    return [Requirement(line.partition(" #")[0]) for line in lines if requirement(line)]
