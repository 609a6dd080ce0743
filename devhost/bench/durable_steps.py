"""Which steps' results a killed engine has left in its file: these must not run again."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path

from devhost.hub.store import TaskHub
from devhost.protocol.history import EventType


def in_task_hub(folder: Path, runs: Iterable[str]) -> set[tuple[str, int]]:
    """Return the steps whose completion is in devhost's `hub.db`, as (run, step)."""
    hub = TaskHub(_copy(folder, "hub.db"))
    finished = Counter(one.target for one in hub.pending_messages() if one.kind == EventType.TASK_COMPLETED)
    for run in runs:
        events = [json.loads(row.event) for row in hub.history(run)]
        finished[run] += sum(event["EventType"] == EventType.TASK_COMPLETED for event in events)
    hub.close()
    return _first_steps(finished)


def in_dbos(folder: Path) -> set[tuple[str, int]]:
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
