"""One engine after the other on one task hub file, each ended by a crash, all in this process and in virtual time.

Everything is devhost's own and the SDK's but the user code, which runs on the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import sqlite3
import traceback
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import azure.durable_functions as df

from devhost.app_settings import load_host_settings
from devhost.engine.client import HubClient
from devhost.engine.engine import Engine
from devhost.functions import Function, FunctionTable, TriggerType
from devhost.hub.rows import Changes
from devhost.hub.store import TaskHub
from devhost.protocol.json_text import compact
from devhost.sessions import Mode
from devhost.testing.kills.kill_plan import When
from devhost.tests.crash import errands
from devhost.tests.crash.virtual_time import VirtualClock, VirtualTimeLoop
from devhost.tests.support.worker_here import WorkerHere
from devhost.threads import ResultT
from devhost.worker import FunctionFailedError

APP = Path(__file__).parent / "app"
FUNCTIONS = {
    TriggerType.ORCHESTRATION: ["errands"],
    TriggerType.ENTITY: ["tally"],
    TriggerType.ACTIVITY: ["leave_mark", "stumble", "fragile"],
}


class CrashedError(Exception):
    """The process ends here, so far as the engine on this task hub can tell."""


class CrashingHub(TaskHub):
    """A task hub after whose crash nothing is committed any more, and which may refuse to write for a while."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.crashed = asyncio.Event()
        self.requests = 0
        self._left: int | None = None
        self._when = When.BEFORE
        self._refusals = 0

    def refuse(self, times: int) -> None:
        """Refuse the next commits, as when the disk is full."""
        self._refusals = times

    def crash_at(self, commit: int, when: When) -> None:
        """Crash before or after the commit of this number, counted from now, the next being 1."""
        self._left, self._when = commit, when

    def crash(self) -> None:
        """Crash now."""
        self.crashed.set()

    def commit(self, group: Sequence[Changes]) -> None:
        """Commit, unless the crash comes first.

        Raises:
            CrashedError: It has come, before or after.
            sqlite3.OperationalError: The commit is refused.
        """
        if self.crashed.is_set():
            raise CrashedError
        if self._refusals:
            self._refusals -= 1
            raise sqlite3.OperationalError("database or disk is full")
        if self._left is not None:
            self._left -= 1
        if self._left == 0:
            self.crashed.set()
        if not self.crashed.is_set() or self._when is When.AFTER:
            super().commit(group)
            self.requests += sum(map(_is_of_a_caller, group))
        if self.crashed.is_set():
            raise CrashedError


class UserCode(WorkerHere):
    """Runs the errands as a worker process would, and keeps count of the marks that activities and entities leave."""

    def __init__(self, hub: CrashingHub, marks: Counter[tuple[str, str]]) -> None:
        super().__init__({"errands": df.Orchestrator.create(errands.run)})
        self._hub = hub
        self._marks = marks
        self._entity = df.Entity.create(self._tally)

    async def run(self, function: Function, payload: str, client: str = "") -> Any:
        """Run an activity or an entity on JSON text and return the JSON text of its answer.

        Raises:
            FunctionFailedError: It raised.
        """
        await self._end_with_the_process()
        if function.trigger_type != TriggerType.ACTIVITY:
            return self.call(function, payload)
        try:
            return compact(await self._activity(function.name, json.loads(payload)))
        except Exception as ex:
            raise _failed(ex) from ex

    async def on_thread(self, name: str, work: Callable[[], ResultT]) -> ResultT:
        """Do some work."""
        await self._end_with_the_process()
        return await super().on_thread(name, work)

    def call(self, function: Function, payload: str) -> Any:
        """Run an orchestrator or an entity.

        Raises:
            FunctionFailedError: It raised.
        """
        try:
            if function.trigger_type == TriggerType.ORCHESTRATION:
                return self.orchestrators[function.name](SimpleNamespace(body=payload))
            return self._entity(payload)
        except Exception as ex:
            raise _failed(ex) from ex

    async def _end_with_the_process(self) -> None:
        if self._hub.crashed.is_set():
            await asyncio.Event().wait()  # A process that has ended runs nothing.

    async def _activity(self, name: str, order: errands.Order) -> str:
        """Leave a mark in the middle of the time it takes."""
        await asyncio.sleep(order["ms"] / 2000)
        await self._end_with_the_process()
        self._leave(order["run"], order["key"])
        await asyncio.sleep(order["ms"] / 2000)
        if name == "stumble":
            raise ValueError(order["key"])
        return order["key"]

    def _tally(self, context: df.DurableEntityContext) -> None:
        self._leave(str(context.entity_key), str(context.get_input()))
        errands.count(context)

    def _leave(self, run: str, key: str) -> None:
        self._marks[run, key] += 1


