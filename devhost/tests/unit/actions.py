"""Actions as the SDK sends them, written by hand, and the answers that carry them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

from devhost.protocol.answer import Action, ActionType, Answer, Retry
from devhost.protocol.history import timestamp


def answer(*actions: Action, done: bool = False, output: Any = None, status: Any = None) -> Answer:
    """Return an answer with all actions since the execution began; `output` implies that it is done."""
    return Answer(
        is_done=done or output is not None,
        actions=actions,
        output=None if output is None else json.dumps(output),
        custom_status=None if status is None else json.dumps(status),
    )


def tail(*new: Action, canceled: tuple[int, ...] = (), output: Any = None) -> Answer:
    """Return the answer of an orchestrator that stayed alive: the new actions, and the places of canceled timers."""
    return replace(answer(*new, output=output), canceled=frozenset(canceled))


def failure(error: str, *actions: Action) -> Answer:
    """Return the answer of an orchestrator that raised."""
    return Answer(is_done=False, actions=actions, error=error)


def activity(name: str, value: Any = None) -> Action:
    """Call an activity."""
    return Action(ActionType.CALL_ACTIVITY, name, input=json.dumps(value))


def activity_with_retry(name: str, attempts: int, interval_ms: int = 5000, value: Any = None) -> Action:
    """Call an activity with a retry policy, inside a WhenAll as the SDK wraps it."""
    retry = Retry(interval_ms, attempts)
    return all_of(Action(ActionType.CALL_ACTIVITY_WITH_RETRY, name, input=json.dumps(value), retry=retry))


def child(name: str, instance_id: str | None = None, value: Any = None) -> Action:
    """Call a sub-orchestrator."""
    return Action(ActionType.CALL_SUB_ORCHESTRATOR, name, instance_id, json.dumps(value))


def child_with_retry(name: str, attempts: int, instance_id: str | None = None, interval_ms: int = 5000) -> Action:
    """Call a sub-orchestrator with a retry policy."""
    retry = Retry(interval_ms, attempts)
    return all_of(Action(ActionType.CALL_SUB_ORCHESTRATOR_WITH_RETRY, name, instance_id, "null", retry=retry))


def timer(fire_at: datetime, *, canceled: bool = False) -> Action:
    """Create a timer, or show one that was created and canceled since."""
    return Action(ActionType.CREATE_TIMER, fire_at=timestamp(fire_at), canceled=canceled)


def event(name: str) -> Action:
    """Wait for an external event."""
    return Action(ActionType.WAIT_FOR_EXTERNAL_EVENT, name)


def call_entity(entity: str, operation: str, value: Any = None) -> Action:
    """Call an entity and wait for its reply."""
    return Action(ActionType.CALL_ENTITY, operation, entity, json.dumps(value))


def signal_entity(entity: str, operation: str, value: Any = None) -> Action:
    """Signal an entity."""
    return Action(ActionType.SIGNAL_ENTITY, operation, entity, json.dumps(value))


def call_http(method: str, uri: str) -> Action:
    """Make an HTTP request."""
    return Action(ActionType.CALL_HTTP, http={"method": method, "uri": uri})


def continue_as_new(value: Any) -> Action:
    """Begin again with a new input."""
    return Action(ActionType.CONTINUE_AS_NEW, input=json.dumps(value))


def any_of(*children: Action) -> Action:
    """Wait for one of these."""
    return Action(ActionType.WHEN_ANY, children=children)


def all_of(*children: Action) -> Action:
    """Wait for all of these."""
    return Action(ActionType.WHEN_ALL, children=children)
