"""One execution of an orchestration, as its history tells it."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Any

from devhost.hub.rows import HistoryRow, Instance
from devhost.protocol.answer import Action, Retry
from devhost.protocol.history import Event, EventType, render


class Kind(Enum):
    """What a task is, in the words of the extension's messages."""

    ACTIVITY = "an activity task"
    CHILD = "a sub-orchestration task"
    TIMER = "a timer task"
    MESSAGE = "a send event"


SCHEDULING = {
    EventType.TASK_SCHEDULED: Kind.ACTIVITY,
    EventType.SUB_ORCHESTRATION_CREATED: Kind.CHILD,
    EventType.TIMER_CREATED: Kind.TIMER,
    EventType.EVENT_SENT: Kind.MESSAGE,
}
_ENDING = {
    EventType.TASK_COMPLETED: "TaskScheduledId",
    EventType.TASK_FAILED: "TaskScheduledId",
    EventType.SUB_ORCHESTRATION_COMPLETED: "TaskScheduledId",
    EventType.SUB_ORCHESTRATION_FAILED: "TaskScheduledId",
    EventType.TIMER_FIRED: "TimerId",
}
_FAILURES = (EventType.TASK_FAILED, EventType.SUB_ORCHESTRATION_FAILED)


@dataclass(slots=True)
class Task:
    """Something an orchestrator asked for that has an id. With a retry policy, all its attempts are one task."""

    task_id: int
    kind: Kind
    name: str
    is_done: bool = False
    input: str | None = None
    child_id: str | None = None
    retry: Retry | None = None
    attempts: int = 1
    last_failed: bool = False


@dataclass(slots=True)
class Note:
    """What devhost keeps beside a history event, since the extension's history does not say it.

    For an activity or a child: its input, which the history lacks, and its retry policy. For the timers and later
    attempts of a retry: the id of the first attempt. For an entity operation: its request id, and whether it is a
    signal. For the end of a turn: whether the function has returned, though the run stays open, and the timers that
    were canceled.
    """

    retry: Retry | None = None
    input: str | None = None
    child_id: str | None = None
    retry_of: int | None = None
    request_id: str | None = None
    is_signal: bool = False
    has_returned: bool = False
    canceled: tuple[int, ...] = ()

    def dump(self) -> str:
        """Return the note as JSON text."""
        values: dict[str, Any] = {
            "input": self.input,
            "child": self.child_id,
            "of": self.retry_of,
            "request": self.request_id,
        }
        if self.retry is not None:
            values["retry"] = [self.retry.interval_ms, self.retry.attempts]
        if self.is_signal:
            values["signal"] = True
        if self.has_returned:
            values["returned"] = True
        if self.canceled:
            values["canceled"] = self.canceled
        return json.dumps({key: value for key, value in values.items() if value is not None})

    @staticmethod
    def load(text: str | None) -> Note:
        """Read a note; no text is an empty note."""
        if text is None:
            return Note()
        values = json.loads(text)
        retry = Retry(*values["retry"]) if "retry" in values else None
        return Note(
            retry=retry,
            input=values.get("input"),
            child_id=values.get("child"),
            retry_of=values.get("of"),
            request_id=values.get("request"),
            is_signal=values.get("signal", False),
            has_returned=values.get("returned", False),
            canceled=tuple(values.get("canceled", ())),
        )


@dataclass(slots=True)
class Progress:
    """How far the actions have been awaited: those from the first that was not complete, and the counts before it."""

    unfinished: list[Action] = field(default_factory=list)
    tasks: int = 0
    waits: defaultdict[str, int] = field(default_factory=partial(defaultdict, int))
    continue_as_new: Action | None = None


