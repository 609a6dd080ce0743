"""Runs orchestrations: takes an instance's messages, asks the worker, commits the turn."""

from __future__ import annotations

import json
import logging
import sqlite3
from asyncio import Semaphore
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable

from devhost.clock import Clock
from devhost.engine.dispatcher import Dispatcher
from devhost.engine.execution import Execution
from devhost.engine.turn import Turn, TurnResult, retried_task
from devhost.functions import Function, FunctionTable, TriggerType
from devhost.hub.rows import ActivityItem, Changes, Message, Status
from devhost.hub.store import TaskHub
from devhost.protocol import failures
from devhost.protocol.answer import Answer, ProtocolError, parse_answer, parse_failure
from devhost.protocol.history import EventType
from devhost.sessions import Begin, Continue, Mode
from devhost.worker import FunctionFailedError, Worker

logger = logging.getLogger("devhost.orchestrations")

# So many runs of each orchestration are verified in `Mode.LIVE`: enough to hear of one that Azure would fail.
_VERIFIED_RUNS = 10
_CONTROLS = (EventType.EXECUTION_TERMINATED, EventType.EXECUTION_SUSPENDED, EventType.EXECUTION_RESUMED)


class Orchestrations:
    """Processes the messages of orchestration instances, one turn of an instance at a time.

    Of the `keep` instances that ran last, histories and live orchestrators stay in memory; any other is read again, and
    replayed, when a message comes.
    """

    def __init__(
        self,
        hub: TaskHub,
        dispatcher: Dispatcher,
        worker: Worker,
        functions: FunctionTable,
        clock: Clock,
        *,
        max_concurrent: int,
        mode: Mode,
        keep: int = 200,
    ) -> None:
        self._hub = hub
        self._dispatcher = dispatcher
        self._worker = worker
        self._functions = functions
        self._clock = clock
        self._turns = Semaphore(max_concurrent)
        self._mode = mode
        self._keep = keep
        self._begun: Counter[str] = Counter()
        self._live: OrderedDict[str, Execution] = OrderedDict()

    async def process(self, target: str, messages: deque[Message]) -> list[ActivityItem] | None:
        """Run one turn on the messages that belong together; None when all of them have to wait."""
        execution = self._execution(target)
        batch = list(messages) if execution is None else _stale(execution, messages)
        if execution is None or batch:
            self._dispatcher.commit(Changes(consumed=[message.id for message in batch]))
            _remove(batch, messages)
            return []
        batch = _next_batch(execution, messages)
        if not batch:
            return None
        try:
            async with self._turns:
                result = await self._turn(execution, batch)
            self.forget(target)
            activities = await self._dispatcher.commit_soon(result.changes)
        except sqlite3.Error:
            self.forget(target)
            raise
        _remove(batch, messages)
        self._keep_live(execution, result)
        self._log(result)
        return activities

    def forget(self, instance_id: str) -> None:
        """Drop what memory holds of an instance; its next turn reads the task hub."""
        self._live.pop(instance_id, None)

    async def _turn(self, execution: Execution, batch: list[Message]) -> TurnResult:
        """Run one turn. An error of this host's own fails the instance rather than leave it hanging."""
        try:
            return await self._try_turn(execution, batch)
        except sqlite3.Error:
            raise
        except Exception as ex:
            instance_id = execution.instance.instance_id
            logger.exception("%s: the turn could not be processed; the instance fails.", instance_id)
            fresh = Execution.replay(execution.instance, self._hub.history(instance_id))
            turn = self._new_turn(fresh)
            turn.begin(batch)
            return turn.fail(f"devhost could not process the turn ({type(ex).__name__}: {ex}).")

    async def _try_turn(self, execution: Execution, batch: list[Message]) -> TurnResult:
        turn = self._new_turn(execution)
        kind = batch[0].kind
        if kind == EventType.EXECUTION_TERMINATED:
            return turn.terminate(batch[0])
        if kind in _CONTROLS:
            return turn.set_suspended(batch[0], kind == EventType.EXECUTION_SUSPENDED)
        if not turn.begin(batch):
            return turn.nothing_new()
        function = self._functions.find(TriggerType.ORCHESTRATION, execution.instance.name)
        if function is None:
            known = self._functions.names(TriggerType.ORCHESTRATION)
            return turn.fail(failures.unknown_function(execution.instance.name, "orchestrator", known))
        answer = await self._ask(function, execution, turn)
        return turn.finish(answer, await self._replay(function, turn) if execution.is_verified else None)

    def _new_turn(self, execution: Execution) -> Turn:
        return Turn(execution, self._functions, self._clock.now(), self._dispatcher.instance)

    async def _ask(self, function: Function, execution: Execution, turn: Turn) -> Answer:
        if self._mode is Mode.REPLAY:
            return await self._replay(function, turn)
        if execution.session is None:
            execution.is_verified = self._is_to_be_verified(execution)
            request: Begin | Continue = Begin(turn.request())
        else:
            request = Continue(execution.session, execution.new_events)
        try:
            turned = await self._worker.run_live(function, request)
        except FunctionFailedError as ex:
            return parse_failure(ex.text)
        execution.session = turned.session
        return turned.answer

    def _is_to_be_verified(self, execution: Execution) -> bool:
        """Replay every turn where that was asked for, and else in the first runs of each orchestration."""
        name = execution.instance.name.casefold()
        self._begun[name] += 1
        return self._mode is Mode.VERIFY or self._begun[name] <= _VERIFIED_RUNS

    async def _replay(self, function: Function, turn: Turn) -> Answer:
        try:
            text = await self._worker.run(function, turn.request())
        except FunctionFailedError as ex:
            return parse_failure(ex.text)
        if text is None:
            raise ProtocolError("The orchestrator gave no answer.")
        return parse_answer(text)

    def _execution(self, instance_id: str) -> Execution | None:
        """Return an instance's present execution, from memory if it is there, or None without such an instance."""
        live = self._live.get(instance_id)
        if live is not None:
            return live
        instance = self._hub.instance(instance_id)
        return None if instance is None else Execution.replay(instance, self._hub.history(instance_id))

    def _keep_live(self, execution: Execution, result: TurnResult) -> None:
        ended = result.instance.status.is_final or result.instance.status is Status.SUSPENDED
        if ended or result.instance.execution_id != execution.instance.execution_id:
            return
        self._live[execution.instance.instance_id] = execution
        self._live.move_to_end(execution.instance.instance_id)
        while len(self._live) > self._keep:
            self._live.popitem(last=False)

    def _log(self, result: TurnResult) -> None:
        instance = result.instance
        for remark in result.remarks:
            logger.warning("%s: '%s' %s.", instance.instance_id, instance.name, remark)
        if instance.status is Status.FAILED:
            first_line, *_ = str(json.loads(instance.output or "null")).splitlines()
            logger.error("%s: '%s' ended: %s", instance.instance_id, instance.name, first_line)
        elif instance.status.is_final:
            logger.info("%s: '%s' %s.", instance.instance_id, instance.name, instance.status.lower())


