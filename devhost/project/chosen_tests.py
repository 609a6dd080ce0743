"""What the flags of `dev.py test` ask for: which requirements that takes, and whether worker processes pay."""

import os
from collections.abc import Sequence
from pathlib import Path

from devhost.project.environment import EVERYTHING, TOOLS

_LIBRARIES = ("durable_agents", "devhost")
# Flags of pytest that are known to have no value: what follows any other may be its value, and not a path to run.
_WITHOUT_VALUE = frozenset({"", "-x", "-v", "-vv", "-q", "-qq", "-s", "-l", "--lf", "--ff", "--sw", "--co", "--pdb"})
_BY_HAND = frozenset({"--pdb", "--trace", "-s", "--capture=no"})


def requirements_of(root: Path, flags: Sequence[str]) -> tuple[str, ...]:
    """Return the requirement files of the tests: those of the libraries' own only when these are among them."""
    chosen = _paths(root, flags) or [root]
    return EVERYTHING if any(_has_tests_of_a_library(root, path) for path in chosen) else TOOLS


def worker_flags(root: Path, flags: Sequence[str]) -> list[str]:
    """Return the flags that say how many processes run the tests; those that the user gives come later and win.

    Most tests of the libraries wait for processes, so there are two workers more than processors. Few tests are
    done before workers have started, and a debugger or a terminal takes this very process.
    """
    chosen = _paths(root, flags) or [root]
    is_narrow = any(flag.startswith("-k") for flag in flags) or bool(_BY_HAND & {*flags})
    are_few = all(path.is_file() or not _has_tests_of_a_library(root, path) for path in chosen)
    if is_narrow or are_few:
        return ["-n", "0"]
    return ["-n", str((os.cpu_count() or 1) + 2), "--dist", "worksteal"]


def _paths(root: Path, flags: Sequence[str]) -> list[Path]:
    """Return the files and folders that are named among the flags, as `tests/test_x.py::test_y` too."""
    before = ["", *flags]
    named = [
        flag
        for last, flag in zip(before, flags, strict=False)
        if flag[:1] != "-" and (last[:1] != "-" or last in _WITHOUT_VALUE)
    ]
    paths = [(root / flag.partition("::")[0]).resolve() for flag in named]
    return [path for path in paths if path.exists()]


def _has_tests_of_a_library(root: Path, path: Path) -> bool:
    """Say whether tests of a library, which a project of a user has not, are at a path."""
    tests = [(root / name / "tests").resolve() for name in _LIBRARIES]
    return any(one.is_dir() and (path.is_relative_to(one) or one.is_relative_to(path)) for one in tests)
