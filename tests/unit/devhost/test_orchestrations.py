"""Who plays a turn: the thread of the activity whose result it takes in, where that is all there is to take in."""

import asyncio
import json
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import azure.durable_functions as df
import pytest

from devhost.app_settings import load_host_settings
from devhost.engine.commits import HELD
from devhost.engine.engine import Engine
from devhost.functions import Function, FunctionTable, TriggerType
from devhost.hub.rows import Changes
from devhost.hub.store import TaskHub
from devhost.protocol.answer import Answer
from devhost.protocol.history import Event, EventType
from devhost.sessions import Mode, Session, keep_alive
from devhost.worker import Calls, ResultT
from tests.support.worker_here import WorkerHere, run_calls_here
from tests.unit.devhost.conftest import SMALL_APP
from tests.unit.devhost.fake_clock import FakeClock

RUN = "run-1"
THREADS = 3
RUNS = 12  # more than the first runs of an orchestration, which are verified
Turns = Generator[Any, Any, Any]


def chain(context: df.DurableOrchestrationContext) -> Turns:
    """Run five activities one after the other."""
    results = []
    for step in range(5):
        results.append((yield context.call_activity("note", step)))
    return results


def fan_out(context: df.DurableOrchestrationContext) -> Turns:
    """Run three activities side by side."""
    results = yield context.task_all([context.call_activity("note", n) for n in range(3)])
    return results


def chain_and_event(context: df.DurableOrchestrationContext) -> Turns:
    """Run an activity, wait for an event, and run another."""
    first = yield context.call_activity("note", "first")
    go = yield context.wait_for_external_event("go")
    second = yield context.call_activity("note", "second")
    return [first, go, second]


def status_once(context: df.DurableOrchestrationContext) -> Turns:
    """Set a status that no replay sets again."""
    if not context.is_replaying:
        context.set_custom_status("begun")
    yield context.call_activity("note", 0)
    yield context.wait_for_external_event("go")


def mixed(context: df.DurableOrchestrationContext) -> Turns:
    """Run a plain activity, a coroutine and a plain one."""
    results = []
    for activity in ("note", "note_later", "note"):
        results.append((yield context.call_activity(activity, activity)))
    return results


def erratic(context: df.DurableOrchestrationContext) -> Turns:
    """Return something else when it is replayed."""
    yield context.call_activity("note", 0)
    return next(_NUMBERS)


_NUMBERS = count()
ORCHESTRATORS = (chain, fan_out, chain_and_event, status_once, mixed, erratic)


class WatchedWorker(WorkerHere):
    """Runs activities on the event loop and what follows on threads; `before_turn` is called there."""

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[Any] = []
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.crossings = 0
        self.chains = 0
        self.are_wanted = False
        self.before_turn: Callable[[], object] = lambda: None
        self._orchestrators = {one.__name__: keep_alive(df.Orchestrator.create(one)) for one in ORCHESTRATORS}

    @property
    def thread_count(self) -> int:
        """As many as the tests need."""
        return THREADS

    @property
    def threads_are_wanted(self) -> bool:
        """What the test says."""
        return self.are_wanted

    async def run(self, function: Function, payload: str, client: str = "") -> str:
        """Run the activity when it may: note its input, and return how many there were before."""
        number = len(self.noted)
        self.noted.append(json.loads(payload))
        await self.may_end.wait()
        return str(number)

    async def has_noted(self, count: int) -> None:
        """Wait until so many activities have begun."""
        while len(self.noted) < count:
            await asyncio.sleep(0)

    async def on_thread(self, work: Callable[[], ResultT]) -> ResultT:
        """Do some work on a thread, and count it."""
        self.crossings += 1
        return await asyncio.to_thread(work)

    async def run_calls(self, calls: Calls[ResultT]) -> ResultT:
        """Run activities on the event loop, and what is done between them on threads."""
        self.chains += 1
        return await run_calls_here(self.run, calls, asyncio.to_thread)

    def call(self, function: Function, payload: str) -> Any:
        """Run an orchestrator."""
        return self._orchestrators[function.name](SimpleNamespace(body=payload))

    def go_on(self, function: Function, session: Session, events: Sequence[Event]) -> Answer:
        """Run an orchestrator's next turn."""
        self.before_turn()
        return session.go_on(events)


class RefusingHub(TaskHub):
    """A task hub that refuses to write as often as it is told to."""

    refusals = 0

    def commit(self, group: Sequence[Changes]) -> None:
        """Commit.

        Raises:
            sqlite3.OperationalError: The commit is refused.
        """
        if self.refusals:
            self.refusals -= 1
            raise sqlite3.OperationalError("database or disk is full")
        super().commit(group)


