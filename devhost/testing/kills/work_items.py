"""Tells which kinds of work items a commit completes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from devhost.engine.execution import Note
from devhost.hub.rows import OPERATION, Changes, HistoryRow, Status
from devhost.protocol.history import EventType
from devhost.testing.kills.kill_plan import Point

_REQUESTS: dict[int, Point] = {
    EventType.EXECUTION_STARTED: Point.START,
    EventType.EVENT_RAISED: Point.EVENT,
    EventType.EXECUTION_SUSPENDED: Point.SUSPEND,
    EventType.EXECUTION_RESUMED: Point.RESUME,
    EventType.EXECUTION_TERMINATED: Point.TERMINATE,
    OPERATION: Point.SIGNAL,
}
_TURNS = {
    EventType.EXECUTION_STARTED: Point.TURN_STARTED,
    EventType.TASK_COMPLETED: Point.TURN_ACTIVITY,
    EventType.TASK_FAILED: Point.TURN_ACTIVITY_FAILED,
    EventType.TIMER_FIRED: Point.TURN_TIMER,
    EventType.SUB_ORCHESTRATION_COMPLETED: Point.TURN_CHILD,
    EventType.SUB_ORCHESTRATION_FAILED: Point.TURN_CHILD_FAILED,
    EventType.SUB_ORCHESTRATION_CREATED: Point.TURN_CHILD_STARTED,
    EventType.EXECUTION_SUSPENDED: Point.TURN_SUSPENDED,
    EventType.EXECUTION_RESUMED: Point.TURN_RESUMED,
    EventType.EXECUTION_TERMINATED: Point.TURN_TERMINATED,
}
_ENDINGS = {Status.COMPLETED: Point.TURN_COMPLETES, Status.FAILED: Point.TURN_FAILS}


def points_of(group: Iterable[Changes]) -> set[Point]:
    """Return every point that the commit of these work items is."""
    return {Point.COMMIT, *(point for changes in group for point in _points_of_item(changes))}


def _points_of_item(changes: Changes) -> set[Point]:
    if changes.finished_activity is not None:
        return {Point.ACTIVITY_RESULT, Point.RESULT}
    if changes.entity is not None:
        return {Point.ENTITY_BATCH, Point.RESULT}
    if changes.purged:
        return {Point.PURGE}
    if changes.consumed or (changes.history and not changes.forget_history):
        return _points_of_turn(changes)
    return {Point.REWIND if changes.history else _REQUESTS[changes.messages[0].kind]}


def _points_of_turn(changes: Changes) -> set[Point]:
    points = [_point(json.loads(row.event), row) for _, _, row in changes.history]
    if any(message.is_first for message in changes.messages):
        points.append(Point.TURN_CONTINUES)
    if changes.instances:
        points.append(_ENDINGS.get(changes.instances[0].status))
    return {point for point in points if point is not None}


def _point(event: dict[str, Any], row: HistoryRow) -> Point | None:
    kind = EventType(event["EventType"])
    if kind is EventType.EVENT_RAISED:
        return Point.TURN_REPLY if "ResponseMessage" in (event["Input"] or "") else Point.TURN_EVENT
    if Note.load(row.note).retry_of is not None:
        return Point.TURN_RETRY_TIMER if kind is EventType.TIMER_CREATED else Point.TURN_RETRY
    return _TURNS.get(kind)
