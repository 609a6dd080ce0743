"""How an instance and a time are written in the task hub file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from devhost.hub.rows import Instance, Parent, Status

_OF_INSTANCE = (
    "instance_id",
    "execution_id",
    "name",
    "status",
    "input",
    "output",
    "custom_status",
    "created",
    "updated",
    "parent_instance_id",
    "parent_execution_id",
    "parent_task_id",
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

INSTANCE = ", ".join(_OF_INSTANCE)
"""The columns of an instance, to be selected for `instance_of`."""

PUT_INSTANCE = (
    f"INSERT INTO instances ({INSTANCE}) VALUES ({', '.join('?' * len(_OF_INSTANCE))})"
    # An update in place touches fewer pages than a replacement.
    f" ON CONFLICT (instance_id) DO UPDATE SET {', '.join(f'{one} = excluded.{one}' for one in _OF_INSTANCE[1:])}"
)
"""Writes the `values_of` an instance in the place of what is there."""


def to_micros(moment: datetime) -> int:
    """Return an aware datetime as microseconds since 1970-01-01 UTC."""
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return the UTC datetime of a number of microseconds since 1970-01-01."""
    return _EPOCH + timedelta(microseconds=micros)


def values_of(instance: Instance) -> tuple[Any, ...]:
    """Return an instance as the values of its columns."""
    parent = instance.parent
    return (
        instance.instance_id,
        instance.execution_id,
        instance.name,
        instance.status,
        instance.input,
        instance.output,
        instance.custom_status,
        to_micros(instance.created),
        to_micros(instance.updated),
        parent and parent.instance_id,
        parent and parent.execution_id,
        parent and parent.task_id,
    )


def instance_of(row: tuple[Any, ...]) -> Instance:
    """Return the instance of a row of its columns."""
    instance_id, execution_id, name, status, input_text, output, custom_status, created, updated, *parent = row
    return Instance(
        instance_id=instance_id,
        execution_id=execution_id,
        name=name,
        status=Status(status),
        created=from_micros(created),
        updated=from_micros(updated),
        input=input_text,
        output=output,
        custom_status=custom_status,
        parent=None if parent[0] is None else Parent(*parent),
    )
