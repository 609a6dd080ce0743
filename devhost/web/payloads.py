"""The management API's JSON bodies.

Source: answers recorded from Microsoft.Azure.WebJobs.Extensions.DurableTask 3.14.1 and, where it answers otherwise,
3.19.0 on Azure Storage.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from devhost.hub.rows import Entity, HistoryRow, Instance
from devhost.protocol.entities import EntityId
from devhost.protocol.history import Event, EventType
from devhost.web.json_reading import shown

_NAMES = {
    EventType.TASK_SCHEDULED: "TaskScheduled",
    EventType.SUB_ORCHESTRATION_CREATED: "SubOrchestrationInstanceCreated",
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
        **({"parentInstanceId": instance.parent.instance_id} if instance.parent else {}),
        "runtimeStatus": instance.status.value,
        "input": shown(instance.input) if show_input else None,
        "customStatus": shown(instance.custom_status),
        "output": shown(instance.output),
        "createdTime": _seconds(instance.created),
        "lastUpdatedTime": _seconds(instance.updated),
    }
    if history is not None:
        payload["historyEvents"] = history
    return payload


def history_events(rows: Iterable[HistoryRow], *, show_input: bool, show_output: bool) -> list[Event]:
    """Rewrite a history for readers: an event that ends a task says which function it was and when it was scheduled.

    An event that scheduled a task is told only as long as the task is open.
    """
    scheduled: dict[int, Event] = {}
    told: dict[int, Event] = {}
    places: dict[int, int] = {}
    for place, row in enumerate(rows):
        event = json.loads(row.event)
        kind = EventType(event["EventType"])
        if kind not in _NAMES:
            continue
        if kind in _SCHEDULED:
            scheduled[event["EventId"]], places[event["EventId"]] = event, place
        elif kind in _ENDED:
            told.pop(places.get(event["TaskScheduledId"], -1), None)
        told[place] = _rewrite(kind, event, scheduled, show_input, show_output)
    return list(told.values())


def entity(row: Entity, *, fetch_state: bool) -> dict[str, Any]:
    """Return one row of the list of entities."""
    entity_id = EntityId.parse(row.entity_id)
    return {
        "entityId": {"name": entity_id.name, "key": entity_id.key},
        "lastOperationTime": row.updated.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "state": shown(row.state) if fetch_state else None,
    }


def exception(message: str, kind: str, text: str) -> dict[str, str]:
    """Return the body of an answer to a request that made the extension throw."""
    return {"Message": message, "ExceptionMessage": text, "ExceptionType": kind, "StackTrace": ""}


def _rewrite(kind: EventType, event: Event, scheduled: dict[int, Event], show_input: bool, show_output: bool) -> Event:
    fields = {name: value for name, value in event.items() if name not in _LEFT_OUT}
    fields["EventType"] = _NAMES[kind]
    if kind is EventType.EXECUTION_STARTED:
        fields["FunctionName"] = event["Name"]
        fields["Generation"] = None if event["ParentInstance"] else 0
    elif kind in (EventType.EVENT_RAISED, EventType.EVENT_SENT, *_SCHEDULED):
        fields["Name"] = event["Name"]
    elif kind in _ENDED:
        began = scheduled.get(event["TaskScheduledId"], {})
        fields |= {"FunctionName": began.get("Name"), "Input": None}
        if "InstanceId" in began:
            fields["InstanceId"] = began["InstanceId"]
        fields["ScheduledTime"] = str(began.get("Timestamp", "")).removesuffix("Z") + "+00:00"
    if not show_input:
        fields.pop("Input", None)
    if "Result" in fields:
        result = fields.pop("Result")
        if show_output:
            fields["Result"] = shown(result)
    return fields


def _seconds(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
