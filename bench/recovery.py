"""Rows on a crash: the process is killed with runs in flight, and another goes on with them."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bench.contenders import DBOS, contender
from bench.figures import AtMost, Line
from bench.jitter import LOG_VARIABLE, open_gate, read_steps
from bench.stage import Stage
from devhost.hub.store import TaskHub
from devhost.protocol.history import EventType

_RUNS = 200
_STEPS = 10
_STEPS_BEFORE_KILL = _RUNS * _STEPS // 3
_WAIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Recovery:
    """How a contender came back. Times are seconds after it was ready; `repeated` counts finished activities only."""

    in_flight: int
    first_step: float
    all_done: float
    lost: int
    repeated: int


def recovery(stage: Stage) -> list[Line]:
    """Kill the process with 200 runs in flight, a third of all steps taken, and open another on its files."""
    seen: dict[str, list[Recovery]] = {}
    for _ in range(stage.scale.long):
        for label in (*stage.scale.variants, DBOS):
            seen.setdefault(label, []).append(_recover(stage, label))
    in_flight = min(one.in_flight for repetitions in seen.values() for one in repetitions)

    def line(title: str, value: Callable[[Recovery], float], target: AtMost, digits: int = 0) -> Line:
        values = {label: [value(one) for one in repetitions] for label, repetitions in seen.items()}
        return Line(f"kill -9 with {in_flight} in flight: {title}", target.unit, values, (target,), digits=digits)

    return [
        line("ready to first step", lambda one: one.first_step, AtMost(0.6, "s"), 2),
        line("ready to all done", lambda one: one.all_done, AtMost(2, "s"), 2),
        line("runs lost", lambda one: one.lost, AtMost(0, "")),
        line("finished activities repeated", lambda one: one.repeated, AtMost(0, "")),
    ]


def _recover(stage: Stage, label: str) -> Recovery:
    folder = stage.new_folder()
    log = folder / "steps.log"
    os.environ[LOG_VARIABLE] = str(log)
    with stage.open(contender(label), folder) as one:
        one.ask("start_jittered", _RUNS, _STEPS)
        open_gate(log)
        one.send("wait_for_jittered", _RUNS)
        _wait_for_steps(log)
    before = read_steps(log)
    finished = _finished_by_dbos(folder) if label == DBOS else _finished_by_devhost(folder)
    with stage.open(contender(label), folder) as one:
        completed: int = one.ask("wait_for_jittered", _RUNS)
        done_at = time.time()
        after = read_steps(log)[len(before) :]
        return Recovery(
            in_flight=_RUNS - sum(step.step == _STEPS - 1 for step in before),
            first_step=after[0].ended - one.ready_at,
            all_done=done_at - one.ready_at,
            lost=_RUNS - completed,
            repeated=sum((step.run, step.step) in finished for step in after),
        )


def _wait_for_steps(log: Path) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while len(steps := read_steps(log)) < _STEPS_BEFORE_KILL:
        if time.monotonic() > deadline:
            raise TimeoutError(f"Only {len(steps)} of {_STEPS_BEFORE_KILL} steps within {_WAIT_SECONDS:g} s.")
        time.sleep(0.005)


def _finished_by_devhost(folder: Path) -> set[tuple[str, int]]:
    """Return the steps whose completion is in the task hub, as (run, step)."""
    hub = TaskHub(_copy(folder, "hub.db"))
    finished = Counter(one.target for one in hub.pending_messages() if one.kind == EventType.TASK_COMPLETED)
    for run in (f"run-{n}" for n in range(_RUNS)):
        events = [json.loads(row.event) for row in hub.history(run)]
        finished[run] += sum(event["EventType"] == EventType.TASK_COMPLETED for event in events)
    hub.close()
    return _first_steps(finished)


def _finished_by_dbos(folder: Path) -> set[tuple[str, int]]:
    """Return the steps whose output is in DBOS's file, as (run, step)."""
    with closing(sqlite3.connect(_copy(folder, "dbos.db"))) as file:
        return _first_steps(dict(file.execute("SELECT workflow_uuid, count(*) FROM operation_outputs GROUP BY 1")))


def _first_steps(finished: Mapping[str, int]) -> set[tuple[str, int]]:
    """Return which steps of each run are finished: the steps of a run follow each other."""
    return {(run, step) for run, number in finished.items() for step in range(number)}


def _copy(folder: Path, name: str) -> Path:
    """Copy an SQLite file with its log, so that reading it leaves the file as the killed process did."""
    copy = folder / "copy"
    copy.mkdir()
    for file in folder.glob(f"{name}*"):
        shutil.copy(file, copy)
    return copy / name
