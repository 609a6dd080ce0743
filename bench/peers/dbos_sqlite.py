"""DBOS on an SQLite file in WAL mode with `synchronous=NORMAL`, as devhost has it; both are checked at run time.

Every orchestration has the form in which DBOS runs it fastest: plain functions, on its threads, where steps follow each
other, and a coroutine where they run side by side or where many runs wait. Many runs are started from many threads.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import sqlalchemy
from dbos import DBOS, DBOSConfig, SetWorkflowID, WorkflowHandle

from bench.jitter import jittered_step
from bench.peer import FIRST_TURN_SECONDS, Recoverable

_SYNCHRONOUS_NORMAL = 1
_STARTERS = 16

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
async def jittered(run: str, step: int) -> int:
    """Take a moment that differs from step to step, and log it."""
    return await jittered_step(run, step)


@DBOS.workflow()
def chain(size: int) -> str:
    """Run steps one after the other."""
    for step in range(size):
        noop(step)
    return "done"


@DBOS.workflow()
async def fan_out(size: int) -> int:
    """Run steps side by side."""
    return len(await asyncio.gather(*(noop_async(n) for n in range(size))))


@DBOS.workflow()
async def wait_for_go(_size: int) -> str:
    """Wait for a message, without an end."""
    _begun.append(DBOS.workflow_id)
    await DBOS.recv_async("go", timeout_seconds=3600)
    return "done"


@DBOS.workflow()
async def jittered_chain(run: str, size: int) -> str:
    """Run steps one after the other that take their time."""
    for step in range(size):
        await jittered(run, step)
    return "done"


_WORKFLOWS: dict[str, Callable[[int], Any]] = {"chain": chain, "fan_out": fan_out, "wait_for_go": wait_for_go}


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
        DBOS(config=config)
        DBOS.launch()

    def time_parallel(self, orchestration: str, size: int, count: int) -> float:
        workflow = _WORKFLOWS[orchestration]
        started = time.perf_counter()
        for handle in self._start(workflow, size, count):
            handle.get_result()
        return time.perf_counter() - started

    def time_event(self) -> float:
        (handle,) = self._start_waiting(1)
        sent = time.perf_counter()
        DBOS.send(handle.workflow_id, "now", "go")
        handle.get_result()
        return time.perf_counter() - sent

    def pause(self, count: int) -> None:
        self._start_waiting(count)

    def start_jittered(self, count: int, steps: int) -> None:
        for n in range(count):
            with SetWorkflowID(f"run-{n}"):
                DBOS.start_workflow(jittered_chain, f"run-{n}", steps)

    def wait_for_jittered(self, count: int) -> int:
        results: list[object] = [
            DBOS.retrieve_workflow(f"run-{n}").get_result(polling_interval_sec=0.02) for n in range(count)
        ]
        return results.count("done")

    def _start(self, workflow: Callable[[int], Any], size: int, count: int) -> list[WorkflowHandle[Any]]:
        if count == 1:
            return [DBOS.start_workflow(workflow, size)]
        return list(self._starters.map(lambda _: DBOS.start_workflow(workflow, size), range(count)))

    def _start_waiting(self, count: int) -> list[WorkflowHandle[Any]]:
        _begun.clear()
        handles = self._start(wait_for_go, 0, count)
        while len(_begun) < count:
            time.sleep(0.005)
        time.sleep(FIRST_TURN_SECONDS)
        return handles


def open_peer(folder: Path) -> DbosPeer:
    """Launch DBOS on the folder's file."""
    return DbosPeer(folder)


def _use_wal(connection: sqlite3.Connection, _record: object) -> None:
    journal = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    connection.execute("PRAGMA synchronous=NORMAL")
    synchronous = connection.execute("PRAGMA synchronous").fetchone()[0]
    if (journal, synchronous) != ("wal", _SYNCHRONOUS_NORMAL):
        raise RuntimeError(f"DBOS does not run as it should: journal_mode={journal}, synchronous={synchronous}.")