def _is_of_a_caller(changes: Changes) -> bool:
    """Whether changes are what somebody asked for: no message, activity or entity was worked at."""
    return not (changes.consumed or changes.finished_activity or changes.entity or changes.history)


def _failed(ex: Exception) -> FunctionFailedError:
    return FunctionFailedError(f"{type(ex).__name__}: {ex}", traceback.format_exc())


class Engines:
    """The engine that runs at present; a crash of it is followed by the next one."""

    def __init__(self, loop: VirtualTimeLoop, file: Path, mode: Mode) -> None:
        self._loop = loop
        self._file = file
        self._mode = mode
        self._marks: Counter[tuple[str, str]] = Counter()
        self._functions = FunctionTable(
            Function(name, name, trigger, "x", {}) for trigger, names in FUNCTIONS.items() for name in names
        )
        self.crashes = 0
        self._open()

    def ask(self, what: Callable[[HubClient], object]) -> bool:
        """Ask for something as an HTTP caller would, and return whether it was answered or committed before a crash."""

        async def asked() -> None:
            answer = what(self.engine.client)
            if inspect.isawaitable(answer):
                await answer

        before = self.hub.requests
        try:
            self._loop.run_until_complete(self._unless_crashed(asked()))
        except (CrashedError, sqlite3.OperationalError):
            return self.hub.requests > before
        finally:
            self._follow_a_crash()
        return True

    def run_for(self, seconds: float) -> None:
        """Let the engine work, until the time is over or it crashes."""

        with contextlib.suppress(CrashedError):
            self._loop.run_until_complete(self._unless_crashed(asyncio.sleep(seconds)))
        self._follow_a_crash()

    def run_rounds(self, rounds: int) -> None:
        """Let the engine work for so many rounds of the event loop, which may end in the middle of a work item."""

        async def work() -> None:
            for _ in range(rounds):
                await asyncio.sleep(0)

        self._loop.run_until_complete(work())
        self._follow_a_crash()

    def crash(self) -> None:
        """End the engine where it is, and open the next."""
        self.hub.crash()
        self._follow_a_crash()

    def close(self) -> None:
        """End the last engine."""
        self._loop.run_until_complete(self._end())

    def effects(self) -> Counter[tuple[str, str]]:
        """Return how often each mark was left, by run and key."""
        return self._marks

    def rows(self, query: str, *values: object) -> list[Any]:
        """Read the task hub's file."""
        with contextlib.closing(sqlite3.connect(f"file:{self._file}?mode=ro", uri=True)) as file:
            return file.execute(query, values).fetchall()

    async def _unless_crashed(self, work: Coroutine[Any, Any, None]) -> None:
        """Do some work; a crash ends it, wherever it waits."""
        task, crash = asyncio.create_task(work), asyncio.create_task(self.hub.crashed.wait())
        await asyncio.wait((task, crash), return_when=asyncio.FIRST_COMPLETED)
        crash.cancel()
        if not task.done():
            task.cancel()
            raise CrashedError
        await task

    def _follow_a_crash(self) -> None:
        if self.hub.crashed.is_set():
            self._loop.run_until_complete(self._end())
            self.crashes += 1
            self._open()

    def _open(self) -> None:
        async def start() -> None:
            self.engine.start()

        self.hub = CrashingHub(self._file)
        worker = UserCode(self.hub, self._marks)
        clock = VirtualClock(self._loop)
        self.engine = Engine(self.hub, worker, self._functions, clock, load_host_settings(APP, {}), self._mode)
        self._loop.run_until_complete(start())

    async def _end(self) -> None:
        self.hub.crash()
        with contextlib.suppress(CrashedError):  # It would commit what waits.
            await self.engine.stop(grace_seconds=0)
        self.hub.close()
