"""What can be told about a task hub's instances from its file alone: what each waits for, and the steps it took."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from devhost.engine.execution import SCHEDULING, Execution, Kind, Note
from devhost.hub.rows import HistoryRow, Instance, Status
from devhost.hub.snapshot import HubSnapshot, Waiting
from devhost.protocol.history import Event, EventType, parse_timestamp

_KINDS = {Kind.ACTIVITY: "activity", Kind.CHILD: "child", Kind.TIMER: "timer", Kind.MESSAGE: "entity"}
_RESULTS = {
    EventType.TASK_COMPLETED: "completed",
    EventType.TASK_FAILED: "failed",
    EventType.SUB_ORCHESTRATION_COMPLETED: "completed",
    EventType.SUB_ORCHESTRATION_FAILED: "failed",
}
_MOMENTS = {
    EventType.EXECUTION_SUSPENDED: "suspended",
    EventType.EXECUTION_RESUMED: "resumed",
    EventType.EXECUTION_TERMINATED: "terminated",
}

_LONGEST_STATUS = 120


class UnknownIdError(Exception):
    """The task hub has no instance, or no entity, of this id."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Something an instance waits for; `due` when it is known when that ends."""

    what: str
    due: datetime | None = None


@dataclass(slots=True)
class Step:
    """An entry of an instance's timeline: a task with all its attempts, an external event, or that it was suspended.

    `kind` is activity, child, timer, entity, signal, event or run; `result` is empty while the task is open; `due` is
    when a timer fires; `error` the first line of a failure.
    """

    kind: str
    name: str
    began: datetime
    ended: datetime | None = None
    result: str = ""
    attempts: int = 1
    max_attempts: int = 1
    due: datetime | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Inspection:
    """One instance, its steps in the order in which they began, and what it waits for.

    With `has_returned` its function has ended but what it started has not, which keeps it Running, as on Azure.
    """

    instance: Instance
    steps: list[Step]
    waits: list[Wait]
    has_returned: bool


def inspect(snapshot: HubSnapshot, instance: Instance) -> Inspection:
    """Return what the task hub tells about an instance."""
    rows = snapshot.history(instance.instance_id)
    execution = Execution.replay(instance, rows)
    messages = snapshot.messages(instance)
    timeline = _Timeline()
    timeline.read(rows)
    for task_id in execution.canceled_timers & timeline.by_id.keys():
        timeline.by_id[task_id].result = "canceled"
    waits = [] if instance.status.is_final else list(_waits(execution, timeline, messages))
    return Inspection(instance, timeline.steps, waits, execution.has_returned and not instance.status.is_final)


def entity_id_prefix(text: str) -> str:
    """Return the beginning of an entity's id as it is stored: with the `@`, and the name in lower case."""
    name, separator, key = text.removeprefix("@").partition("@")
    return f"@{name.lower()}{separator}{key}"


def _waits(execution: Execution, timeline: _Timeline, messages: list[Waiting]) -> Iterator[Wait]:
    """Yield what an instance that has not ended waits for."""
    timers = {one.task_id: one.due for one in messages if one.due is not None}
    arrived = [one.task_id for one in messages if one.due is None]
    others = arrived.count(None)
    withheld = {event.get("TaskScheduledId", event.get("TimerId")) for event in execution.withheld}
    if execution.is_suspended:
        yield Wait(f"being resumed, with {len(execution.withheld)} message(s) held until then")
    elif others:
        yield Wait(f"a host to process {others} message(s)")
    for task_id, task in execution.pending.items():
        step = timeline.by_id[task_id]
        if execution.has_returned and task.kind is Kind.MESSAGE:
            continue
        if task_id in withheld:
            continue
        if task_id in arrived:
            yield Wait(f"a host to process the result of {_label(step)}")
        elif task_id not in timers:
            yield Wait(_label(step))
        elif task.retry is None:
            yield Wait("a timer", timers[task_id])
        else:
            what = f"the pause after attempt {step.attempts} of {step.max_attempts} of {_label(step)}"
            yield Wait(what, timers[task_id])
    if not others and not execution.pending and execution.instance.status is Status.RUNNING:
        yield Wait(f"an external event; {_told_by_its_status(execution.instance)}")


