"""Runs on a whole engine: turns on threads, what comes in between, what fails, and the end of it all."""

import asyncio
import json
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import azure.durable_functions as df
import pytest

from devhost.app_settings import load_host_settings
from devhost.engine.client import InstanceRunningError, InvalidIdError
from devhost.engine.engine import Engine
from devhost.functions import Function, FunctionTable, TriggerType
from devhost.hub.rows import Changes
from devhost.hub.store import TaskHub
from devhost.protocol.answer import Answer
from devhost.protocol.entities import EntityId
from devhost.protocol.history import Event, EventType
from devhost.sessions import Mode, Session
from devhost.tests.support.worker_here import WorkerHere
from devhost.tests.unit.conftest import SMALL_APP
from devhost.tests.unit.fake_clock import FakeClock
from devhost.threads import ResultT
from devhost.worker import FunctionFailedError

RUN = "run-1"
LONG_CHAIN = 150
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


def refused(context: df.DurableOrchestrationContext) -> Turns:
    """Run an activity that fails."""
    try:
        yield context.call_activity("refuse", 0)
    except Exception:
        return "caught"


def odd_key(context: df.DurableOrchestrationContext) -> Turns:
    """Call an entity whose key is a text that was cut in the middle of a character."""
    yield context.call_entity(df.EntityId("tally", "a\ud83d"), "add", 1)


def odd_signal(context: df.DurableOrchestrationContext) -> Turns:
    """Signal such an entity."""
    context.signal_entity(df.EntityId("tally", "a\ud83d"), "add", 1)
    yield context.call_activity("note", 0)


def odd_child(context: df.DurableOrchestrationContext) -> Turns:
    """Start a child under an id that is none; which, the input says."""
    ids = ["a\ud83d", "@tally@x", "x" * 257, " "]
    yield context.call_sub_orchestrator("chain", None, ids[int(context.get_input() or 0)])


def long_chain(context: df.DurableOrchestrationContext) -> Turns:
    """Run very many activities."""
    for step in range(LONG_CHAIN):
        yield context.call_activity("note", step)
    return "done"


def erratic(context: df.DurableOrchestrationContext) -> Turns:
    """Return something else when it is replayed."""
    yield context.call_activity("note", 0)
    return next(_NUMBERS)


_NUMBERS = count()
ORCHESTRATORS = (
    chain,
    fan_out,
    chain_and_event,
    status_once,
    refused,
    odd_key,
    odd_signal,
    odd_child,
    long_chain,
    erratic,
)


class WatchedWorker(WorkerHere):
    """Runs activities on the event loop and turns on threads; `before_turn` is called there."""

    def __init__(self) -> None:
        super().__init__({one.__name__: df.Orchestrator.create(one) for one in ORCHESTRATORS})
        self.noted: list[Any] = []
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.before_turn: Callable[[], object] = lambda: None
        self.replays = 0

    async def run(self, function: Function, payload: str, client: str = "") -> str:
        """Run the activity when it may: note its input, and return how many there were before.

        Raises:
            FunctionFailedError: It is the one that fails once it may end.
        """
        number = len(self.noted)
        self.noted.append(json.loads(payload))
        await self.may_end.wait()
        if function.name in ("refuse", "tally"):
            raise FunctionFailedError("ValueError: no", "")
        return str(number)

    async def has_noted(self, count: int) -> None:
        """Wait until so many activities have begun."""
        while len(self.noted) < count:
            await asyncio.sleep(0)

    async def on_thread(self, name: str, work: Callable[[], ResultT]) -> ResultT:
        """Do some work on a thread."""
        return await asyncio.to_thread(work)

    def call(self, function: Function, payload: str) -> Any:
        """Replay an orchestrator."""
        self.replays += 1
        return self.orchestrators[function.name](SimpleNamespace(body=payload))

    def begin(self, function: Function, request: str) -> tuple[Session, Answer]:
        """Run an orchestrator's first turn."""
        self.before_turn()
        return super().begin(function, request)

    def go_on(self, function: Function, session: Session, events: Sequence[Event]) -> Answer:
        """Run an orchestrator's next turn."""
        self.before_turn()
        return super().go_on(function, session, events)


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
        functions.append(Function("refuse", "refuse", TriggerType.ACTIVITY, "x", {}))
        functions.append(Function("tally", "tally", TriggerType.ENTITY, "x", {}))
        table = FunctionTable(functions)
        settings = replace(load_host_settings(SMALL_APP, {}), max_concurrent_orchestrators=max_turns)
        self.engine = Engine(self.hub, self.worker, table, self.clock, settings, mode)
        self.engine.start()

    async def start(self, orchestration: str, run_id: str = RUN, value: Any = None) -> None:
        """Start a run."""
        await self.engine.client.start(orchestration, run_id, json.dumps(json.dumps(value)))

    def status(self) -> str | None:
        """Return the run's custom status."""
        instance = self.hub.instance(RUN)
        assert instance is not None
        return instance.custom_status

    async def output(self, run_id: str = RUN) -> Any:
        """Wait until a run has ended, and return its output."""
        assert await self.engine.client.wait(run_id, 5)
        instance = self.hub.instance(run_id)
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
async def test_a_chain_runs_to_its_end(run: Open, mode: Mode) -> None:
    running = run(mode)
    await running.start("chain")
    assert await running.output() == [0, 1, 2, 3, 4]


