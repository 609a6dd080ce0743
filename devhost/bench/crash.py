"""A crash: the process is killed with runs in flight, and another goes on with them."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from devhost.bench import durable_steps
from devhost.bench.contenders import DBOS, jittered_contender
from devhost.bench.jitter import LOG_VARIABLE, SECONDS_VARIABLE, Step, open_gate, read_steps
from devhost.bench.outcomes import WrongOutcomeError
from devhost.bench.stage import Stage

RUNS = 200
STEPS = 10
ALL_STEPS = RUNS * STEPS

_WAIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Crash:
    """The steps that took effect before and after the kill, and how the second process came back (since 1970).

    `durable` are the steps, as (run, step), whose results were in the killed process's file.
    """

    before: Sequence[Step]
    after: Sequence[Step]
    durable: set[tuple[str, int]]
    ready_at: float
    done_at: float

    @property
    def in_flight(self) -> int:
        """How many runs had steps left when the process was killed."""
        return RUNS - sum(step.step == STEPS - 1 for step in self.before)

    @property
    def repeated(self) -> int:
        """How many times a step was executed again after it had taken effect."""
        return len(self.before) + len(self.after) - len(_names([*self.before, *self.after]))

    @property
    def answered_and_repeated(self) -> int:
        """How often a step was executed again whose result was durable, or known to its run, which had gone on."""
        answered = self.durable | {(step.run, step.step - 1) for step in self.before}
        return sum((step.run, step.step) in answered for step in self.after)


def crash(stage: Stage, label: str, step_seconds: str, steps_before: int) -> Crash:
    """Kill the process after so many steps of 200 runs, and have another one on its files go on with them.

    `step_seconds` are the shortest and the longest time that a step takes, with a space between.

    Raises:
        PeerError: A run did not complete with the right output.
        WrongOutcomeError: A step never took effect.
    """
    folder = stage.new_folder()
    log = folder / "steps.log"
    os.environ |= {LOG_VARIABLE: str(log), SECONDS_VARIABLE: step_seconds}
    with stage.open(jittered_contender(label), folder) as one:
        one.ask("start_jittered", RUNS, STEPS)
        open_gate(log)
        _wait_for_steps(log, steps_before)
    before = read_steps(log)
    runs = [f"run-{n}" for n in range(RUNS)]
    durable = durable_steps.in_dbos(folder) if label == DBOS else durable_steps.in_task_hub(folder, runs)
    with stage.open(jittered_contender(label), folder) as one:
        done_at: float = one.ask("wait_for_jittered", RUNS, STEPS)
        after = read_steps(log)[len(before) :]
    check_steps([*before, *after])
    return Crash(before, after, durable, one.ready_at, done_at)


def check_steps(steps: Sequence[Step]) -> None:
    """See that every step of every run has taken effect.

    Raises:
        WrongOutcomeError: One has not; it is named.
    """
    left = {(f"run-{n}", step) for n in range(RUNS) for step in range(STEPS)} - _names(steps)
    if left:
        run, step = min(left)
        raise WrongOutcomeError(f"{len(left)} of {ALL_STEPS} steps left no line, step {step} of {run} among them.")


def _names(steps: Sequence[Step]) -> set[tuple[str, int]]:
    return {(step.run, step.step) for step in steps}


def _wait_for_steps(log: Path, wanted: int) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while len(steps := read_steps(log)) < wanted:
        if time.monotonic() > deadline:
            raise WrongOutcomeError(f"Only {len(steps)} of {wanted} steps within {_WAIT_SECONDS:g} s.")
        time.sleep(0.005)
