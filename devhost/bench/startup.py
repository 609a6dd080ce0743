"""The row on how long devhost takes to start."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from http import HTTPStatus
from pathlib import Path

import httpx

from devhost.app_settings import load_local_settings
from devhost.bench.contenders import host_flags
from devhost.bench.figures import AtMost, Line
from devhost.bench.host_process import HostProcess
from devhost.bench.outcomes import WrongOutcomeError
from devhost.bench.stage import Stage

_APP = Path(__file__).resolve().parents[2]


def start_to_ready(stage: Stage) -> list[Line]:
    """Time `devhost start` on this project's app until it listens, less the time in which Python imports the app."""
    _, environment = load_local_settings(_APP)
    values: dict[str, list[float]] = {}
    for repetition in range(stage.scale.medium + 1):
        imported = _time_import(environment)
        for label in stage.scale.variants:
            hub = stage.new_folder() / "hub.db"
            started = time.perf_counter()
            with HostProcess(_APP, hub, host_flags(label), environment) as host:
                seconds = time.perf_counter() - started - imported
                check_ready(host.url)
            if repetition:  # the first reads the files from the disk
                values.setdefault(label, []).append(seconds)
    title = "start to ready, over the app's own import"
    return [Line(title, "s", values, (AtMost(0.5, "s"),), digits=2)]


def check_ready(url: str) -> None:
    """See that a host which says that it listens serves the app.

    Raises:
        WrongOutcomeError: It does not.
    """
    answer = httpx.get(f"{url}/api/openapi.json", timeout=10)
    if answer.status_code != HTTPStatus.OK:
        raise WrongOutcomeError(f"A host that had said it listens answered {answer.status_code}: {answer.text}")


def _time_import(environment: dict[str, str]) -> float:
    started = time.perf_counter()
    command = [sys.executable, "-c", "import function_app; print('imported', flush=True)"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=_APP,
        env={**os.environ, **environment},
    ) as process:
        assert process.stdout is not None  # it is a pipe
        line = process.stdout.readline()
        seconds = time.perf_counter() - started
    if line != "imported\n":
        raise RuntimeError(f"{_APP / 'function_app.py'} cannot be imported; python3 dev.py start says why.")
    return seconds