class Running:
    """An engine at work in a mode, on the orchestrations above."""

    def __init__(self, path: Path, mode: Mode, max_turns: int) -> None:
        self.worker = WatchedWorker()
        self.clock = FakeClock()
        self.hub = RefusingHub(path)
        functions = [Function(one.__name__, one.__name__, TriggerType.ORCHESTRATION, "x", {}) for one in ORCHESTRATORS]
        functions.append(Function("note", "note", TriggerType.ACTIVITY, "x", {}))
        functions.append(Function("note_later", "note_later", TriggerType.ACTIVITY, "x", {}, is_plain=False))
        table = FunctionTable(functions)
        settings = replace(load_host_settings(SMALL_APP, {}), max_concurrent_orchestrators=max_turns)
        self.engine = Engine(self.hub, self.worker, table, self.clock, settings, mode)
        self.engine.start()

    async def start(self, orchestration: str) -> None:
        """Start a run."""
        await self.engine.client.start(orchestration, RUN, None)

    def status(self) -> str | None:
        """Return the run's custom status."""
        instance = self.hub.instance(RUN)
        assert instance is not None
        return instance.custom_status

    async def output(self) -> Any:
        """Wait until the run has ended, and return its output."""
        assert await self.engine.dispatcher.instance_ended(RUN, 5)
        instance = self.hub.instance(RUN)
        assert instance is not None
        return json.loads(instance.output or "null")


Open = Callable[..., Running]


@pytest.fixture
async def run(tmp_path: Path) -> AsyncIterator[Open]:
    """Open an engine: `run(mode, max_turns=...)`."""
    opened: list[Running] = []

    def open_engine(mode: Mode = Mode.LIVE, max_turns: int = 10) -> Running:
        opened.append(Running(tmp_path / "hub.db", mode, max_turns))
        return opened[-1]

    yield open_engine
    for one in opened:
        await one.engine.stop(grace_seconds=1)
        one.hub.close()


@pytest.mark.parametrize("mode", Mode)
async def test_a_lone_chain_stays_on_one_thread_from_its_first_activity_on(run: Open, mode: Mode) -> None:
    running = run(mode)
    await running.start("chain")
    assert await running.output() == [0, 1, 2, 3, 4]
    assert (running.worker.crossings, running.worker.chains) == (1, 1)


async def test_a_thread_that_others_wait_for_is_given_back_after_each_turn(run: Open) -> None:
    running = run()
    running.worker.are_wanted = True
    await running.start("chain")
    assert await running.output() == [0, 1, 2, 3, 4]
    assert (running.worker.crossings, running.worker.chains) == (1, 5)


async def test_after_a_slow_turn_results_do_not_wait_for_the_next(run: Open) -> None:
    running = run()
    may_go_on = threading.Event()
    turns: Iterator[Callable[[], object]] = iter(
        [partial(running.clock.advance, 2 * HELD.total_seconds()), partial(may_go_on.wait, 5)]
    )
    running.worker.before_turn = lambda: next(turns, bool)()
    await running.start("chain")
    while [message.kind for message in running.hub.pending_messages()] != [EventType.TASK_COMPLETED]:
        await asyncio.sleep(0.001)
    may_go_on.set()
    assert await running.output() == [0, 1, 2, 3, 4]


async def test_a_coroutine_in_a_chain_runs_on_the_event_loop(run: Open) -> None:
    running = run()
    await running.start("mixed")
    assert await running.output() == [0, 1, 2]
    assert (running.worker.crossings, running.worker.chains) == (2, 2)


async def test_a_chain_begins_nothing_more_once_the_engine_stops(run: Open) -> None:
    running = run()
    running.worker.may_end.clear()
    await running.start("chain")
    await running.worker.has_noted(1)
    stopping = asyncio.create_task(running.engine.stop(grace_seconds=5))
    await asyncio.sleep(0)
    running.worker.may_end.set()
    await stopping
    assert running.worker.noted == [0]
    assert [one.kind for one in running.hub.pending_messages()] == [EventType.TASK_COMPLETED]


async def test_an_activity_that_a_turn_asks_for_while_the_engine_stops_is_left_for_the_next(run: Open) -> None:
    running = run()
    loop = asyncio.get_running_loop()

    async def stop() -> asyncio.Task[None]:
        stopping = asyncio.create_task(running.engine.stop(grace_seconds=5))
        await asyncio.sleep(0)
        return stopping

    running.worker.before_turn = lambda: stopped.append(asyncio.run_coroutine_threadsafe(stop(), loop).result())
    stopped: list[asyncio.Task[None]] = []
    await running.start("chain")
    while not stopped:
        await asyncio.sleep(0)
    await stopped[0]
    assert running.worker.noted == [0]
    assert [one.task_id for one in running.hub.pending_activities()] == [1]


