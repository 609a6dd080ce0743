"""Models of what a graph declares: what its first executor takes, and what it asks humans for.

A pydantic model is its own; any other type is read by a root model around it.
"""

import json
from collections.abc import Callable, Iterable
from functools import cache, reduce
from operator import or_
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from agent_framework import AgentExecutorRequest, Message
from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainValidator, RootModel, WithJsonSchema, create_model

_STRICT = (bool, int, float, str)


class _Around:
    """Marks the root models of this module: what they have read is their content."""


def _as_text(value: Any) -> Any:
    """Return JSON that is no text as its text: who takes a text gets what was sent."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _read_message(value: Any) -> Message:
    return Message("user", [value]) if isinstance(value, str) else Message.from_dict(value)


def _read_agent_request(value: Any) -> AgentExecutorRequest:
    if isinstance(value, str):
        return AgentExecutorRequest(messages=[_read_message(value)])
    return AgentExecutorRequest(
        messages=[Message.from_dict(message) for message in value["messages"]],
        should_respond=bool(value.get("should_respond", True)),
    )


def _read_by(read: Callable[[Any], Any]) -> Any:
    """Return the annotation of one of the framework's classes, which pydantic does not know."""

    def check(value: Any) -> Any:
        try:
            return read(value)
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError("expected a text, or the JSON of the framework's class") from error

    return Annotated[Any, PlainValidator(check), WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "object"}]})]


_OF_THE_FRAMEWORK = {Message: _read_by(_read_message), AgentExecutorRequest: _read_by(_read_agent_request)}
AgentText = Annotated[str, BeforeValidator(_as_text), WithJsonSchema({})]
"""What begins a graph whose first executor takes a text, as an agent does: a text, or any JSON as its text."""


def input_model(types: Iterable[Any]) -> type[BaseModel]:
    """Return the model of an input that is one of these types.

    Raises:
        ValueError: There is none, or pydantic cannot read one of them.
    """
    annotations = list(types)
    if len(annotations) == 1 and _is_model(annotations[0]):
        model: type[BaseModel] = annotations[0]
        return model
    if not annotations:
        raise ValueError("nothing")
    readable = [AgentText] if annotations == [str] else [_readable(one) for one in annotations]
    return _root_model("WorkflowInput", reduce(or_, readable))


def answer_models(annotation: Any) -> dict[str, type[BaseModel]]:
    """Return the models of the answers of this type, by `module:class`, as requests name them.

    Raises:
        ValueError: pydantic cannot read one of them.
    """
    if get_origin(annotation) in (Union, UnionType):
        members = (member for member in get_args(annotation) if member is not NoneType)
        return {name: model for member in members for name, model in answer_models(member).items()}
    name = getattr(annotation, "__name__", str(annotation))
    return {f"{annotation.__module__}:{name}": annotation if _is_model(annotation) else _answer_model(name, annotation)}


def value_of(read: BaseModel) -> Any:
    """Return what a model of this module has read."""
    return read.root if isinstance(read, RootModel) and isinstance(read, _Around) else read


@cache
def _answer_model(name: str, annotation: Any) -> type[BaseModel]:
    return _root_model(f"{name.capitalize()}Answer", annotation, strict=annotation in _STRICT)


def _root_model(name: str, annotation: Any, *, strict: bool = False) -> type[BaseModel]:
    try:
        # Text that looks like a truth value is none.
        root: Any = type(name, (_Around, RootModel[annotation]), {"model_config": ConfigDict(strict=strict)})
        root.model_json_schema()
    except Exception as error:
        raise ValueError(str(getattr(annotation, "__name__", annotation))) from error
    model: type[BaseModel] = create_model(name, __base__=root)
    return model


def _readable(annotation: Any) -> Any:
    if annotation in _OF_THE_FRAMEWORK:
        return _OF_THE_FRAMEWORK[annotation]
    if get_origin(annotation) is list:
        (item,) = get_args(annotation)
        return list[_readable(item)]  # type: ignore[misc]  # made as the program runs
    if get_origin(annotation) in (Union, UnionType):
        return reduce(or_, [_readable(member) for member in get_args(annotation)])
    return annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and not get_args(annotation) and issubclass(annotation, BaseModel)
