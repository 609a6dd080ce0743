"""The task hub's rows, and the changes that one completed work item makes to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

OPERATION = -1
"""The `kind` of a message that is an entity operation; all other kinds are history event types."""


class Status(StrEnum):
    """An instance's runtime status, in the extension's spelling."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUSPENDED = "Suspended"
    COMPLETED = "Completed"
    FAILED = "Failed"
    TERMINATED = "Terminated"
    CANCELED = "Canceled"

    @property
    def is_final(self) -> bool:
        """Whether the instance has ended."""
        return self in (Status.COMPLETED, Status.FAILED, Status.TERMINATED, Status.CANCELED)


@dataclass(frozen=True, slots=True)
class Parent:
    """The task of another orchestration that waits for an instance."""

    instance_id: str
    execution_id: str
    task_id: int


@dataclass(frozen=True, slots=True)
class Instance:
    """One orchestration instance. `input`, `output` and `custom_status` are JSON texts, None for JSON null."""

    instance_id: str
    execution_id: str
    name: str
    status: Status
    created: datetime
    updated: datetime
    input: str | None = None
    output: str | None = None
    custom_status: str | None = None
    parent: Parent | None = None


@dataclass(slots=True)
class Message:
    """Something an instance or entity has to process; with `due`, not before that time.

    `id` is set before the commit; messages of one target are processed in the order of their ids. `is_first` puts a
    message before all that wait already. `event` is the parsed body, where the sender had it at hand.
    """

    target: str
    kind: int
    body: str
    execution_id: str | None = None
    task_id: int | None = None
    due: datetime | None = None
    is_first: bool = False
    id: int = 0
    event: dict[str, Any] | None = field(default=None, compare=False, repr=False)


@dataclass(slots=True)
class ActivityItem:
    """An activity to run. `id` is set before the commit."""

    instance_id: str
    execution_id: str
    task_id: int
    name: str
    input: str | None
    id: int = 0


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One stored history event and devhost's note on it."""

    event: str
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity's state as JSON text; not `present` once destroyed or when it never set a state."""

    entity_id: str
    present: bool
    state: str | None
    updated: datetime


@dataclass(slots=True)
class Changes:
    """Everything one work item changes; committed as a whole or not at all.

    `purged` names instances that are forgotten with all that belongs to them.
    """

    consumed: list[int] = field(default_factory=list)
    finished_activity: int | None = None
    instances: list[Instance] = field(default_factory=list)
    forget_history: list[str] = field(default_factory=list)
    history: list[tuple[str, int, HistoryRow]] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    activities: list[ActivityItem] = field(default_factory=list)
    canceled_timers: list[tuple[str, str, int]] = field(default_factory=list)
    entity: Entity | None = None
    purged: list[str] = field(default_factory=list)
