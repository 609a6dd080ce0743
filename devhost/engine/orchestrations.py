"""Runs orchestrations: takes an instance's messages, asks the worker, commits the turn."""

from __future__ import annotations

import json
import logging
from asyncio import Semaphore
from collections import OrderedDict, deque
from collections.abc import Iterable
from functools import partial

from devhost.clock import Clock
from devhost.engine.answers import Answers, Live
from devhost.engine.commits import Commits
from devhost.engine.execution import Execution
from devhost.engine.turn import Turn, TurnResult
from devhost.functions import FunctionTable, TriggerType
from devhost.hub.rows import Changes, Message, Status
from devhost.hub.store import TaskHub
from devhost.protocol import failures
from devhost.protocol.history import EventType
from devhost.sessions import Mode
from devhost.size_warnings import SizeWarnings
from devhost.tracebacks import first_line, of_the_app
from devhost.worker import FunctionTimedOutError, Worker

logger = logging.getLogger("devhost.orchestrations")

_CONTROLS = (EventType.EXECUTION_SUSPENDED, EventType.EXECUTION_RESUMED)


class Orchestrations:
    """Processes the messages of orchestration instances, one turn of an instance at a time.

    Of the `keep` instances that ran last, histories and live orchestrators stay in memory; any other is read again, and
    replayed, when a message comes.
    """

    def __init__(
        self,
        hub: TaskHub,
        commits: Commits,
        worker: Worker,
        functions: FunctionTable,
        clock: Clock,
        *,
        max_concurrent: int,
        mode: Mode,
        keep: int = 200,
    ) -> None:
        self._hub = hub
        self._commits = commits
        self._worker = worker
        self._answers = Answers(worker, functions, mode)
        self._functions = functions
        self._clock = clock
        self._turns = Semaphore(max_concurrent)
        self._keep = keep
        self._sizes = SizeWarnings()
        self._live: OrderedDict[str, Live] = OrderedDict()

    async def process(self, target: str, messages: deque[Message], error: Exception | None) -> bool:
        """Run one turn on the messages that belong together; with an `error`, end the instance for it instead."""
        live = self._live.get(target) or self._read(target)
        late = list(messages) if live is None else _stale(live.execution, messages)
        if live is None or late:
            await self._commits.soon(Changes(consumed=[message.id for message in late]))
            _remove(late, messages)
            return True
        batch = _next_batch(live.execution, messages)
        if not batch:
            return False
        # Until the turn is committed, only the task hub tells what the instance is.
        self._live.pop(target, None)
        result = await self._play(live, batch, error)
        await self._commits.soon(result.complete(batch, self._commits.instance))
        _remove(batch, messages)
        self._keep_live(live, result)
        self._log(result)
        return True

    async def _play(self, live: Live, batch: list[Message], error: Exception | None) -> TurnResult:
        turn = Turn(live.execution, self._functions, self._clock.now())
        if batch[0].kind == EventType.EXECUTION_TERMINATED:
            return turn.terminate(batch[0])
        if not turn.begin(batch):
            return turn.nothing_new()
        if error is not None:
            return turn.fail(_reason(live.execution, error))
        async with self._turns:
            answers = await self._worker.on_thread(turn.name, partial(self._answers.of, turn, live))
        if answers is None:
            known = self._functions.names(TriggerType.ORCHESTRATION)
            return turn.fail(failures.unknown_function(turn.name, "orchestrator", known))
        return turn.finish(*answers)

    def _read(self, instance_id: str) -> Live | None:
        """Return an instance's present execution as the task hub has it, or None without such an instance."""
        instance = self._hub.instance(instance_id)
        if instance is None:
            return None
        execution = Execution.replay(instance, self._hub.history(instance_id))
        return Live(execution, self._answers.are_verified(instance, begins=not execution.rows))

    def _keep_live(self, live: Live, result: TurnResult) -> None:
        before, now = live.execution.instance, result.instance
        if now.status.is_final or now.execution_id != before.execution_id:
            return
        self._live[now.instance_id] = live
        while len(self._live) > self._keep:
            self._live.popitem(last=False)

    def _log(self, result: TurnResult) -> None:
        instance = result.instance
        self._sizes.look(instance.instance_id, f"the input of '{instance.name}'", instance.input)
        self._sizes.look(instance.instance_id, f"the output of '{instance.name}'", instance.output)
        for remark in result.remarks:
            logger.warning("%s: '%s' %s.", instance.instance_id, instance.name, remark)
        if instance.status is Status.FAILED:
            reason, *_ = str(json.loads(instance.output or "null")).splitlines()
            if result.cause is not None:
                reason = first_line(result.cause)
            text = "%s: '%s' ended: %s"
            logger.error(text, instance.instance_id, instance.name, reason, **of_the_app(result.cause))
        elif instance.status.is_final:
            logger.info("%s: '%s' %s.", instance.instance_id, instance.name, instance.status.lower())


def _reason(execution: Execution, error: Exception) -> str:
    """Say why an instance ends for what is no answer of its orchestrator, and leave a line in the log."""
    instance_id = execution.instance.instance_id
    if isinstance(error, FunctionTimedOutError):
        return error.text
    logger.error("%s: the turn could not be processed; the instance fails.", instance_id, exc_info=error)
    return f"devhost could not process the turn ({type(error).__name__}: {error})."


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

    A request to terminate comes before everything. What suspends or resumes comes alone, and so does an event of a task
    with a retry policy, but for a suspended instance, where nothing follows from it yet.
    """
    for message in messages:
        if message.kind == EventType.EXECUTION_TERMINATED:
            return [message]
    if not execution.rows:
        first = [message for message in messages if message.kind == EventType.EXECUTION_STARTED]
        rest = [message for message in messages if message.kind == EventType.EVENT_RAISED]
        return first and [*first, *rest]
    batch: list[Message] = []
    for message in messages:
        is_retry = execution.retried(message.task_id) is not None and not execution.is_suspended
        comes_alone = message.kind in _CONTROLS or is_retry
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