async def test_a_result_that_others_may_follow_is_not_played_by_its_thread(run: Open) -> None:
    running = run()
    crossings: list[int] = []
    running.worker.before_turn = lambda: crossings.append(running.worker.crossings)
    await running.start("fan_out")
    assert await running.output() == [0, 1, 2]
    assert crossings[0] == 2


async def test_a_limit_below_the_number_of_threads_holds_for_every_turn(run: Open) -> None:
    running = run(max_turns=THREADS - 1)
    await running.start("chain")
    assert await running.output() == [0, 1, 2, 3, 4]
    assert running.worker.crossings == 6


async def test_an_event_that_comes_while_a_thread_plays_is_taken_in_by_the_turn_after(run: Open) -> None:
    running = run()
    playing, may_go_on = threading.Event(), threading.Event()

    def wait() -> None:
        playing.set()
        assert may_go_on.wait(5)

    running.worker.before_turn = wait
    await running.start("chain_and_event")
    assert await asyncio.to_thread(playing.wait, 5)
    running.engine.client.raise_event(RUN, "go", '"now"')
    await asyncio.sleep(0.05)  # long enough for a turn beside the one on the thread, if there were one
    running.worker.before_turn = lambda: None
    may_go_on.set()
    assert await running.output() == [0, "now", 1]


async def test_an_event_that_came_meanwhile_is_taken_in_while_the_next_activity_runs(run: Open) -> None:
    running = run()
    running.worker.before_turn = partial(_raise_once, running, asyncio.get_running_loop())
    await running.start("chain")
    await running.worker.has_noted(2)
    while not any('"Name":"early"' in row.event for row in running.hub.history(RUN)):
        await asyncio.sleep(0)
    assert len(running.worker.noted) == 2
    running.worker.may_end.set()
    assert await running.output() == [0, 1, 2, 3, 4]


async def test_a_turn_whose_commit_is_refused_is_played_again_and_its_activity_is_not(run: Open) -> None:
    running = run()
    running.worker.before_turn = partial(setattr, running.hub, "refusals", 1)
    await running.start("chain")
    assert await running.output() == [0, 1, 2, 3, 4]
    assert running.worker.noted == [0, 1, 2, 3, 4]


async def test_a_defect_in_a_turn_on_a_thread_fails_the_run(run: Open, caplog: pytest.LogCaptureFixture) -> None:
    running = run()

    def fail() -> None:
        raise KeyError("a defect of this host")

    running.worker.before_turn = fail
    await running.start("chain")
    text = "devhost could not process the turn (KeyError: 'a defect of this host')."
    assert await running.output() == f"Orchestrator function 'chain' failed: {text}"
    assert f"{RUN}: the turn could not be processed; the instance fails." in caplog.text


async def test_an_orchestrator_that_answers_a_replay_otherwise_fails_on_a_thread_too(run: Open) -> None:
    running = run()
    await running.start("erratic")
    assert "The orchestrator 'erratic' is not deterministic" in await running.output()


async def test_a_run_that_is_terminated_while_a_thread_plays_its_turn_ends_after_it(run: Open) -> None:
    running = run()
    running.worker.before_turn = lambda: loop.call_soon_threadsafe(running.engine.client.terminate, RUN, "enough")
    loop = asyncio.get_running_loop()
    await running.start("chain_and_event")
    assert await running.output() == "enough"
    assert running.worker.noted == ["first"]


async def test_a_result_for_a_run_that_was_replaced_is_not_taken_for_the_new_ones(run: Open) -> None:
    running = run()
    running.worker.may_end.clear()
    await running.start("chain")
    await running.worker.has_noted(1)
    running.engine.client.terminate(RUN, "enough")
    assert await running.output() == "enough"
    await running.start("chain")
    await running.worker.has_noted(2)
    running.worker.may_end.set()
    assert await running.output() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("mode", Mode)
async def test_a_status_that_no_replay_sets_again_is_gone_after_the_next_turn(run: Open, mode: Mode) -> None:
    running = run(mode)
    statuses: list[str | None] = []
    for _ in range(RUNS):
        running.worker.may_end.clear()
        await running.start("status_once")
        await running.worker.has_noted(len(statuses) // 2 + 1)
        statuses.append(running.status())
        running.worker.may_end.set()
        while running.status() == statuses[-1]:
            await asyncio.sleep(0)
        statuses.append(running.status())
        running.engine.client.raise_event(RUN, "go", "1")
        assert await running.output() is None
    assert statuses == ['"begun"', None] * RUNS


def _raise_once(running: Running, loop: asyncio.AbstractEventLoop) -> None:
    """Raise an event on the loop, from a thread, wait until it has been sent, and hold up activities."""
    running.worker.before_turn = lambda: None
    running.worker.may_end.clear()

    async def send() -> None:
        running.engine.client.raise_event(RUN, "early", "1")

    asyncio.run_coroutine_threadsafe(send(), loop).result()
