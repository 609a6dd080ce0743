"""History events as the Durable Task extension writes them and the Python SDK reads them.

Source: turns recorded from Microsoft.Azure.WebJobs.Extensions.DurableTask 3.14.1. An event is stored as the JSON text
of its fields without `IsPlayed`, which depends on the turn that sends it and is added by `render`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import IntEnum
from functools import lru_cache
from typing import Any

from devhost.protocol.json_text import compact


class EventType(IntEnum):
    """The extension's numbers for its history events."""

    EXECUTION_STARTED = 0
    EXECUTION_COMPLETED = 1
    EXECUTION_TERMINATED = 3
    TASK_SCHEDULED = 4
    TASK_COMPLETED = 5
    TASK_FAILED = 6
    SUB_ORCHESTRATION_CREATED = 7
    SUB_ORCHESTRATION_COMPLETED = 8
    SUB_ORCHESTRATION_FAILED = 9
    TIMER_CREATED = 10
    TIMER_FIRED = 11
    ORCHESTRATOR_STARTED = 12
    ORCHESTRATOR_COMPLETED = 13
    EVENT_SENT = 14
    EVENT_RAISED = 15
    EXECUTION_SUSPENDED = 19
    EXECUTION_RESUMED = 20


Event = dict[str, Any]


@lru_cache(maxsize=16)
def timestamp(moment: datetime) -> str:
    """Write an aware datetime as the extension does: UTC, seven fractional digits, `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "0Z"


def parse_timestamp(text: str) -> datetime:
    """Read an ISO 8601 UTC time with any number of fractional digits.

    Raises:
        ValueError: The text is not such a time.
    """
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def dump(event: Event) -> str:
    """Return the stored text of an event."""
    return compact(event)


def render(stored: str, *, played: bool) -> str:
    """Return the text of a stored event as one turn's request carries it."""
    return f'{stored[:-1]}, "IsPlayed": {"true" if played else "false"}}}'


def _event(kind: EventType, now: datetime, event_id: int = -1, **fields: Any) -> Event:
    return {"EventType": int(kind), **fields, "EventId": event_id, "Timestamp": timestamp(now)}


def orchestrator_started(now: datetime) -> Event:
    """Begin a turn: the SDK moves `current_utc_datetime` forward to this time."""
    return _event(EventType.ORCHESTRATOR_STARTED, now)


def orchestrator_completed(now: datetime) -> Event:
    """End a turn."""
    return _event(EventType.ORCHESTRATOR_COMPLETED, now)


def execution_started(
    now: datetime, instance_id: str, execution_id: str, name: str, input_text: str | None, parent: Event | None = None
) -> Event:
    """Begin an execution; `input_text` is the raw JSON text of the input, or None."""
    return _event(
        EventType.EXECUTION_STARTED,
        now,
        OrchestrationInstance={"InstanceId": instance_id, "ExecutionId": execution_id},
        ParentInstance=parent,
        Name=name,
        Version=None,
        Input=input_text,
        Tags=None,
        Correlation=None,
        ParentTraceContext=None,
        ScheduledStartTime=None,
        Generation=None,
        GenerateNewTrace=False,
    )


def execution_completed(now: datetime, status: str, result: str | None) -> Event:
    """End an execution; devhost keeps it for the history query and never sends it to the SDK."""
    return _event(EventType.EXECUTION_COMPLETED, now, OrchestrationStatus=status, Result=result, FailureDetails=None)


def task_scheduled(now: datetime, task_id: int, name: str) -> Event:
    """Record that an activity was scheduled; its input travels only in the work item."""
    return _event(
        EventType.TASK_SCHEDULED, now, task_id, Name=name, Version="", Input=None, ParentTraceContext=None, Tags=None
    )


def task_completed(now: datetime, task_id: int, result: str | None) -> Event:
    """Give an activity's result, JSON text or None."""
    return _event(EventType.TASK_COMPLETED, now, TaskScheduledId=task_id, Result=result)


def task_failed(now: datetime, task_id: int, reason: str, details: str | None) -> Event:
    """Give an activity's failure; the SDK raises `Exception(f"{reason} \\n {details}")`."""
    return _event(
        EventType.TASK_FAILED, now, TaskScheduledId=task_id, Reason=reason, Details=details, FailureDetails=None
    )


def sub_orchestration_created(now: datetime, task_id: int, name: str, instance_id: str) -> Event:
    """Record that a child orchestration was started."""
    return _event(
        EventType.SUB_ORCHESTRATION_CREATED,
        now,
        task_id,
        Name=name,
        Version=None,
        InstanceId=instance_id,
        Input=None,
        ClientSpanId=None,
        Tags=None,
    )


def sub_orchestration_completed(now: datetime, task_id: int, result: str | None) -> Event:
    """Give a child's output, JSON text or None."""
    return _event(EventType.SUB_ORCHESTRATION_COMPLETED, now, TaskScheduledId=task_id, Result=result)


def sub_orchestration_failed(now: datetime, task_id: int, reason: str, details: str | None) -> Event:
    """Give a child's failure."""
    return _event(
        EventType.SUB_ORCHESTRATION_FAILED,
        now,
        TaskScheduledId=task_id,
        Reason=reason,
        Details=details,
        FailureDetails=None,
    )


def timer_created(now: datetime, task_id: int, fire_at: str) -> Event:
    """Record that a timer was started; `fire_at` is the text the SDK or the host wrote."""
    return _event(EventType.TIMER_CREATED, now, task_id, FireAt=fire_at)


def timer_fired(now: datetime, task_id: int, fire_at: str) -> Event:
    """Fire a timer. Its timestamp is that of the timer's creation, as on Azure, where the message is sent at once."""
    return _event(EventType.TIMER_FIRED, now, TimerId=task_id, FireAt=fire_at)


def event_sent(now: datetime, task_id: int, entity_id: str, request: str) -> Event:
    """Record a call or a signal to an entity; `request` is the request message's JSON text."""
    return _event(EventType.EVENT_SENT, now, task_id, InstanceId=entity_id, Name="op", Input=request)


def event_raised(now: datetime, name: str, input_text: str | None) -> Event:
    """Deliver an external event, or an entity's reply under its request id."""
    return _event(EventType.EVENT_RAISED, now, Name=name, Input=input_text, ParentTraceContext=None)


def execution_terminated(now: datetime, reason: str | None) -> Event:
    """Ask an execution to end at once; `reason` becomes its output."""
    return _event(EventType.EXECUTION_TERMINATED, now, Input=reason)


def execution_suspended(now: datetime, reason: str | None) -> Event:
    """Hold an execution's messages until it is resumed."""
    return _event(EventType.EXECUTION_SUSPENDED, now, Reason=reason)


def execution_resumed(now: datetime, reason: str | None) -> Event:
    """Release an execution's messages."""
    return _event(EventType.EXECUTION_RESUMED, now, Reason=reason)
