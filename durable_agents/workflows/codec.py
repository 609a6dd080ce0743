"""What travels between the steps of a graph, and is kept for them: JSON, never a pickle.

The framework would pickle whatever is no plain JSON, and unpickling runs whatever code the pickle names: one forged
input would be enough. Here a value that is no plain JSON is written as `{"$type": name, "value": ...}`, and only these
names are read: a few types of Python, the framework's messages, the classes in the signatures of handlers, and those
that are defined next to the executors, which may keep them in the state of a run.
"""

import dataclasses
import sys
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, get_args, get_type_hints
from uuid import UUID

from agent_framework import (
    AgentExecutor,
    AgentExecutorRequest,
    AgentExecutorResponse,
    AgentResponse,
    Content,
    Executor,
    FunctionExecutor,
    Message,
    Workflow,
    WorkflowExecutor,
)
from agent_framework_durabletask._workflows import serialization
from pydantic import Base64Bytes, BaseModel, TypeAdapter

from durable_agents.workflows.nesting import with_inner

_TYPE = "$type"
_VALUE = "value"
_PICKLE = "__pickled__"
# Dicts with these members are written as pairs, so that no data is taken for a value of another type.
_RESERVED = {_TYPE, _PICKLE}
_PAIRS = "dict"
_PLAIN_CLASSES = (date, datetime, time, timedelta, Decimal, UUID)
_COLLECTIONS: dict[str, type[Any]] = {kind.__name__: kind for kind in (tuple, set, frozenset)}
_MESSAGES = (AgentExecutorRequest, AgentExecutorResponse, AgentResponse, Content, Message)
_PLAIN: dict[str, TypeAdapter[Any]] = {
    "bytes": TypeAdapter(Base64Bytes),
    **{kind.__name__: TypeAdapter(kind) for kind in _PLAIN_CLASSES},
}
# The classes of all graphs of this process, by name. They are declared before the first graph runs, and never change.
_declared: dict[str, type[Any]] = {}


def use_plain_json(workflow: Workflow) -> None:
    """Let the values of this graph travel as JSON, wherever the framework's engine would pickle them.

    The engine has no public place for that. Checkpoints in files, which are not used here, stay as they are.
    """
    for executor in (executor for graph in with_inner(workflow) for executor in graph.executors.values()):
        for kind in _classes_in((*_signatures_of(executor), *_classes_next_to(executor))):
            _declared[_name(kind)] = kind
    _declared.update((_name(kind), kind) for kind in _MESSAGES)
    # Neither name is exported, so it is no use to say their types.
    engine: Any = serialization
    engine.encode_checkpoint_value, engine.decode_checkpoint_value = encode, decode


def encode(value: Any) -> Any:
    """Return the value as plain JSON, from which `decode` makes an equal one.

    Raises:
        TypeError: It is, or has in it, an object of a class that no handler of a graph declares.
    """
    if value is None:
        return None
    if isinstance(value, str | int | float) and not isinstance(value, Enum):
        return value
    kind: type[Any] = type(value)
    if kind is list:
        return [encode(item) for item in value]
    if kind is dict:
        is_plain = all(isinstance(key, str) for key in value) and not _RESERVED & value.keys()
        pairs = [[encode(key), encode(item)] for key, item in value.items()]
        return {key: item for key, item in pairs} if is_plain else _tag(_PAIRS, pairs)
    if kind in _COLLECTIONS.values():
        return _tag(kind.__name__, [encode(item) for item in value])
    if kind is bytes or kind in _PLAIN_CLASSES:
        return _tag(kind.__name__, _PLAIN[kind.__name__].dump_python(value, mode="json"))
    return _tag(_name(kind), _encode_object(value))


