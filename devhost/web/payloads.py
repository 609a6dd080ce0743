"""The management API's JSON bodies.

Source: answers recorded from Microsoft.Azure.WebJobs.Extensions.DurableTask 3.14.1.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from devhost.hub.rows import Entity, HistoryRow, Instance
from devhost.protocol.entities import EntityId
from devhost.protocol.history import Event, EventType

_NAMES = {
    EventType.EXECUTION_STARTED: "ExecutionStarted",
    EventType.EXECUTION_COMPLETED: "ExecutionCompleted",
    EventType.EXECUTION_TERMINATED: "ExecutionTerminated",
    EventType.TASK_COMPLETED: "TaskCompleted",
    EventType.TASK_FAILED: "TaskFailed",
    EventType.SUB_ORCHESTRATION_COMPLETED: "SubOrchestrationInstanceCompleted",
    EventType.SUB_ORCHESTRATION_FAILED: "SubOrchestrationInstanceFailed",
    EventType.TIMER_CREATED: "TimerCreated",
    EventType.TIMER_FIRED: "TimerFired",
    EventType.EVENT_SENT: "EventSent",
    EventType.EVENT_RAISED: "EventRaised",
    EventType.EXECUTION_SUSPENDED: "ExecutionSuspended",
    EventType.EXECUTION_RESUMED: "ExecutionResumed",
}
_SCHEDULED = (EventType.TASK_SCHEDULED, EventType.SUB_ORCHESTRATION_CREATED)
_ENDED = (
    EventType.TASK_COMPLETED,
    EventType.TASK_FAILED,
    EventType.SUB_ORCHESTRATION_COMPLETED,
    EventType.SUB_ORCHESTRATION_FAILED,
)
_LEFT_OUT = (
    "EventId",
    "Name",
    "Tags",
    "Version",
    "OrchestrationInstance",
    "ParentInstance",
    "TaskScheduledId",
    "TimerId",
)


def status(instance: Instance, *, show_input: bool, history: list[Event] | None = None) -> dict[str, Any]:
    """Return an instance's status; `history` as `history_events` gives it, None to leave it out."""
    payload: dict[str, Any] = {
        "name": instance.name,
        "instanceId": instance.instance_id,
        "runtimeStatus": instance.status.value,
        "input": _value(instance.input) if show_input else None,
        "customStatus": _value(instance.custom_status),
        "output": _value(instance.output),
        "createdTime": _seconds(instance.created),
        "lastUpdatedTime": _seconds(instance.updated),
    }
    if history is not None:
        payload["historyEvents"] = history
    return payload


def history_events(rows: Iterable[HistoryRow], *, show_input: bool, show_output: bool) -> list[Event]:
    """Rewrite a history for readers: an event that ends a task says which function it was and when it was scheduled."""
    scheduled: dict[int, Event] = {}
    rewritten: list[Event] = []
    for row in rows:
        event = json.loads(row.event)
        kind = EventType(event["EventType"])
        if kind in _SCHEDULED:
            scheduled[event["EventId"]] = event
        elif kind in _NAMES:
            rewritten.append(_rewrite(kind, event, scheduled, show_input, show_output))
    return rewritten


def entity(row: Entity, *, fetch_state: bool) -> dict[str, Any]:
    """Return one row of the list of entities."""
    entity_id = EntityId.parse(row.entity_id)
    payload: dict[str, Any] = {
        "entityId": {"name": entity_id.name, "key": entity_id.key},
        "lastOperationTime": row.updated.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }
    if fetch_state:
        payload["state"] = _value(row.state)
    return payload


def exception(message: str, kind: str, text: str) -> dict[str, str]:
    """Return the body of an answer to a request that made the extension throw."""
    return {"Message": message, "ExceptionMessage": text, "ExceptionType": kind, "StackTrace": ""}


def _rewrite(kind: EventType, event: Event, scheduled: dict[int, Event], show_input: bool, show_output: bool) -> Event:
    fields = {name: value for name, value in event.items() if name not in _LEFT_OUT}
    fields["EventType"] = _NAMES[kind]
    if kind is EventType.EXECUTION_STARTED:
        fields["FunctionName"] = event["Name"]
    elif kind in (EventType.EVENT_RAISED, EventType.EVENT_SENT):
        fields["Name"] = event["Name"]
    elif kind in _ENDED:
        began = scheduled.get(event["TaskScheduledId"], {})
        fields |= {"FunctionName": began.get("Name"), "Input": None}
        fields["ScheduledTime"] = str(began.get("Timestamp", "")).removesuffix("Z") + "+00:00"
    if not show_input:
        fields.pop("Input", None)
    if "Result" in fields:
        result = fields.pop("Result")
        if show_output:
            fields["Result"] = _value(result)
    return fields


def _value(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def _seconds(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
