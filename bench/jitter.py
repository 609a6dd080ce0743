"""Steps that take a moment each and leave a line in a log that outlives a kill of the process."""

from __future__ import annotations

import asyncio
import os
import random
import time
from dataclasses import dataclass
from pathlib import Path

LOG_VARIABLE = "BENCH_STEP_LOG"
LONGEST_SECONDS = 0.02
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
    """Sleep for up to `LONGEST_SECONDS`, the same time whenever the step runs, log its end and return its number."""
    log = Path(os.environ[LOG_VARIABLE])
    while not _gate(log).exists():
        await asyncio.sleep(_GATE_SECONDS)
    await asyncio.sleep(random.Random(f"{_SEED} {run} {step}").uniform(0, LONGEST_SECONDS))
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
