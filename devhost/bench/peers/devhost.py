"""devhost's engine in process, on a task hub file: no HTTP, as the other engines are driven without it."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from devhost import event_loop
from devhost.bench.outcomes import RESUMED, Outcome
from devhost.bench.peer import FIRST_TURN_SECONDS, RUN_SECONDS, Recoverable
from devhost.bench.peers.devhost_engine import BenchEngine

APPS = Path(__file__).resolve().parents[1] / "apps"
PLAIN_APP = APPS / "plain"

ResultT = TypeVar("ResultT")


class DevhostPeer(Recoverable):
    """An engine on a folder, with all that the folder's file holds taken up, on a thread of its own.

    It works on devhost's event loop, and goes on while it is asked nothing, as a host does. Times are taken on that
    thread, so that the way to it is in none, but for the events into chains: they come from outside.
    """

    # More than the first runs of each orchestration, which devhost replays to verify them.
    warm_ups = event_warm_ups = 15

    def __init__(self, folder: Path, replay: bool, fast_timestamps: bool, app: str) -> None:
        os.chdir(APPS / app)
        opened: Future[asyncio.AbstractEventLoop] = Future()
        work = self._work(folder, APPS / app, replay, fast_timestamps, opened)
        threading.Thread(target=event_loop.run, args=(work,), daemon=True).start()
        self._loop = opened.result()

    def start(self, orchestration: str, size: int, count: int) -> list[str]:
        return self.run(self._start(orchestration, size, [None] * count))

    def start_waiting(self, count: int) -> list[str]:
        return self.run(self._start_waiting(count))

    def send_event(self, run: str, name: str, payload: object) -> None:
        self.run(self.engine.send_event(run, name, payload))

    def wait(self, runs: Sequence[str]) -> None:
        self.run(self._wait(runs))

    def outcomes(self, runs: Sequence[str]) -> list[Outcome]:
        return self.run(self._outcomes(runs))

    def run_timed(self, orchestration: str, size: int, count: int) -> tuple[list[str], float]:
        return self.run(self._run_timed(orchestration, size, count))

    def resume_timed(self, run: str) -> float:
        return self.run(self._resume_timed(run))

    def start_jittered(self, count: int, steps: int) -> None:
        self.run(self._start("jittered_chain", steps, [f"run-{n}" for n in range(count)]))

    def commits(self) -> int:
        """Return how many transactions there have been."""
        return self.engine.commits

    def run(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        """Have the engine's thread do something, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _work(
        self,
        folder: Path,
        app_root: Path,
        replay: bool,
        fast_timestamps: bool,
        opened: Future[asyncio.AbstractEventLoop],
    ) -> None:
        try:
            self.engine = BenchEngine(folder, app_root, replay, fast_timestamps)
        except Exception as error:
            opened.set_exception(error)
            return
        opened.set_result(asyncio.get_running_loop())
        await asyncio.Event().wait()

    async def _run_timed(self, orchestration: str, size: int, count: int) -> tuple[list[str], float]:
        started = time.perf_counter()
        runs = await self._start(orchestration, size, [None] * count)
        await self._wait(runs)
        return runs, time.perf_counter() - started

    async def _resume_timed(self, run: str) -> float:
        sent = time.perf_counter()
        await self.engine.send_event(run, "go", RESUMED)
        await self._wait([run])
        return time.perf_counter() - sent

    async def _start(self, orchestration: str, size: int, ids: Sequence[str | None]) -> list[str]:
        if len(ids) == 1:
            return [await self.engine.start(orchestration, ids[0], size)]
        return await asyncio.gather(*(self.engine.start(orchestration, wanted, size) for wanted in ids))

    async def _start_waiting(self, count: int) -> list[str]:
        runs = await self._start("wait_for_go", 0, [None] * count)
        while self.engine.is_any_pending():
            await asyncio.sleep(FIRST_TURN_SECONDS)
        await asyncio.sleep(FIRST_TURN_SECONDS)
        return runs

    async def _wait(self, runs: Sequence[str]) -> None:
        """Wait for one run after the other, as the other engines' clients do."""
        for run in runs:
            if not await self.engine.has_ended(run, RUN_SECONDS):
                raise TimeoutError(f"The run {run} has not ended within {RUN_SECONDS:g} s.")

    async def _outcomes(self, runs: Sequence[str]) -> list[Outcome]:
        return [found for run in runs if (found := self.engine.outcome(run)) is not None]


def open_peer(folder: Path, replay: bool, fast_timestamps: bool, app: str = PLAIN_APP.name) -> DevhostPeer:
    """Open an engine on the folder's task hub."""
    return DevhostPeer(folder, replay, fast_timestamps, app)
