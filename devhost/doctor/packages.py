"""Whether `.venv` is one that the app can run in: its interpreter, and its packages against the pins."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import distributions
from pathlib import Path

from devhost.doctor.finding import Finding, fault, warning
from devhost.doctor.place import Place
from devhost.project.environment import interpreter
from devhost.project.requirement_lines import logical_lines, normal_name, requirement

_OLDEST, _NEWEST = (3, 11), (3, 13)
_SHOWN = 8
_AGAIN = "python3 dev.py clean, then python3 dev.py start, which makes .venv anew."
_PIN = re.compile(r"==\s*(?P<version>[^\s;,]+)\s*(?P<marker>;.*)?", re.DOTALL)


def broken_interpreter(place: Place) -> Iterator[Finding]:
    """An environment outlives the Python that it was made from, and then runs nothing."""
    if place.venv.is_dir() and not os.path.exists(interpreter(place.venv)):
        what = f"{place.venv} has no interpreter any more: the Python that it was made from is gone"
        yield fault("interpreter", what, interpreter(place.venv), _AGAIN)


def wrong_interpreter(place: Place) -> Iterator[Finding]:
    """The Functions worker and the pins are there for some versions of Python only."""
    version = _version(place.venv)
    if version is None or _OLDEST <= version <= _NEWEST:
        return
    span = f"{_text(_OLDEST)} to {_text(_NEWEST)}"
    what = f".venv is of Python {_text(version)}; the app's pins and Azure's worker are for {span}"
    yield fault("python-version", what, str(place.venv / "pyvenv.cfg"), f"Run dev.py with Python {span}: {_AGAIN}")


def packages_of_another_python(place: Place) -> Iterator[Finding]:
    """A Python that was replaced by a newer one does not find what the older one installed."""
    version = _version(place.venv)
    folders = sorted(path.parent.name for path in place.venv.glob("lib/python3.*/site-packages"))
    if version is not None and folders and f"python{_text(version)}" not in folders:
        what = f".venv is of Python {_text(version)}, and its packages are those of {', '.join(folders)}: none is found"
        yield fault("python-packages", what, str(place.venv / "lib"), _AGAIN)


def missing_packages(place: Place) -> Iterator[Finding]:
    """What requirements.txt asks for has to be installed."""
    installed = _installed(place.venv)
    wanted = _required(place.app_root / "requirements.txt")
    if installed is not None and (missing := sorted(name for name in wanted if name not in installed)):
        what = f"requirements.txt asks for {_few(missing)}, not installed in .venv"
        yield fault("missing-packages", what, "requirements.txt", f"python3 dev.py start installs it. If not: {_AGAIN}")


def other_versions(place: Place) -> Iterator[Finding]:
    """Another version than that of the pin is not what Azure installs."""
    installed = _installed(place.venv) or {}
    pins = _pins(place.app_root)
    other = [
        f"{name} {installed[name]} (pinned: {' or '.join(sorted(versions))})"
        for name, versions in sorted(pins.items())
        if name in installed and installed[name] not in versions
    ]
    if other:
        what = f"installed in another version than pinned, so that Azure runs something else: {_few(other)}"
        yield warning("other-versions", what, "requirements.txt, constraints.txt", _AGAIN)


def unpinned_requirements(place: Place) -> Iterator[Finding]:
    """Azure's remote build takes the newest version of what has no pin."""
    pins = _pins(place.app_root)
    if unpinned := sorted(_required(place.app_root / "requirements.txt", with_markers=True) - pins.keys()):
        what = f"no version is pinned of {_few(unpinned)}: Azure installs the newest at every deployment"
        yield warning("unpinned", what, "requirements.txt", "Write name==version, or run python3 dev.py lock.")


def no_requirements(place: Place) -> Iterator[Finding]:
    """Azure installs what requirements.txt names and nothing else."""
    path = place.app_root / "requirements.txt"
    if not path.is_file():
        what = "there is no requirements.txt: Azure installs no package, and the import fails there"
        yield fault("no-requirements", what, str(path), "Write one with the packages that the app imports.")
    elif "azure-functions" not in _required(path, with_markers=True):
        what = "requirements.txt does not name azure-functions, which the worker and every app need"
        yield fault("no-requirements", what, "requirements.txt", "Add azure-functions with its version.")


def _version(venv: Path) -> tuple[int, int] | None:
    """Return the version of an environment's Python, as it was when it was made."""
    config = venv / "pyvenv.cfg"
    text = config.read_text(encoding="utf-8", errors="replace") if config.is_file() else ""
    found = re.search(r"^version(?:_info)?\s*=\s*(\d+)\.(\d+)", text, re.MULTILINE)
    return (int(found[1]), int(found[2])) if found else None


def _installed(venv: Path) -> Mapping[str, str] | None:
    """Return the versions of what is installed, or None where there is no environment."""
    folders = [*venv.glob("lib/python3.*/site-packages"), *venv.glob("Lib/site-packages")]
    if not folders:
        return None
    found = distributions(path=[str(folder) for folder in folders])
    return {normal_name(one.metadata["Name"]): one.version for one in found if one.metadata["Name"]}


def _lines(path: Path) -> Iterator[str]:
    """Yield the lines of a requirement file, and of those that it includes with `-r`."""
    if not path.is_file():
        return
    for line in logical_lines(path.read_text(encoding="utf-8", errors="replace")):
        if included := re.match(r"\s*(?:-r|--requirement)[ =]+(\S+)", line):
            yield from _lines(path.parent / included[1])
        else:
            yield line


def _required(path: Path, *, with_markers: bool = False) -> set[str]:
    """Return what a file asks for; what a marker makes depend on the machine only where it is wanted."""
    found = set()
    for line in _lines(path):
        match = requirement(line)
        if match and (with_markers or ";" not in match["version"]):
            found.add(normal_name(match["name"]))
    return found


def _pins(app_root: Path) -> dict[str, set[str]]:
    """Return the versions that are pinned of each package: several where markers tell them apart."""
    found: dict[str, set[str]] = {}
    for name in ("requirements.txt", "constraints.txt"):
        for line in _lines(app_root / name):
            match = requirement(line)
            if match and (pin := _PIN.match(match["version"])):
                found.setdefault(normal_name(match["name"]), set()).add(pin["version"])
    return found


def _few(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"


def _text(version: tuple[int, int]) -> str:
    return "{}.{}".format(*version)