@dataclass(slots=True)
class Execution:
    """An execution's history and what follows from it. Nothing here is stored but the rows: `replay` rebuilds it.

    `new_events` are those that no turn has played yet. While it is suspended the orchestrator is told of what arrives,
    but nothing follows from that: such events are `withheld` until it is resumed. `canceled` has the places of tasks
    that are canceled timers, `canceled_timers` the ids of those that were.
    """

    instance: Instance
    rows: list[HistoryRow] = field(default_factory=list)
    new_events: list[Event] = field(default_factory=list)
    progress: Progress = field(default_factory=Progress)
    tasks: list[Task] = field(default_factory=list)
    pending: dict[int, Task] = field(default_factory=dict)
    canceled: set[int] = field(default_factory=set)
    canceled_timers: set[int] = field(default_factory=set)
    requests: dict[str, int] = field(default_factory=dict)
    raised: Counter[str] = field(default_factory=Counter)
    next_id: int = 0
    clock: str = ""
    has_returned: bool = False
    is_suspended: bool = False
    withheld: list[Event] = field(default_factory=list)
    _types: list[EventType] = field(default_factory=list)
    _played: int = 0

    @staticmethod
    def replay(instance: Instance, rows: list[HistoryRow]) -> Execution:
        """Rebuild an execution from its stored history."""
        execution = Execution(instance)
        for row in rows:
            execution.record(json.loads(row.event), row)
            for _ in execution.take_withheld():
                pass
        execution._played = execution._end_of_last_input()
        execution.new_events = []
        return execution

    def record(self, event: Event, row: HistoryRow, note: Note | None = None) -> None:
        """Append one event to the history and take in what it says; `note` is the row's, where it is at hand."""
        kind = EventType(event["EventType"])
        self.rows.append(row)
        self.new_events.append(event)
        self._types.append(kind)
        if kind in SCHEDULING:
            self._scheduled(SCHEDULING[kind], event, note or Note.load(row.note))
        elif kind in _ENDING or kind is EventType.EVENT_RAISED:
            if self.is_suspended:
                self.withheld.append(event)
            else:
                self._take_in(kind, event)
        elif kind in (EventType.EXECUTION_SUSPENDED, EventType.EXECUTION_RESUMED):
            self.is_suspended = kind is EventType.EXECUTION_SUSPENDED
        elif kind is EventType.ORCHESTRATOR_STARTED:
            self.clock = event["Timestamp"]
        elif kind is EventType.ORCHESTRATOR_COMPLETED:
            self._completed(note or Note.load(row.note))

    def take_withheld(self) -> Iterator[tuple[Event, Task | None]]:
        """Take in what arrived while the execution was suspended, unless it still is.

        Yields each event once it is taken in, and the task with a retry policy that it is about.
        """
        while self.withheld and not self.is_suspended:
            event = self.withheld.pop(0)
            task = self.retried(event.get("TaskScheduledId", event.get("TimerId")))
            self._take_in(EventType(event["EventType"]), event)
            yield event, task

    def retried(self, task_id: int | None) -> Task | None:
        """Return the task with a retry policy that an id is of, or None."""
        task = None if task_id is None else self.pending.get(task_id)
        return task if task is not None and task.retry is not None else None

    def rendered_history(self) -> str:
        """Return the history as the JSON array of this turn's request.

        Played are the events the previous turn was given, except `OrchestratorStarted`, as the extension has it.
        """
        started = EventType.ORCHESTRATOR_STARTED
        texts = (
            render(row.event, played=n < self._played and self._types[n] is not started)
            for n, row in enumerate(self.rows)
        )
        return f"[{', '.join(texts)}]"

    def mark_played(self) -> None:
        """Count all events as played: this turn has been given them."""
        self._played = len(self.rows)
        self.new_events = []

    def _end_of_last_input(self) -> int:
        """Return how many rows there were when the last turn was sent to the worker: what it answered came after."""
        end = len(self._types)
        answered = (*SCHEDULING, EventType.ORCHESTRATOR_COMPLETED)
        while end and self._types[end - 1] in answered:
            end -= 1
        return end

    def _take_in(self, kind: EventType, event: Event) -> None:
        if kind is EventType.EVENT_RAISED:
            self._raised(event["Name"])
        else:
            self._ended(kind, event[_ENDING[kind]])

    def _scheduled(self, kind: Kind, event: Event, note: Note) -> None:
        task_id = event["EventId"]
        self.next_id = task_id + 1
        if note.retry_of is not None:
            task = next(task for task in self.tasks if task.task_id == note.retry_of)
            if kind is not Kind.TIMER:
                task.attempts += 1
                task.last_failed = False
        else:
            name = event["InstanceId"] if kind is Kind.MESSAGE else event.get("Name", "")
            task = Task(
                task_id, kind, name, is_done=note.is_signal, input=note.input, child_id=note.child_id, retry=note.retry
            )
            self.tasks.append(task)
        if not note.is_signal:
            self.pending[task_id] = task
        if note.request_id is not None:
            self.requests[note.request_id] = task_id

    def _ended(self, kind: EventType, task_id: int) -> None:
        task = self.pending.pop(task_id, None)
        if task is None:
            return
        if kind in _FAILURES and task.retry is not None:
            task.last_failed = True
        elif kind is EventType.TIMER_FIRED and task.retry is not None:
            task.is_done = task.attempts >= task.retry.attempts
        else:
            task.is_done = True

    def _completed(self, note: Note) -> None:
        self.has_returned = note.has_returned
        self.canceled_timers |= set(note.canceled)
        for task_id in note.canceled:
            task = self.pending.pop(task_id, None)
            if task is not None:
                task.is_done = True

    def _raised(self, name: str) -> None:
        task_id = self.requests.pop(name, None)
        if task_id is None:
            self.raised[name.casefold()] += 1
        else:
            self._ended(EventType.EVENT_RAISED, task_id)