def _stale(execution: Execution, messages: Iterable[Message]) -> list[Message]:
    """Return the messages that came too late: for an earlier execution, after the end, or to suspend once more."""
    instance = execution.instance
    is_suspended = instance.status is Status.SUSPENDED
    return [
        message
        for message in messages
        if instance.status.is_final
        or message.execution_id not in (None, instance.execution_id)
        or (is_suspended and message.kind == EventType.EXECUTION_SUSPENDED)
    ]


def _next_batch(execution: Execution, messages: deque[Message]) -> list[Message]:
    """Return the messages for one turn.

    A request to terminate comes before everything, a suspended instance takes nothing but its resumption, and an event
    of a task with a retry policy comes alone.
    """
    for message in messages:
        if message.kind == EventType.EXECUTION_TERMINATED:
            return [message]
    if execution.instance.status is Status.SUSPENDED:
        return [message for message in messages if message.kind == EventType.EXECUTION_RESUMED][:1]
    if not execution.rows:
        first = [message for message in messages if message.kind == EventType.EXECUTION_STARTED]
        rest = [message for message in messages if message.kind == EventType.EVENT_RAISED]
        return first and [*first, *rest]
    batch: list[Message] = []
    for message in messages:
        comes_alone = message.kind in _CONTROLS or retried_task(execution, message) is not None
        if comes_alone and batch:
            break
        batch.append(message)
        if comes_alone:
            break
    return batch


def _remove(batch: list[Message], messages: deque[Message]) -> None:
    done = {message.id for message in batch}
    left = [message for message in messages if message.id not in done]
    messages.clear()
    messages.extend(left)
