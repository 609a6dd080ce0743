"""DBOS on an SQLite file in WAL mode with `synchronous=NORMAL`, as devhost has it; both are checked at run time.

Every orchestration has the form in which DBOS runs it fastest: plain functions, on its threads, where steps follow each
other, and a coroutine where they run side by side or where many runs wait. Many runs are started from many threads.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import sqlalchemy
from dbos import DBOS, DBOSConfig, SetWorkflowID, WorkflowHandle

from devhost.bench.jitter import jittered_step
from devhost.bench.outcomes import COMPLETED, EVENTS, Outcome, digest
from devhost.bench.peer import FIRST_TURN_SECONDS, RUN_SECONDS, Recoverable
from devhost.bench.progress import END, event_name, short_step, steps_before

_SYNCHRONOUS_NORMAL = 1
_STARTERS = 16
_LOOK_SECONDS = 0.02

_begun: list[str | None] = []
"""The workflows that have come to their wait."""


@DBOS.step()
def noop(value: int) -> int:
    """Return the argument."""
    return value


@DBOS.step()
async def noop_async(value: int) -> int:
    """Return the argument."""
    return value


@DBOS.step()
def short(run: str, step: int) -> int:
    """Do a little I/O."""
    return short_step(run, step)


@DBOS.step()
async def jittered(run: str, step: int) -> int:
    """Take a moment that differs from step to step, and log it."""
    return await jittered_step(run, step)


@DBOS.workflow()
def chain(size: int) -> int:
    """Run steps one after the other."""
    return digest([noop(step) for step in range(size)])


@DBOS.workflow()
async def fan_out(size: int) -> int:
    """Run steps side by side."""
    return digest(await asyncio.gather(*(noop_async(n) for n in range(size))))


@DBOS.workflow()
async def wait_for_go(_size: int) -> Any:
    """Wait for a message, without an end."""
    _begun.append(DBOS.workflow_id)
    return await DBOS.recv_async("go", timeout_seconds=3600)


@DBOS.workflow()
def listening_chain(size: int) -> list[int]:
    """Run steps one after the other, and wait for each message when it is due."""
    run, results, events = str(DBOS.workflow_id), [], list[int]()
    for step in range(size):
        while len(events) < EVENTS and steps_before(len(events), size) <= step:
            events.append(DBOS.recv(event_name(len(events)), timeout_seconds=RUN_SECONDS))
        results.append(short(run, step))
    DBOS.recv(END, timeout_seconds=RUN_SECONDS)
    return [digest(results), *events]


@DBOS.workflow()
def deaf_chain(size: int) -> list[int]:
    """Run steps one after the other, and wait for the last message only."""
    run = str(DBOS.workflow_id)
    results = [short(run, step) for step in range(size)]
    DBOS.recv(END, timeout_seconds=RUN_SECONDS)
    return [digest(results)]


@DBOS.workflow()
async def jittered_chain(run: str, size: int) -> int:
    """Run steps one after the other that take their time."""
    return digest([await jittered(run, step) for step in range(size)])


_WORKFLOWS: dict[str, Callable[[int], Any]] = {
    "chain": chain,
    "fan_out": fan_out,
    "wait_for_go": wait_for_go,
    "listening_chain": listening_chain,
    "deaf_chain": deaf_chain,
}
_STATUSES = {"SUCCESS": COMPLETED}


class DbosPeer(Recoverable):
    """DBOS, launched on a file; what it left there before, it recovers."""

    # Each takes it a second.
    event_warm_ups = 1

    def __init__(self, folder: Path) -> None:
        sqlalchemy.event.listen(sqlalchemy.Engine, "connect", _use_wal)
        config: DBOSConfig = {
            "name": "bench",
            "system_database_url": f"sqlite:///{folder / 'dbos.db'}",
            "log_level": "ERROR",
            "application_version": "1",
        }
        self._starters = ThreadPoolExecutor(_STARTERS)
        self._handles: dict[str, WorkflowHandle[Any]] = {}
        DBOS(config=config)
        DBOS.launch()

    def start(self, orchestration: str, size: int, count: int) -> list[str]:
        workflow = _WORKFLOWS[orchestration]
        if count == 1:
            handles = [DBOS.start_workflow(workflow, size)]
        else:
            handles = list(self._starters.map(lambda _: DBOS.start_workflow(workflow, size), range(count)))
        self._handles |= {handle.workflow_id: handle for handle in handles}
        return [handle.workflow_id for handle in handles]

    def start_waiting(self, count: int) -> list[str]:
        _begun.clear()
        runs = self.start("wait_for_go", 0, count)
        while len(_begun) < count:
            time.sleep(0.005)
        time.sleep(FIRST_TURN_SECONDS)
        return runs

    def send_event(self, run: str, name: str, payload: object) -> None:
        DBOS.send(run, payload, name)

    def wait(self, runs: Sequence[str]) -> None:
        for run in runs:
            handle = self._handles.pop(run, None)
            if handle is None:
                DBOS.retrieve_workflow(run).get_result(polling_interval_sec=_LOOK_SECONDS)
            else:
                handle.get_result()

    def outcomes(self, runs: Sequence[str]) -> list[Outcome]:
        found = DBOS.list_workflows(workflow_ids=list(runs), load_input=False)
        return [
            Outcome(one.workflow_id, _STATUSES.get(one.status, one.status), one.error or one.output) for one in found
        ]

    def pause(self, count: int) -> None:
        super().pause(count)
        self._handles.clear()  # so that the memory of a paused run is the engine's alone

    def start_jittered(self, count: int, steps: int) -> None:
        for n in range(count):
            with SetWorkflowID(f"run-{n}"):
                DBOS.start_workflow(jittered_chain, f"run-{n}", steps)


def open_peer(folder: Path) -> DbosPeer:
    """Launch DBOS on the folder's file."""
    return DbosPeer(folder)


def _use_wal(connection: sqlite3.Connection, _record: object) -> None:
    journal = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    connection.execute("PRAGMA synchronous=NORMAL")
    synchronous = connection.execute("PRAGMA synchronous").fetchone()[0]
    if (journal, synchronous) != ("wal", _SYNCHRONOUS_NORMAL):
        raise RuntimeError(f"DBOS does not run as it should: journal_mode={journal}, synchronous={synchronous}.")
