"""Runs orchestrations: takes an instance's messages, asks the worker, commits the turn."""

from __future__ import annotations

import json
import logging
from asyncio import Semaphore
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

from devhost.clock import Clock
from devhost.engine.answers import Answers
from devhost.engine.commits import HELD
from devhost.engine.dispatcher import Dispatcher
from devhost.engine.execution import Execution
from devhost.engine.turn import Turn, TurnResult, retried_task
from devhost.functions import FunctionTable, TriggerType
from devhost.hub.rows import ActivityItem, Changes, Message, Status
from devhost.hub.store import TaskHub
from devhost.protocol import failures
from devhost.protocol.answer import Answer
from devhost.protocol.history import EventType
from devhost.sessions import Mode
from devhost.worker import Worker

logger = logging.getLogger("devhost.orchestrations")

_CONTROLS = (EventType.EXECUTION_TERMINATED, EventType.EXECUTION_SUSPENDED, EventType.EXECUTION_RESUMED)


@dataclass(frozen=True, slots=True)
class _Played:
    """A turn that has been played, or could not be, and waits to be committed."""

    execution: Execution
    batch: list[Message]
    result: TurnResult | Exception


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
        self._answers = Answers(worker, functions, mode)
        self._functions = functions
        self._clock = clock
        self._turns = Semaphore(max_concurrent)
        self._keep = keep
        self._live: OrderedDict[str, Execution] = OrderedDict()
        self._played: dict[str, _Played] = {}
        # No more turns than threads are played at a time, so that a limit above that needs no watching over.
        self._is_limited = max_concurrent < worker.thread_count

    async def process(self, target: str, messages: deque[Message]) -> list[ActivityItem] | None:
        """Run one turn on the messages that belong together; None when all of them have to wait."""
        played = self._played.pop(target, None)
        if played is None:
            execution = self._execution(target)
            late = list(messages) if execution is None else _stale(execution, messages)
            if execution is None or late:
                self._dispatcher.commit(Changes(consumed=[message.id for message in late]))
                _remove(late, messages)
                return []
            batch = _next_batch(execution, messages)
            if not batch:
                return None
            played = await self._play(execution, batch)
        self.forget(target)
        result = self._fail(played, played.result) if isinstance(played.result, Exception) else played.result
        changes = result.complete(played.batch, self._dispatcher.instance)
        activities = await self._dispatcher.commit_soon(changes)
        _remove(played.batch, messages)
        self._keep_live(played.execution, result)
        self._log(result)
        return activities

    def go_on_here(self, ended: Changes) -> ActivityItem | None:
        """Play the turn that an activity's result leads to, on the activity's thread.

        Return the activity that the turn leads to, if that is all and is committed. Else `process` goes on: with what
        the turn is to change, if it has been played; or with the result, where the turn may have to be another, since
        something else waits for the instance or the instance for something else, and while much is going on. Once a
        turn has taken longer than a result may wait, the run's results are committed without waiting for the next.
        """
        (message,) = ended.messages
        if self._is_limited or not self._dispatcher.is_calm or not self._dispatcher.claim(message):
            return None
        execution = self._live.get(message.target)
        if execution is None or execution.is_slow or len(execution.pending) != 1 or _stale(execution, [message]):
            return None
        began = self._clock.now()
        batch = _next_batch(execution, [message])
        turn = self._new_turn(execution)
        try:
            if not batch or not turn.begin(batch):
                return None
            result = self._end(turn, self._answers.of(turn, execution))
        except Exception as ex:
            self._played[message.target] = _Played(execution, batch, ex)
            return None
        execution.is_slow = self._clock.now() - began > HELD
        if self._has_committed(ended, result):
            self._dispatcher.release(message.target)
            return result.changes.activities[0]
        self._played[message.target] = _Played(execution, batch, result)
        return None

    def _has_committed(self, ended: Changes, result: TurnResult) -> bool:
        if not result.is_step or self._worker.threads_are_wanted:
            return False
        try:
            # The result's message has been played, so that it never gets into the task hub.
            self._dispatcher.commit_here([replace(ended, messages=[]), result.changes])
        except Exception:  # whatever it is, `process` comes upon it too
            return False
        return True

    def forget(self, instance_id: str) -> None:
        """Drop what memory holds of an instance; its next turn reads the task hub."""
        self._live.pop(instance_id, None)

    async def _play(self, execution: Execution, batch: list[Message]) -> _Played:
        try:
            return _Played(execution, batch, await self._result(execution, batch))
        except Exception as ex:
            return _Played(execution, batch, ex)

    def _fail(self, played: _Played, error: Exception) -> TurnResult:
        """End an instance for an error of this host's own, rather than leave it hanging."""
        instance = played.execution.instance
        text = "%s: the turn could not be processed; the instance fails."
        logger.error(text, instance.instance_id, exc_info=error)
        turn = self._new_turn(Execution.replay(instance, self._hub.history(instance.instance_id)))
        turn.begin(played.batch)
        return turn.fail(f"devhost could not process the turn ({type(error).__name__}: {error}).")

    async def _result(self, execution: Execution, batch: list[Message]) -> TurnResult:
        turn = self._new_turn(execution)
        kind = batch[0].kind
        if kind == EventType.EXECUTION_TERMINATED:
            return turn.terminate(batch[0])
        if kind in _CONTROLS:
            return turn.set_suspended(batch[0], kind == EventType.EXECUTION_SUSPENDED)
        if not turn.begin(batch):
            return turn.nothing_new()
        async with self._turns:
            answers = await self._worker.on_thread(partial(self._answers.of, turn, execution))
        return self._end(turn, answers)

    def _new_turn(self, execution: Execution) -> Turn:
        return Turn(execution, self._functions, self._clock.now())

    def _end(self, turn: Turn, answers: tuple[Answer, Answer | None] | None) -> TurnResult:
        if answers is None:
            known = self._functions.names(TriggerType.ORCHESTRATION)
            return turn.fail(failures.unknown_function(turn.name, "orchestrator", known))
        return turn.finish(*answers)

    def _execution(self, instance_id: str) -> Execution | None:
        """Return an instance's present execution, from memory if it is there, or None without such an instance."""
        live = self._live.get(instance_id)
        if live is not None:
            return live
        instance = self._hub.instance(instance_id)
        if instance is None:
            return None
        execution = Execution.replay(instance, self._hub.history(instance_id))
        execution.is_verified = self._answers.are_verified(instance.name)
        return execution

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


def _next_batch(execution: Execution, messages: Iterable[Message]) -> list[Message]:
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
