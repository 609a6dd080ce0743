"""What an app is: imported and indexed by a process in its environment, for that takes its packages."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import devhost
from devhost.project.environment import interpreter

SECONDS = 60


@dataclass(frozen=True, slots=True)
class Report:
    """The app's functions by trigger, what is not served and why, and where open runs would leave their histories.

    `hidden` are functions that another one's route keeps some requests from, with how.

    `unknown` says why none of that is known. `failure` is what the import raised, and `line` where.
    """

    unknown: str | None = None
    failure: str | None = None
    line: str = ""
    functions: dict[str, list[str]] | None = None
    unindexed: list[tuple[str, str]] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    hidden: list[tuple[str, str]] = field(default_factory=list)
    departures: list[str] = field(default_factory=list)


def report_of(app_root: Path, hub: Path, venv: Path) -> Report:
    """Have the app imported, indexed and its open runs replayed, and return what came of it."""
    python = interpreter(venv)
    if not os.path.exists(python):
        return Report(unknown=f"there is no {python}")
    if not (app_root / "function_app.py").is_file():
        return Report(unknown="there is no function_app.py")
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder, "report.json")
        command = [python, "-B", "-m", "devhost.doctor.reporting", str(app_root), str(hub), str(answer)]
        # The folder in which this devhost is comes first on the path of a module that is run.
        home = Path(devhost.__file__).parents[1]
        try:
            done = subprocess.run(command, cwd=home, capture_output=True, text=True, errors="replace", timeout=SECONDS)
        except subprocess.TimeoutExpired:
            return Report(failure=f"its import does not end within {SECONDS} seconds")
        except OSError as ex:
            return Report(unknown=f"{python} cannot be run: {ex.strerror}")
        if answer.is_file():
            return _read(json.loads(answer.read_text(encoding="utf-8")))
    said = done.stderr.strip().splitlines()
    if "No module named" in done.stderr:
        return Report(unknown=f"{venv.name} does not have what devhost needs: {said[-1]}")
    return Report(failure=f"its import ends the process with status {done.returncode}: {said[-1] if said else ''}")


def _read(told: dict[str, Any]) -> Report:
    for name in ("unindexed", "refused", "hidden"):
        told[name] = [(one, reason) for one, reason in told.get(name, ())]
    return Report(**told)
