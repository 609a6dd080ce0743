"""Models become the plain JSON that durable payloads are, and results the types that annotations say."""

import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

from pydantic import TypeAdapter


def dump(value: object) -> Any:
    """Return a model, or what holds models, as plain JSON."""
    return TypeAdapter(Any).dump_python(value, mode="json")


def returned_by_activity(activity: Callable[..., Any]) -> TypeAdapter[Any]:
    """Return what reads the result of an activity, from its annotation."""
    return TypeAdapter(get_type_hints(inspect.unwrap(activity)).get("return", Any))


def returned_by(orchestration: Callable[..., Any]) -> TypeAdapter[Any]:
    """Return what reads the output of an orchestration, from its annotation `Steps[Output]`."""
    annotation = get_type_hints(orchestration).get("return")
    arguments: tuple[Any, ...] = getattr(annotation, "__args__", ())
    return TypeAdapter(arguments[2] if len(arguments) == 3 else Any)