def decode(value: Any) -> Any:
    """Return the value that `encode` has written.

    Raises:
        ValueError: It is a pickle, names a class that no handler declares, or does not fit its class.
    """
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    if _PICKLE in value:
        raise ValueError(
            "A step of this workflow has a pickle in its data, which is never read. If an earlier version of the app "
            "has stored it, start the run again."
        )
    if _TYPE not in value:
        return {key: decode(item) for key, item in value.items()}
    name = value[_TYPE]
    content: Any = value.get(_VALUE)
    if name == _PAIRS:
        return {decode(key): decode(item) for key, item in content}
    if name in _COLLECTIONS:
        return _COLLECTIONS[name](decode(item) for item in content)
    if name in _PLAIN:
        return _PLAIN[name].validate_python(content)
    if name not in _declared:
        raise ValueError(f"A step of this workflow has data of class {name!r}, which no handler of a graph declares.")
    return _decode_object(_declared[name], content)


def _encode_object(value: Any) -> Any:
    kind = type(value)
    if _declared.get(_name(kind)) is not kind:
        raise TypeError(
            f"A {kind.__name__} cannot travel between the steps of a graph: no handler of the graph has "
            f"{_name(kind)!r} in its signature. Name it there, define it next to an executor, or pass plain JSON such "
            "as its model_dump()."
        )
    if isinstance(value, BaseModel):
        content = value.model_dump(mode="json", round_trip=True)
        if kind.model_validate(content, by_name=True) != value:
            raise TypeError(f"A {kind.__name__} cannot travel between the steps of a graph: its JSON loses part of it.")
        return content
    if isinstance(value, Enum):
        return encode(value.value)
    if dataclasses.is_dataclass(value):
        return {field.name: encode(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return value.to_dict()


def _decode_object(kind: type[Any], content: Any) -> Any:
    if issubclass(kind, BaseModel):
        return kind.model_validate(content, by_name=True)
    if issubclass(kind, Enum):
        return kind(decode(content))
    if dataclasses.is_dataclass(kind):
        return _decode_dataclass(kind, {name: decode(item) for name, item in content.items()})
    # One of the framework's messages.
    return kind.from_dict(content)


def _decode_dataclass(kind: type[Any], content: dict[str, Any]) -> Any:
    arguments = {field.name for field in dataclasses.fields(kind) if field.init}
    made = kind(**{name: item for name, item in content.items() if name in arguments})
    for name in content.keys() - arguments:
        object.__setattr__(made, name, content[name])
    return made


def _tag(name: str, content: Any) -> dict[str, Any]:
    return {_TYPE: name, _VALUE: content}


def _name(kind: type[Any]) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


def _signatures_of(executor: Executor) -> Iterator[Any]:
    """Yield every annotation of the executor's handlers, those that answers of humans go to included."""
    if isinstance(executor, AgentExecutor | WorkflowExecutor):
        # It has no handler that runs here, and sends the framework's messages, or those of the graph inside.
        return
    yield from (*executor.input_types, *executor.output_types, *executor.workflow_output_types)
    for request_and_response in executor._response_handlers:
        yield from request_and_response


def _classes_next_to(executor: Executor) -> Iterator[type[Any]]:
    """Yield the classes of the module in which the executor is written."""
    # The framework has no public name for the function that one is made of.
    written = executor._original_func if isinstance(executor, FunctionExecutor) else type(executor)
    module = str(written.__module__)
    if module.partition(".")[0] != "agent_framework":
        of_the_module = (one for one in list(vars(sys.modules[module]).values()) if isinstance(one, type))
        yield from (kind for kind in of_the_module if kind.__module__ == module)


def _classes_in(annotations: Iterable[Any]) -> Iterator[type[Any]]:
    """Yield the classes that may have to be written for these annotations: models, dataclasses and enumerations."""
    for annotation in annotations:
        if not isinstance(annotation, type) or get_args(annotation):
            yield from _classes_in(get_args(annotation))
        elif issubclass(annotation, BaseModel | Enum):
            yield annotation
        elif dataclasses.is_dataclass(annotation) and annotation not in _MESSAGES:
            yield annotation
            yield from _classes_in(get_type_hints(annotation).values())
