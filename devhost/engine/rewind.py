"""Takes a failed execution back to where it last scheduled something, so that what failed since is tried again."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from devhost.engine.execution import SCHEDULING, Execution, Kind, Note
from devhost.hub.rows import ActivityItem, HistoryRow, Message
from devhost.protocol.history import EventType

_DELIVERED_AGAIN = (
    EventType.EXECUTION_STARTED,
    EventType.TASK_COMPLETED,
    EventType.SUB_ORCHESTRATION_COMPLETED,
    EventType.TIMER_FIRED,
    EventType.EVENT_RAISED,
)


@dataclass(slots=True)
class Rewind:
    """What is left of a history, what is delivered and run again, and the tasks whose child has to be rewound too."""

    rows: list[HistoryRow]
    messages: list[Message] = field(default_factory=list)
    activities: list[ActivityItem] = field(default_factory=list)
    children: dict[int, str] = field(default_factory=dict)


def rewind(execution: Execution) -> Rewind:
    """Return a failed execution as it was before the turns in which it scheduled nothing more.

    A failure that the orchestrator handled, and went on from, stays in the history. Of those after it, activities run
    again under their ids, a retry policy gets its last attempt again, and children are to be rewound. Whatever else
    came in is delivered again, so that a mended orchestrator takes another way.
    """
    events = [json.loads(row.event) for row in execution.rows]
    cut = _end_of_last_scheduling(execution.rows, [EventType(event["EventType"]) for event in events])
    result = Rewind(execution.rows[:cut])
    before = Execution.replay(execution.instance, result.rows)
    instance = execution.instance
    for event, row in zip(events[cut:], execution.rows[cut:], strict=True):
        kind = EventType(event["EventType"])
        task_id = event.get("TaskScheduledId", event.get("TimerId"))
        if kind in _DELIVERED_AGAIN and (task_id is None or task_id in before.pending):
            of_execution = None if kind is EventType.EVENT_RAISED else instance.execution_id
            result.messages.append(Message(instance.instance_id, kind, row.event, of_execution, task_id))
        elif kind is EventType.SUB_ORCHESTRATION_FAILED:
            result.children[task_id] = _child_id(result.rows, task_id)
        elif kind is EventType.TASK_FAILED:
            task = before.pending[task_id]
            result.activities.append(
                ActivityItem(instance.instance_id, instance.execution_id, task_id, task.name, task.input)
            )
    return result


def _end_of_last_scheduling(rows: list[HistoryRow], kinds: list[EventType]) -> int:
    """Return the number of rows up to the end of the last turn that scheduled something but a retry's timer."""
    scheduling = [
        n
        for n, (row, kind) in enumerate(zip(rows, kinds, strict=True))
        if kind in SCHEDULING and not (SCHEDULING[kind] is Kind.TIMER and Note.load(row.note).retry_of is not None)
    ]
    if not scheduling:
        return 0
    return kinds.index(EventType.ORCHESTRATOR_COMPLETED, scheduling[-1]) + 1


def _child_id(rows: list[HistoryRow], task_id: int) -> str:
    created = (json.loads(row.event) for row in rows)
    return next(
        str(event["InstanceId"])
        for event in created
        if event["EventType"] == EventType.SUB_ORCHESTRATION_CREATED and event["EventId"] == task_id
    )
