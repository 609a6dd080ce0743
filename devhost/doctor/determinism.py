"""What in the code of an orchestration changes from one replay to the next, where the app's library looks for that."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator

from devhost.doctor.finding import Finding, fault, warning
from devhost.doctor.place import Place
from devhost.doctor.runs import NON_DETERMINISM
from devhost.project.environment import interpreter

# A module of the library that the app has beside it: it prints a line for each finding, and ends with 1.
_LIBRARY = "durable_agents/determinism"
_LINE = re.compile(r"(?P<where>.+?:\d+): (?P<code>[\w-]+): (?P<what>.+)")
_SECONDS = 60


def changing_orchestrations(place: Place) -> Iterator[Finding]:
    """Orchestrations that read the clock, random numbers and the like end in a non-determinism error one day."""
    python = interpreter(place.venv)
    if not (place.app_root / _LIBRARY).is_dir() or not os.path.exists(python):
        return
    command = [python, "-B", "-m", _LIBRARY.replace("/", "."), "."]
    try:
        done = subprocess.run(
            command, cwd=place.app_root, capture_output=True, text=True, errors="replace", timeout=_SECONDS
        )
    except subprocess.TimeoutExpired:
        done = subprocess.CompletedProcess(command, 2, "", f"it does not end within {_SECONDS} seconds")
    found = list(filter(None, map(_LINE.fullmatch, done.stdout.splitlines())))
    for line in found:
        what = f"{line['code']}: {line['what']} Left so, a run ends in a non-determinism error: {NON_DETERMINISM}"
        fix = "Do what the finding says; a line that is right as it is says why: `# deterministic: the reason`."
        yield fault("determinism", what, line["where"], fix)
    if done.returncode and not found:
        said = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        what = f"the orchestrations were not looked at: {said[-1]}"
        yield warning("determinism", what, str(place.app_root), "python3 dev.py lint says more.")
