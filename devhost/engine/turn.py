"""One turn of an orchestration: new events in, the worker's answer applied, all it changes out as one `Changes`.

It reads no clock and no file and calls no worker. Source of the rules: the Durable Task extension's out-of-process
shim, as recorded.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from devhost.engine.execution import Execution, Kind, Note, Task
from devhost.engine.scheduling import (
    Child,
    Scheduler,
    SchedulingError,
    UnknownFunctionError,
    Walk,
    event_message,
    start_children,
    to_execution,
)
from devhost.functions import FunctionTable
from devhost.hub.rows import Changes, HistoryRow, Instance, Message, Status
from devhost.protocol import failures, history
from devhost.protocol.answer import Action, Answer, Retry
from devhost.protocol.history import Event, EventType
from devhost.protocol.json_text import compact
from devhost.sessions import check_same

_MAX_STATUS_KILOBYTES = 16


@dataclass(slots=True)
class TurnResult:
    """What a turn changes, which children it starts, and remarks for the log: how the run would fare on Azure, say.

    `cause` is the exception that the orchestrator failed with.
    """

    changes: Changes
    instance: Instance
    remarks: list[str] = field(default_factory=list)
    children: list[Child] = field(default_factory=list)
    cause: BaseException | None = None

    def complete(self, batch: Iterable[Message], find_instance: Callable[[str], Instance | None]) -> Changes:
        """Return all that is to be committed with the turn's messages, once the task hub may be asked for instances."""
        self.changes.consumed += [message.id for message in batch]
        start_children(self.children, self.changes, find_instance)
        return self.changes


