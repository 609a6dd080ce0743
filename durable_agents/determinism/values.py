"""What an expression may stand for, as far as that can be told without running it."""

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from durable_agents.determinism.findings import Form
from durable_agents.determinism.modules import Module
from durable_agents.determinism.scopes import FunctionNode, Scope


@dataclass(frozen=True, slots=True)
class Outside:
    """Something that is no part of the project, by its full name: `time`, `time.monotonic`, `builtins.open`."""

    name: str


@dataclass(frozen=True, slots=True)
class OutsideObject:
    """An instance of a class that is no part of the project; `call` is what made it, where that is known."""

    type: str
    call: ast.Call | None = None
    scope: Scope | None = None


@dataclass(frozen=True, slots=True)
class ProjectModule:
    """A module of the project."""

    module: Module


@dataclass(frozen=True, slots=True)
class ProjectPackage:
    """A folder of the project without an `__init__.py`."""

    name: str


@dataclass(frozen=True, slots=True)
class Class:
    """A class of the project, and the scope that it stands in."""

    node: ast.ClassDef
    scope: Scope


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the project, and the scope that it stands in; `receiver` is the class it was taken from."""

    node: FunctionNode
    scope: Scope
    receiver: Class | None = None

    @property
    def name(self) -> str:
        """Its name."""
        return "a lambda" if isinstance(self.node, ast.Lambda) else self.node.name


@dataclass(frozen=True, slots=True)
class Object:
    """An instance of a class of the project; `is_data` if its content came from outside of the run.

    `fixed` are fields whose values the deployment says.
    """

    type: Class
    is_data: bool = False
    fixed: "tuple[tuple[str, Values], ...]" = ()


@dataclass(frozen=True, slots=True)
class Text:
    """A text that stands in the code."""

    text: str


@dataclass(frozen=True, slots=True)
class Many:
    """A list, tuple, set or dictionary: what its elements, or its values, may be."""

    items: "tuple[Values, ...]"
    keys: "tuple[Values, ...] | None" = None

    @property
    def every(self) -> "Values":
        """What any of its elements may be."""
        return either(self.items)


@dataclass(frozen=True, slots=True)
class Context:
    """The context of an orchestration."""

    form: Form


@dataclass(frozen=True, slots=True)
class ContextMethod:
    """Something of a context, or `get_agent` of the app."""

    form: Form
    name: str


@dataclass(frozen=True, slots=True)
class Step:
    """What an orchestration waits for, and what comes of that."""

    result: "Values"


@dataclass(frozen=True, slots=True)
class DurableAgent:
    """An agent that a run asks by way of the task hub."""


@dataclass(frozen=True, slots=True)
class Data:
    """What came from outside of the run: its input, an answer, an event."""


Value: TypeAlias = (
    Outside
    | OutsideObject
    | ProjectModule
    | ProjectPackage
    | Class
    | Function
    | Object
    | Text
    | Many
    | Context
    | ContextMethod
    | Step
    | DurableAgent
    | Data
)
Values: TypeAlias = frozenset[Value]
"""All that something may be. Empty: nothing is known of it, and nothing is said about it."""

Fixed: TypeAlias = tuple[tuple[str, Values], ...]
"""The fields of an input that only the deployment sets, and what it sets them to."""

NOTHING: Values = frozenset()
DATA: Values = frozenset({Data()})


def known(value: object) -> Values:
    """Return what a value is that the app was given when it started."""
    match value:
        case str():
            return frozenset({Text(value)})
        case list() | tuple() | set() | frozenset():
            return frozenset({Many(tuple(map(known, value)))})
        case dict():
            return frozenset({Many(tuple(map(known, value.values())), tuple(map(known, value)))})
    return NOTHING


def either(many: Iterable[Values]) -> Values:
    """Return all that one of these may be."""
    return frozenset(value for values in many for value in values)
