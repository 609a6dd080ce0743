"""Durable payloads are plain JSON, whoever has sent them.

The SDK writes an object of a custom class as `{"__class__", "__module__", "__data__"}`, and calls `from_json` of the
class that any such payload names: also of one that came from outside, as an event, a signal or an input. It raises for
a class that it does not find, and so ends the orchestration that has only waited for an event.
"""

from typing import Any, NoReturn

from azure.functions import _durable_functions


def read_payloads_as_plain_json() -> None:
    """Let the SDK take no payload of this process for an object, and write none as such.

    It has no public way to do that: its strict typing still raises for what it does not expect.
    """
    sdk: Any = _durable_functions
    sdk._deserialize_custom_object, sdk._serialize_custom_object = _keep, _refuse


def _keep(members: dict[str, Any]) -> dict[str, Any]:
    return members


def _refuse(value: object) -> NoReturn:
    kind = type(value).__name__
    raise TypeError(f"A {kind} is no plain JSON, as durable payloads are. Pass a dict, such as a model's model_dump().")