class Turn:
    """Advances an execution by one turn: `begin` with messages, ask the worker, `finish` with its answer.

    The worker is asked with `request`, or a live orchestrator with the execution's new events.

    After an exception, or when its changes could not be committed, the execution has to be dropped and replayed.
    """

    def __init__(self, execution: Execution, functions: FunctionTable, now: datetime) -> None:
        self._execution = execution
        self._functions = functions
        self._now = now
        self._instance = execution.instance
        self._first_row = len(execution.rows)
        self._retried: Task | None = None
        self._events: list[Event] = []
        self._changes = Changes()
        self._children: list[Child] = []
        self._remarks: list[str] = []
        self._cause: BaseException | None = None

    @property
    def name(self) -> str:
        """The orchestration's name."""
        return self._instance.name

    def begin(self, messages: Sequence[Message]) -> bool:
        """Record the messages; False when none of them was news to the execution, which then needs no turn.

        The turn's time is never before that of the turn before, nor before a timer that fires in it. An event of a task
        with a retry policy must come alone: the SDK takes the id of the next timer or attempt before user code goes on.
        """
        news = [message for message in messages if self._is_news(message)]
        if not news:
            return False
        self._events = [message.event or json.loads(message.body) for message in news]
        self._retried = next((task for one in news if (task := self._execution.retried(one.task_id))), None)
        times = [self._now, *(message.due for message in news if message.due is not None)]
        times += [history.parse_timestamp(self._execution.clock)] if self._execution.clock else []
        self._now = max(times)
        self._record(history.orchestrator_started(self._now))
        for message, event in zip(news, self._events, strict=True):
            self._execution.record(event, HistoryRow(message.body))
            if event.get("Reason") is not None and message.task_id is None:
                # Azure Storage shows why a run was suspended or resumed in the place of its output, until it ends.
                self._instance = replace(self._instance, output=compact(event["Reason"]))
        if self._first_row == 0 and self._instance.status is Status.RUNNING:
            # An execution that continues another begins with a turn that has ended already, as the extension has it.
            self._record(history.orchestrator_completed(self._now))
        return True

    def request(self) -> str:
        """Return the worker's request: the whole history, input and what the SDK wants to know."""
        instance = self._instance
        fields = {
            "instanceId": instance.instance_id,
            "isReplaying": self._first_row > 0,
            "parentInstanceId": instance.parent and instance.parent.instance_id,
            "upperSchemaVersion": 1,
            "upperSchemaVersionNew": 3,
            # No longest timer, as with the Durable Task Scheduler.
            "longRunningTimerIntervalDuration": None,
            "maximumShortTimerDuration": None,
            "defaultHttpAsyncRequestSleepTimeMillseconds": 30000,
        }
        rest = compact(fields)[1:]
        return f'{{"history": {self._execution.rendered_history()}, "input": {instance.input or "null"}, {rest}'

    def nothing_new(self) -> TurnResult:
        """End a turn whose messages were all for tasks that have ended already."""
        return TurnResult(self._changes, self._instance)

    def finish(self, answer: Answer, replayed: Answer | None = None) -> TurnResult:
        """Apply the worker's answer: schedule what is new, then keep, continue or end the instance.

        With `replayed`, what a replay of the same turn answered is held to it, and the instance fails in the
        extension's words where they differ.

        Raises:
            ReplayDiffersError: They differ in something the extension has no words for.
        """
        self._execution.mark_played()
        status = Status.SUSPENDED if self._execution.is_suspended else Status.RUNNING
        self._instance = replace(self._instance, status=status, custom_status=answer.custom_status, updated=self._now)
        scheduler = self._scheduler()
        try:
            self._check_custom_status(answer.custom_status)
            walk = self._walk(scheduler, answer)
            if replayed is not None and replayed.is_known:
                walk = self._scheduler().walk(replayed)
                check_same(self._instance.name, answer, replayed)
        except SchedulingError as ex:
            if isinstance(ex, UnknownFunctionError):
                self._remarks.append("on Azure this run would hang: it calls a function that is not registered")
            return self._complete(Status.FAILED, compact(str(ex)), reason=str(ex))
        return self._end(answer, walk, scheduler)

    def _scheduler(self) -> Scheduler:
        return Scheduler(self._execution, self._functions, self._now, self._changes, self._children)

    def fail(self, error: str) -> TurnResult:
        """End the instance as failed, for an answer that cannot be applied."""
        reason = failures.orchestrator_failed(self._instance.name, error)
        return self._complete(Status.FAILED, compact(reason), reason, failures.orchestrator_details(error))

    def terminate(self, message: Message) -> TurnResult:
        """End the instance at once; its activities and children go on, its timers do not."""
        event = json.loads(message.body)
        self._record(event)
        timers = [task_id for task_id, task in self._execution.pending.items() if task.kind is Kind.TIMER or task.retry]
        ids = (self._instance.instance_id, self._instance.execution_id)
        self._changes.canceled_timers += [(*ids, task_id) for task_id in timers]
        reason = event["Input"]
        output = None if reason is None else compact(reason)
        return self._complete(Status.TERMINATED, output, reason or "")

    def _is_news(self, message: Message) -> bool:
        return message.task_id is None or message.task_id in self._execution.pending

    def _check_custom_status(self, status: str | None) -> None:
        kilobytes = 0 if status is None else len(status.encode("utf-16-le")) // 1024
        if kilobytes > _MAX_STATUS_KILOBYTES:
            self._instance = replace(self._instance, custom_status=None)
            text = failures.custom_status_too_large(kilobytes)
            raise SchedulingError(failures.orchestrator_failed(self._instance.name, text))

    def _walk(self, scheduler: Scheduler, answer: Answer) -> Walk:
        """Go on with the retries and actions that the new events lead to, in the order in which the SDK numbers them.

        That order is by event: the SDK takes the id of a retry's timer or attempt before user code goes on.
        """
        if self._retried is not None:
            self._go_on_retrying(scheduler, self._retried, self._events[0])
        walk = scheduler.walk(answer) if answer.is_known else Walk()
        for event, task in self._execution.take_withheld():
            if task is not None:
                self._go_on_retrying(scheduler, task, event)
            walk = scheduler.walk(replace(answer, actions=()) if answer.is_tail else answer)
        return walk

    def _go_on_retrying(self, scheduler: Scheduler, task: Task, event: Event) -> None:
        """Start the timer after a failed attempt, or the next attempt after its timer.

        There is a timer after the last attempt too: the SDK raises the error only when that one has fired.
        """
        if task.retry is None or task.is_done or self._execution.is_suspended:
            return
        if task.last_failed and event["EventType"] != EventType.TIMER_FIRED:
            self._remarks.append(_of_retry(task, task.retry))
            scheduler.retry_later(task, self._now + timedelta(milliseconds=task.retry.interval_ms))
        else:
            scheduler.retry(task)

    def _end(self, answer: Answer, walk: Walk, scheduler: Scheduler) -> TurnResult:
        wants_to_end = answer.is_done or answer.error is not None
        if self._execution.is_suspended and (walk.waits_for is not None or walk.continue_as_new is not None):
            return self._go_on()
        if walk.waits_for is not None:
            if walk.held_back:
                self._remarks.append(
                    f"holds back {walk.held_back} action(s) until the one before them completes, as on Azure: create "
                    "all tasks that race each other together"
                )
            elif wants_to_end:
                self._remark_open("an action it asked for is complete")
            return self._go_on(has_returned=wants_to_end)
        if not wants_to_end:
            return self._go_on()
        still_open = [task for task in self._execution.pending.values() if task.kind is not Kind.MESSAGE]
        if still_open:
            names = ", ".join(sorted({f"{task.kind.value} {task.name}".strip() for task in still_open}))
            self._remark_open(f"what it started has ended: {names}")
            return self._go_on(has_returned=True)
        if answer.error is not None:
            self._cause = answer.cause
            return self.fail(answer.error)
        if walk.continue_as_new is not None:
            return self._continue_as_new(walk.continue_as_new, scheduler)
        return self._complete(Status.COMPLETED, answer.output)

    def _remark_open(self, until: str) -> None:
        if not self._execution.has_returned:
            self._remarks.append(f"has returned, but stays Running, as on Azure, until {until}")

    def _go_on(self, *, has_returned: bool = False) -> TurnResult:
        self._record_end(has_returned=has_returned)
        return self._result()

    def _record_end(self, *, has_returned: bool) -> None:
        canceled = tuple(task_id for _, _, task_id in self._changes.canceled_timers)
        note = Note(has_returned=has_returned, canceled=canceled) if has_returned or canceled else None
        self._record(history.orchestrator_completed(self._now), note)

    def _continue_as_new(self, action: Action, scheduler: Scheduler) -> TurnResult:
        """Begin a new execution; external events that no wait of the old one took go along."""
        input_text = None if action.input is None else compact(action.input)
        old = self._instance
        self._instance = replace(old, execution_id=uuid.uuid4().hex, input=input_text, custom_status=None)
        event = history.execution_started(self._now, old.instance_id, self._instance.execution_id, old.name, input_text)
        started = to_execution(self._instance, event, None)
        carried = [
            Message(old.instance_id, EventType.EVENT_RAISED, row.event) for row in self._untaken_events(scheduler)
        ]
        for message in (started, *carried):
            message.is_first = True
        self._changes.messages += [started, *carried]
        self._changes.forget_history.append(old.instance_id)
        self._changes.instances.insert(0, self._instance)
        return TurnResult(self._changes, self._instance, self._remarks, self._children, self._cause)

    def _untaken_events(self, scheduler: Scheduler) -> list[HistoryRow]:
        untaken: list[HistoryRow] = []
        seen: dict[str, int] = {}
        for row in self._execution.rows:
            event = json.loads(row.event)
            name = event.get("Name", "").casefold() if event["EventType"] == EventType.EVENT_RAISED else ""
            if name and self._execution.raised[name]:
                seen[name] = seen.get(name, 0) + 1
                if seen[name] > scheduler.waits(name):
                    untaken.append(row)
        return untaken

    def _complete(self, status: Status, output: str | None, reason: str = "", details: str | None = None) -> TurnResult:
        """End the instance and tell its parent; a parent sees anything but completion as a failure."""
        self._instance = replace(self._instance, status=status, output=output, updated=self._now)
        self._record(history.execution_completed(self._now, status, output))
        self._record_end(has_returned=False)
        parent = self._instance.parent
        if parent is not None:
            if status is Status.COMPLETED:
                event = history.sub_orchestration_completed(self._now, parent.task_id, output)
            else:
                event = history.sub_orchestration_failed(self._now, parent.task_id, reason, details)
            self._changes.messages.append(event_message(parent.instance_id, parent.execution_id, event, parent.task_id))
        return self._result()

    def _record(self, event: Event, note: Note | None = None) -> None:
        self._execution.record(event, HistoryRow(history.dump(event), None if note is None else note.dump()), note)

    def _result(self) -> TurnResult:
        self._execution.instance = self._instance
        self._changes.instances.insert(0, self._instance)
        instance_id = self._instance.instance_id
        new_rows = enumerate(self._execution.rows[self._first_row :], self._first_row)
        self._changes.history += [(instance_id, n, row) for n, row in new_rows]
        return TurnResult(self._changes, self._instance, self._remarks, self._children, self._cause)


def _of_retry(task: Task, retry: Retry) -> str:
    what = f"{'activity' if task.kind is Kind.ACTIVITY else 'orchestration'} '{task.name}'"
    if task.attempts < retry.attempts:
        seconds = retry.interval_ms / 1000
        return f"tries {what} again: attempt {task.attempts + 1} of {retry.attempts}, next in {seconds:g} s"
    return f"has no attempt of {what} left: {task.attempts} of {retry.attempts} failed"
