"""Checks the orchestrations in the files of an app's folder."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from durable_agents.determinism.check import check
from durable_agents.determinism.evaluation import Evaluator
from durable_agents.determinism.findings import Finding
from durable_agents.determinism.modules import Modules
from durable_agents.determinism.registrations import Registrations

_LIBRARIES = {"durable_agents", "devhost"}


def check_folder(folder: Path) -> list[Finding]:
    """Return what is wrong with the orchestrations in the files of an app's folder, in their order.

    Its tests, hidden folders, apps inside of it (folders with a `function_app.py` of their own) and the two libraries
    are left out.
    """
    modules = Modules([folder, *sys.path])
    evaluator = Evaluator(modules)
    read = [module for path in _files(folder) if (module := modules.read(path)) is not None]
    registrations = Registrations(read, evaluator)
    return sorted(check(registrations.orchestrations, registrations.registered, evaluator))


def _files(folder: Path) -> Iterator[Path]:
    for place, names, files in os.walk(folder):
        here = Path(place)
        names[:] = sorted(name for name in names if _is_of_the_app(here / name, folder))
        yield from (here / name for name in sorted(files) if name.endswith(".py"))


def _is_of_the_app(place: Path, folder: Path) -> bool:
    if place.name.startswith(".") or place.name in {"tests", "__pycache__", "node_modules"}:
        return False
    if place.parent == folder and place.name in _LIBRARIES:
        return False
    return not (place / "function_app.py").is_file() and not (place / "pyvenv.cfg").is_file()