def _told_by_its_status(instance: Instance) -> str:
    """Return what a run says of itself, as the history does not tell for which event it waits."""
    if instance.custom_status is None:
        return "a history does not tell which"
    status = " ".join(instance.custom_status.split())
    shown = status if len(status) <= _LONGEST_STATUS else f"{status[:_LONGEST_STATUS]} ..."
    return f"its custom status says {shown}"


def _label(step: Step) -> str:
    attempt = f" (attempt {step.attempts} of {step.max_attempts})" if step.max_attempts > 1 and not step.result else ""
    return f"{step.kind} {step.name}{attempt}"


@dataclass(slots=True)
class _Timeline:
    """Pairs the events that end something with those that began it."""

    steps: list[Step] = field(default_factory=list)
    by_id: dict[int, Step] = field(default_factory=dict)
    _replies: dict[str, Step] = field(default_factory=dict)
    _turn: datetime | None = None

    def read(self, rows: Iterable[HistoryRow]) -> None:
        """Take in a history."""
        for row in rows:
            event = json.loads(row.event)
            kind, moment = EventType(event["EventType"]), parse_timestamp(event["Timestamp"])
            if kind is EventType.ORCHESTRATOR_STARTED:
                self._turn = moment
            elif kind in SCHEDULING:
                self._began(SCHEDULING[kind], event, moment, Note.load(row.note))
            elif kind in _RESULTS:
                self._task_ended(_RESULTS[kind], event, moment)
            elif kind is EventType.TIMER_FIRED:
                self._timer_fired(event["TimerId"], self._turn or moment)
            elif kind is EventType.EVENT_RAISED:
                self._raised(event, moment)
            elif kind in _MOMENTS:
                self.steps.append(Step("run", _MOMENTS[kind], moment, moment))

    def _began(self, kind: Kind, event: Event, moment: datetime, note: Note) -> None:
        task_id: int = event["EventId"]
        if note.retry_of is not None:
            step = self.by_id[task_id] = self.by_id[note.retry_of]
            if kind is not Kind.TIMER:
                step.attempts += 1
                step.ended, step.result, step.error = None, "", None
            return
        step = Step(_KINDS[kind], _name(kind, event), moment)
        if note.retry is not None:
            step.max_attempts = note.retry.attempts
        if kind is Kind.TIMER:
            step.due = parse_timestamp(event["FireAt"])
        if note.is_signal:
            step.kind, step.ended, step.result = "signal", moment, "sent"
        if note.request_id is not None:
            self._replies[note.request_id] = step
        self.steps.append(step)
        self.by_id[task_id] = step

    def _task_ended(self, result: str, event: Event, moment: datetime) -> None:
        step = self.by_id.get(event["TaskScheduledId"])
        if step is not None:
            step.ended, step.result = moment, result
            step.error = _first_line(event.get("Reason")) if result == "failed" else None

    def _timer_fired(self, task_id: int, moment: datetime) -> None:
        step = self.by_id.get(task_id)
        if step is not None and step.kind == "timer":
            step.ended, step.result = moment, "fired"

    def _raised(self, event: Event, moment: datetime) -> None:
        step = self._replies.pop(event["Name"], None)
        if step is None:
            self.steps.append(Step("event", event["Name"], moment, moment, "raised"))
            return
        reply: dict[str, Any] = json.loads(event["Input"])
        step.ended, step.result = moment, "failed" if "exceptionType" in reply else "answered"
        step.error = _first_line(str(json.loads(reply["result"]))) if step.result == "failed" else None


def _name(kind: Kind, event: Event) -> str:
    match kind:
        case Kind.ACTIVITY:
            return str(event["Name"])
        case Kind.CHILD:
            return f"{event['Name']} {event['InstanceId']}"
        case Kind.MESSAGE:
            return f"{event['InstanceId']} {json.loads(event['Input'])['op']}"
        case Kind.TIMER:
            return ""


def _first_line(text: str | None) -> str:
    return next(iter((text or "").splitlines()), "")
