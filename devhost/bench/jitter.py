"""Steps that take a moment each and leave a line in a log that outlives a kill of the process."""

from __future__ import annotations

import asyncio
import os
import random
import time
from dataclasses import dataclass
from pathlib import Path

LOG_VARIABLE = "BENCH_STEP_LOG"
SECONDS_VARIABLE = "BENCH_STEP_SECONDS"
"""The shortest and the longest time that a step takes, with a space between."""

_SEED = 20261121
_GATE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Step:
    """One execution of one step of a run, and when it ended (seconds since 1970)."""

    run: str
    step: int
    ended: float


def open_gate(log: Path) -> None:
    """Let the steps that are to be logged there begin: they wait until all runs have been started."""
    _gate(log).touch()


async def jittered_step(run: str, step: int) -> int:
    """Sleep for a random time, the same whenever the step runs, then log its end and return its number.

    The line in the log is the step's effect. It is one write at the end of a file, so that it is there or not.
    """
    log = Path(os.environ[LOG_VARIABLE])
    while not _gate(log).exists():
        await asyncio.sleep(_GATE_SECONDS)
    shortest, longest = map(float, os.environ[SECONDS_VARIABLE].split())
    await asyncio.sleep(random.Random(f"{_SEED} {run} {step}").uniform(shortest, longest))
    with log.open("ab", buffering=0) as file:
        file.write(f"{run} {step} {time.time()}\n".encode())
    return step


def read_steps(log: Path) -> list[Step]:
    """Return the logged steps, in the order in which they ended; none without a log."""
    if not log.exists():
        return []
    steps = []
    for line in log.read_text(encoding="ascii").splitlines():
        run, step, ended = line.split()
        steps.append(Step(run, int(step), float(ended)))
    return steps


def _gate(log: Path) -> Path:
    return log.with_suffix(".gate")