async def test_a_result_is_durable_before_its_turn_is_played(run: Open) -> None:
    running = run()
    kinds: list[list[int]] = []
    running.worker.before_turn = lambda: kinds.append([one.kind for one in running.hub.pending_messages()])
    await running.start("chain")
    assert await running.output() == [0, 1, 2, 3, 4]
    assert kinds == [[EventType.EXECUTION_STARTED], *[[EventType.TASK_COMPLETED]] * 5]


async def test_nothing_more_begins_once_the_engine_stops(run: Open) -> None:
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


async def test_an_activity_that_fails_while_the_engine_stops_is_run_again_by_the_next(run: Open) -> None:
    running = run()
    running.worker.may_end.clear()
    await running.start("refused")
    await running.worker.has_noted(1)
    stopping = asyncio.create_task(running.engine.stop(grace_seconds=5))
    await asyncio.sleep(0)
    running.worker.may_end.set()
    await stopping
    assert (list(running.hub.pending_messages()), len(list(running.hub.pending_activities()))) == ([], 1)
    assert await run().output() == "caught"


async def test_an_entity_that_fails_while_the_engine_stops_is_run_again_by_the_next(run: Open) -> None:
    running = run()
    running.worker.may_end.clear()
    await running.engine.client.signal_entity(EntityId("tally", "x"), "add", "1")
    await running.worker.has_noted(1)
    stopping = asyncio.create_task(running.engine.stop(grace_seconds=5))
    await asyncio.sleep(0)
    running.worker.may_end.set()
    await stopping
    assert [one.target for one in running.hub.pending_messages()] == ["@tally@x"]
    again = run()
    await again.worker.has_noted(1)
    while list(again.hub.pending_messages()):
        await asyncio.sleep(0)


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
    assert running.worker.noted == []
    assert [one.task_id for one in running.hub.pending_activities()] == [0]


async def test_an_event_that_comes_while_a_turn_is_played_is_taken_in_by_the_turn_after(run: Open) -> None:
    running = run()
    playing, may_go_on = threading.Event(), threading.Event()

    def wait() -> None:
        playing.set()
        assert may_go_on.wait(5)

    running.worker.before_turn = wait
    await running.start("chain_and_event")
    assert await asyncio.to_thread(playing.wait, 5)
    await running.engine.client.raise_event(RUN, "go", '"now"')
    await asyncio.sleep(0.05)  # long enough for a turn beside the one on the thread, if there were one
    running.worker.before_turn = lambda: None
    may_go_on.set()
    assert await running.output() == [0, "now", 1]


async def test_an_event_is_taken_in_while_an_activity_runs(run: Open) -> None:
    running = run()
    running.worker.may_end.clear()
    await running.start("chain")
    await running.worker.has_noted(1)
    await running.engine.client.raise_event(RUN, "early", "1")
    while not any('"Name":"early"' in row.event for row in running.hub.history(RUN)):
        await asyncio.sleep(0)
    assert len(running.worker.noted) == 1
    running.worker.may_end.set()
    assert await running.output() == [0, 1, 2, 3, 4]


async def test_a_request_to_terminate_ends_a_chain_with_the_turn_after(run: Open) -> None:
    running = run()
    running.worker.may_end.clear()
    await running.start("chain")
    await running.worker.has_noted(1)
    await running.engine.client.terminate(RUN, "enough")
    assert await running.output() == "enough"
    running.worker.may_end.set()
    await asyncio.sleep(0.05)
    assert running.worker.noted == [0]


async def test_a_commit_that_is_refused_is_made_later_and_nothing_is_done_again(run: Open) -> None:
    running = run()
    running.worker.before_turn = partial(setattr, running.hub, "refusals", 1)
    await running.start("chain")
    assert await running.output() == [0, 1, 2, 3, 4]
    assert running.worker.noted == [0, 1, 2, 3, 4]


async def test_a_defect_in_a_turn_fails_the_run(run: Open, caplog: pytest.LogCaptureFixture) -> None:
    running = run()

    def fail() -> None:
        raise KeyError("a defect of this host")

    running.worker.before_turn = fail
    await running.start("chain")
    text = "devhost could not process the turn (KeyError: 'a defect of this host')."
    assert await running.output() == f"Orchestrator function 'chain' failed: {text}"
    assert f"{RUN}: the turn could not be processed; the instance fails." in caplog.text


@pytest.mark.parametrize("name", ["odd_key", "odd_signal"])
async def test_an_entity_key_that_the_file_cannot_hold_fails_its_run_and_no_other(run: Open, name: str) -> None:
    running = run()
    await running.start(name)
    assert "The entity key 'a\\ud83d' of 'add' cannot be used: it has half a character" in await running.output()
    await running.start("chain", "beside")
    assert await running.output("beside") == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("which", range(4))
