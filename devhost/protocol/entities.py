"""Messages to and from entities, and the batch a worker runs on one.

Source: recorded turns of Microsoft.Azure.WebJobs.Extensions.DurableTask 3.14.1. An input that comes from the Python SDK
is JSON text inside a JSON string; one posted to the webhook is the body as it came.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from devhost.protocol.answer import ProtocolError
from devhost.protocol.json_text import compact

_NAMESPACE = "Microsoft.Azure.WebJobs.Extensions.DurableTask"
_NEVER = "0001-01-01T00:00:00"


@dataclass(frozen=True, slots=True)
class EntityId:
    """An entity's name, in lower case, and its key, with case."""

    name: str
    key: str

    def __str__(self) -> str:
        """Return the id under which messages reach it: `@name@key`."""
        return f"@{self.name}@{self.key}"

    @staticmethod
    def of(name: str, key: str) -> EntityId:
        """Return the id for a function name in any case."""
        return EntityId(name.lower(), key)

    @staticmethod
    def parse(text: str) -> EntityId:
        """Read `@name@key`; a key may hold further `@`."""
        _, name, key = text.split("@", 2)
        return EntityId.of(name, key)


@dataclass(frozen=True, slots=True)
class Request:
    """One operation sent to an entity. A signal has no caller to answer."""

    operation: str
    request_id: str
    input: str | None
    is_signal: bool
    parent: str | None = None
    parent_execution: str | None = None

    def dump(self, now: datetime) -> str:
        """Return the message as the extension writes it."""
        fields: dict[str, Any] = {"$type": f"{_NAMESPACE}.RequestMessage, {_NAMESPACE}", "op": self.operation}
        if self.is_signal:
            fields["signal"] = True
        if self.input is not None:
            fields["input"] = self.input
        fields["id"] = self.request_id
        if self.parent is not None:
            fields |= {"parent": self.parent, "parentExecution": self.parent_execution}
        requested = now.strftime("%Y-%m-%dT%H:%M:%S.%f0+00:00")
        return compact(fields | {"Timestamp": _NEVER, "Predecessor": _NEVER, "requestTime": requested})

    @staticmethod
    def load(text: str) -> Request:
        """Read what `dump` wrote."""
        fields = json.loads(text)
        return Request(
            operation=fields["op"],
            request_id=fields["id"],
            input=fields.get("input"),
            is_signal=fields.get("signal", False),
            parent=fields.get("parent"),
            parent_execution=fields.get("parentExecution"),
        )


@dataclass(frozen=True, slots=True)
class OperationResult:
    """What one operation gave: a JSON text, or an error's."""

    result: str | None
    is_error: bool

    def reply(self) -> str:
        """Return the reply message for the caller; the presence of `exceptionType` is what marks an error."""
        fields = {"$type": f"{_NAMESPACE}.ResponseMessage, {_NAMESPACE}", "result": self.result}
        if self.is_error:
            fields["exceptionType"] = "Error"
        return compact(fields)


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What a batch of operations left behind."""

    exists: bool
    state: str | None
    results: list[OperationResult]


def batch_request(entity: EntityId, exists: bool, state: str | None, requests: Sequence[Request]) -> str:
    """Return the JSON that asks a worker to run operations, in order, on an entity's state."""
    batch = [
        {"name": one.operation, "input": one.input, "isSignal": one.is_signal, "id": one.request_id} for one in requests
    ]
    body = {"self": {"name": entity.name, "key": entity.key}, "exists": exists, "state": state, "batch": batch}
    return compact(body)


def parse_batch_result(text: str, expected: int) -> BatchResult:
    """Read the worker's answer to a batch.

    Raises:
        ProtocolError: The text is not such an answer, or has not one result for each operation.
    """
    try:
        fields = json.loads(text)
        results = [OperationResult(one["result"], bool(one["isError"])) for one in fields["results"]]
        if len(results) != expected:
            raise ProtocolError(f"The entity answered {len(results)} of {expected} operations.")
        return BatchResult(bool(fields["entityExists"]), fields["entityState"], results)
    except (ValueError, KeyError, TypeError) as ex:
        raise ProtocolError(f"The entity's answer cannot be read ({type(ex).__name__}: {ex}).") from ex
