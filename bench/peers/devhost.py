"""devhost's engine in process, on a task hub file: no HTTP, as the other engines are driven without it."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from bench.peer import FIRST_TURN_SECONDS, RUN_SECONDS, Recoverable
from devhost import event_loop
from devhost import fast_timestamps as faster
from devhost.app_settings import load_host_settings
from devhost.clock import SystemClock
from devhost.engine.engine import Engine
from devhost.functions import FunctionTable
from devhost.hub.rows import Changes, Status
from devhost.hub.store import TaskHub
from devhost.sessions import Mode
from devhost.worker import Worker

PLAIN_APP = Path(__file__).resolve().parents[1] / "apps" / "plain"

ResultT = TypeVar("ResultT")


class WatchedHub(TaskHub):
    """A task hub that counts its transactions, and tells when an entity's new state is durable."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.commits = 0
        self._watched: dict[str, asyncio.Future[None]] = {}

    def watch(self, entity_id: str) -> asyncio.Future[None]:
        """Return a future that is done once the entity's next state is durable."""
        return self._watched.setdefault(entity_id, asyncio.get_running_loop().create_future())

    def commit(self, group: Sequence[Changes]) -> None:
        """Apply changes, count, and tell."""
        super().commit(group)
        self.commits += 1
        for changes in group:
            if changes.entity is not None and changes.entity.entity_id in self._watched:
                self._watched.pop(changes.entity.entity_id).set_result(None)


class DevhostPeer(Recoverable):
    """An engine on `hub.db` in a folder, with all that the file holds taken up, on a thread of its own.

    It works on devhost's event loop, and goes on while it is asked nothing, as a host does. Times are taken on that
    thread, so that the way to it is in none.
    """

    # More than the first runs of each orchestration, which devhost replays to verify them.
    warm_ups = event_warm_ups = 15

    def __init__(self, folder: Path, mode: Mode, fast_timestamps: bool, app_root: Path = PLAIN_APP) -> None:
        self._mode = mode
        if fast_timestamps:
            faster.install()
        os.chdir(app_root)
        opened: Future[asyncio.AbstractEventLoop] = Future()
        work = self._work(folder, app_root, opened)
        threading.Thread(target=event_loop.run, args=(work,), daemon=True).start()
        self._loop = opened.result()

    def time_parallel(self, orchestration: str, size: int, count: int) -> float:
        return self.run(self._time_parallel(orchestration, size, count))

    def time_event(self) -> float:
        return self.run(self._time_event())

    def pause(self, count: int) -> None:
        self.run(self._start_waiting(count))

    def start_jittered(self, count: int, steps: int) -> None:
        self.run(self._start("jittered_chain", steps, [f"run-{n}" for n in range(count)]))

    def wait_for_jittered(self, count: int) -> int:
        return self.run(self._wait_for_jittered(count))

    def commits(self) -> int:
        """Return how many transactions there have been."""
        return self.hub.commits

    def run(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        """Have the engine's thread do something, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _work(self, folder: Path, app_root: Path, opened: Future[asyncio.AbstractEventLoop]) -> None:
        try:
            self._open(folder, app_root)
        except Exception as error:
            opened.set_exception(error)
            return
        opened.set_result(asyncio.get_running_loop())
        await asyncio.Event().wait()

    def _open(self, folder: Path, app_root: Path) -> None:
        self.hub = WatchedHub(folder / "hub.db")
        worker = Worker(live_orchestrators=self._mode is not Mode.REPLAY)
        functions, refused = worker.index(app_root)
        if refused:
            raise RuntimeError(f"devhost refuses functions of {app_root}: {refused}")
        settings = load_host_settings(app_root, {})
        self.engine = Engine(self.hub, worker, FunctionTable(functions), SystemClock(), settings, self._mode)
        self.engine.start()

    async def _time_parallel(self, orchestration: str, size: int, count: int) -> float:
        started = time.perf_counter()
        await self._wait_for(await self._start(orchestration, size, [None] * count))
        return time.perf_counter() - started

    async def _start(self, orchestration: str, size: int, ids: Sequence[str | None]) -> list[str]:
        client = self.engine.client
        if len(ids) == 1:
            return [await client.start(orchestration, ids[0], _input(size))]
        return await asyncio.gather(*(client.start(orchestration, wanted, _input(size)) for wanted in ids))

    async def _wait_for(self, ids: Sequence[str]) -> None:
        """Wait for one run after the other, as the other engines' clients do."""
        for instance_id in ids:
            if not await self.engine.dispatcher.instance_ended(instance_id, RUN_SECONDS):
                raise TimeoutError(f"The run {instance_id} has not ended within {RUN_SECONDS:g} s.")

    async def _time_event(self) -> float:
        ids = await self._start_waiting(1)
        sent = time.perf_counter()
        self.engine.client.raise_event(ids[0], "go", '"now"')
        await self._wait_for(ids)
        return time.perf_counter() - sent

    async def _start_waiting(self, count: int) -> list[str]:
        ids = await self._start("wait_for_go", 0, [None] * count)
        while self.hub.instances(statuses=frozenset([Status.PENDING]), limit=1):
            await asyncio.sleep(FIRST_TURN_SECONDS)
        await asyncio.sleep(FIRST_TURN_SECONDS)
        return ids

    async def _wait_for_jittered(self, count: int) -> int:
        ids = [f"run-{n}" for n in range(count)]
        await self._wait_for(ids)
        ended = [self.hub.instance(instance_id) for instance_id in ids]
        return sum(one is not None and one.status is Status.COMPLETED for one in ended)


def open_peer(folder: Path, mode: Mode, fast_timestamps: bool) -> DevhostPeer:
    """Open an engine on the folder's task hub."""
    return DevhostPeer(folder, mode, fast_timestamps)


def _input(value: int) -> str:
    """Return an input as the SDK's client sends it: JSON text in a JSON string."""
    return json.dumps(json.dumps(value))