async def test_a_child_id_that_is_none_fails_its_run_and_no_other(run: Open, which: int) -> None:
    running = run()
    await running.start("odd_child", value=which)
    assert "cannot be used: it " in await running.output()
    await running.start("chain", "beside")
    assert await running.output("beside") == [0, 1, 2, 3, 4]
    ended = {one.name: one.status for one in running.hub.instances(limit=9)}
    assert ended == {"odd_child": "Failed", "chain": "Completed"}


@pytest.mark.parametrize("bad", ["a\ud83d", "@tally@x", "x" * 257, " "])
async def test_a_run_is_not_started_under_an_id_that_is_none(run: Open, bad: str) -> None:
    running = run()
    with pytest.raises(InvalidIdError, match="cannot be used"):
        await running.start("chain", bad)
    assert running.hub.instances(limit=1) == []


async def test_an_orchestrator_that_answers_a_replay_otherwise_fails(run: Open) -> None:
    running = run()
    await running.start("erratic")
    assert "The orchestrator 'erratic' is not deterministic" in await running.output()


async def test_a_run_counts_once_among_the_first_however_often_it_is_read(run: Open) -> None:
    running = run()
    await running.start("chain_and_event", "waits")
    await running.worker.has_noted(1)
    for _ in range(RUNS):
        running.engine._orchestrations._live.clear()  # as when too many other runs have come
        await running.engine.client.raise_event("waits", "other", "1")
        while list(running.hub.pending_messages()):
            await asyncio.sleep(0)
    await running.start("erratic")
    assert "is not deterministic" in await running.output()
    await running.start("chain_and_event", "new")
    before = running.worker.replays
    await running.engine.client.raise_event("new", "go", "1")
    await running.output("new")
    assert running.worker.replays > before


async def test_of_a_long_run_only_some_turns_are_replayed_too_and_its_last(run: Open) -> None:
    running = run()
    await running.start("long_chain")
    assert await running.output() == "done"
    assert LONG_CHAIN / 10 < running.worker.replays < LONG_CHAIN / 2


async def test_a_run_that_is_terminated_while_its_turn_is_played_ends_after_it(run: Open) -> None:
    running = run()
    loop = asyncio.get_running_loop()

    def terminate() -> None:
        running.worker.before_turn = lambda: None
        asyncio.run_coroutine_threadsafe(running.engine.client.terminate(RUN, "enough"), loop).result(5)

    running.worker.before_turn = terminate
    await running.start("chain_and_event")
    assert await running.output() == "enough"


async def test_a_request_to_terminate_comes_before_all_that_waits_with_it(run: Open) -> None:
    running = run()
    client, loop = running.engine.client, asyncio.get_running_loop()
    turns: list[None] = []

    async def ask() -> None:
        for number in range(3):
            await client.raise_event(RUN, f"news {number}", "null")
        await client.terminate(RUN, "enough")

    def first_turn() -> None:
        turns.append(None)
        running.worker.before_turn = lambda: turns.append(None)
        asyncio.run_coroutine_threadsafe(ask(), loop).result(5)

    running.worker.may_end.clear()
    running.worker.before_turn = first_turn
    await running.start("chain_and_event")
    assert await running.output() == "enough"
    assert len(turns) == 1
    kinds = [EventType(json.loads(row.event)["EventType"]) for row in running.hub.history(RUN)]
    assert EventType.EVENT_RAISED not in kinds


async def test_a_result_for_a_run_that_was_replaced_is_not_taken_for_the_new_ones(run: Open) -> None:
    running = run()
    running.worker.may_end.clear()
    await running.start("chain")
    await running.worker.has_noted(1)
    await running.engine.client.terminate(RUN, "enough")
    assert await running.output() == "enough"
    await running.start("chain")
    await running.worker.has_noted(2)
    running.worker.may_end.set()
    assert await running.output() == [1, 2, 3, 4, 5]


async def test_of_two_that_start_a_run_of_one_id_at_once_the_second_is_refused(run: Open) -> None:
    running = run()
    starting = [running.engine.client.start("chain", RUN, None) for _ in range(2)]
    first, second = await asyncio.gather(*starting, return_exceptions=True)
    assert first == RUN
    assert isinstance(second, InstanceRunningError)
    assert await running.output() == [0, 1, 2, 3, 4]
    assert len(running.worker.noted) == 5


async def test_a_run_that_is_started_again_is_not_purged_with_the_one_before(run: Open) -> None:
    running = run()
    client = running.engine.client
    await running.start("chain")
    await running.output()
    outcomes = tuple(await asyncio.gather(client.start("chain", RUN, None), client.purge(RUN)))
    assert outcomes == (RUN, False)
    assert await running.output() == [5, 6, 7, 8, 9]
    assert await client.purge(RUN) is True
    assert await client.wait(RUN, 5) is False


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
        await running.engine.client.raise_event(RUN, "go", "1")
        assert await running.output() is None
    assert statuses == ['"begun"', None] * RUNS
