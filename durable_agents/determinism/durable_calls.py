"""What orchestrations call by name: activities, agents, children and entities, and whether the app has them."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from durable_agents.determinism.evaluation import Evaluator
from durable_agents.determinism.findings import Finding, shown_path
from durable_agents.determinism.frame import Frame
from durable_agents.determinism.scopes import Scope
from durable_agents.determinism.values import (
    Class,
    ContextMethod,
    Data,
    Function,
    Many,
    Outside,
    OutsideObject,
    Text,
    Value,
    Values,
)

Kind: TypeAlias = Literal["activity", "agent", "orchestration", "entity"]

# By method: what is named, at which place, and by which keywords.
_TYPED: dict[str, tuple[Kind, int, str]] = {
    "ask": ("agent", 0, "agent"),
    "new_session": ("agent", 0, "agent"),
    "call": ("activity", 0, "activity"),
    "run": ("orchestration", 0, "orchestration"),
}
_RAW: dict[str, tuple[Kind, int, str]] = {
    "call_activity": ("activity", 0, "name"),
    "call_activity_with_retry": ("activity", 0, "name"),
    "call_sub_orchestrator": ("orchestration", 0, "name"),
    "call_sub_orchestrator_with_retry": ("orchestration", 0, "name"),
    "call_entity": ("entity", 0, "entityId"),
    "signal_entity": ("entity", 0, "entityId"),
    "get_agent": ("agent", 1, "agent_name"),
}
_FIX: dict[Kind, str] = {
    "activity": "Register it: `app.add_activity(...)`, or `@app.activity_trigger(...)`.",
    "agent": "Add it: `AgentFunctionApp(agents=[...])`.",
    "orchestration": "List it: `AgentFunctionApp(orchestrations=[...])`.",
    "entity": "Register it: `@app.entity_trigger(...)`.",
}
_DECLARE = (
    "Take it from a tuple or a dictionary of the module, or let its field be a `Literal`, so that each choice is "
    "known to be registered."
)


@dataclass(frozen=True, slots=True)
class Registered:
    """The names that an app has, as they are compared: without case. None: nobody knows all of them."""

    activities: frozenset[str] | None = None
    agents: frozenset[str] | None = None
    orchestrations: frozenset[str] | None = None
    entities: frozenset[str] | None = None

    def has(self, kind: Kind, name: str) -> bool:
        """Say whether the app has this, or may have it."""
        names = {
            "activity": self.activities,
            "agent": self.agents,
            "orchestration": self.orchestrations,
            "entity": self.entities,
        }[kind]
        return names is None or name.casefold() in names


@dataclass(frozen=True, slots=True)
class NameUse:
    """A place where something is called by its name, which is what `given` stands for."""

    kind: Kind
    given: ast.expr
    scope: Scope
    frame: Frame


def durable_call(method: ContextMethod, node: ast.Call, scope: Scope, frame: Frame) -> NameUse | None:
    """Return what this call of a context names, if it names something."""
    known = (_TYPED if method.form == "typed" else _RAW).get(method.name)
    if known is None:
        return None
    kind, place, keyword = known
    given = next((one.value for one in node.keywords if one.arg and one.arg.casefold() in _spellings(keyword)), None)
    if (
        given is None
        and len(node.args) > place
        and not any(isinstance(one, ast.Starred) for one in node.args[: place + 1])
    ):
        given = node.args[place]
    return None if given is None else NameUse(kind, given, scope, frame)


def check_names(uses: Iterable[NameUse], registered: Registered, evaluator: Evaluator) -> Iterator[Finding]:
    """Yield where something is called that the app does not have, or that may be anything."""
    for use in uses:
        if use.frame.module.excuses(use.given):
            continue
        values = _names_given(use, evaluator)
        path, line = shown_path(use.frame.module.path), use.given.lineno
        where = f"in `{use.frame.name}`{use.frame.trail}"
        if Data() in values and not (values := _declared(use, evaluator)):
            what = f"`{ast.unparse(use.given)}` {where} names an {use.kind} as the input or an answer says."
            yield Finding(path, line, "undeclared-name", what, _DECLARE)
        for name in sorted({one for value in values for one in _spelt(value)}):
            if not registered.has(use.kind, name):
                what = f"The app has no {use.kind} {name!r}, which is called {where}."
                yield Finding(path, line, f"unknown-{use.kind}", what, _FIX[use.kind])


def _names_given(use: NameUse, evaluator: Evaluator) -> Values:
    values = evaluator.evaluate(use.given, use.scope)
    if use.kind != "entity":
        return values
    found: set[Value] = set()
    for one in values:
        if isinstance(one, OutsideObject) and one.type.endswith(".EntityId") and one.call and one.scope:
            arguments = [*one.call.args[:1], *(each.value for each in one.call.keywords if each.arg == "name")]
            found.update(value for argument in arguments for value in evaluator.evaluate(argument, one.scope))
    return frozenset(found)


def _declared(use: NameUse, evaluator: Evaluator) -> Values:
    """Return the texts that the name is compared with, by `in`, in the same function."""
    wanted, found = ast.unparse(use.given), set[Value]()
    for node in ast.walk(use.frame.scope.node):
        if (
            isinstance(node, ast.Compare)
            and isinstance(node.ops[0], ast.In | ast.NotIn)
            and ast.unparse(node.left) == wanted
        ):
            for many in evaluator.evaluate(node.comparators[0], use.scope):
                if isinstance(many, Many):
                    items = many.items if many.keys is None else many.keys
                    found.update(one for item in items for one in item)
    return frozenset(one for one in found if isinstance(one, Text))


def _spelt(value: Value) -> Iterator[str]:
    match value:
        case Text(text=text):
            yield text
        case Function() if value.name.isidentifier():
            yield registered_name(value)
        case Class(node=node):
            yield node.name
        case Outside(name=name) if name.startswith("durable_agents."):
            yield name.rpartition(".")[2]


def registered_name(function: Function) -> str:
    """Return the name under which a decorator registers a function: its own, if the decorator does not say another."""
    decorators = [] if isinstance(function.node, ast.Lambda) else function.node.decorator_list
    for one in decorators:
        if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute):
            given = [each.value for each in one.keywords if each.arg in {"activity", "orchestration", "entity_name"}]
            given += one.args[:1] if one.func.attr == "function_name" else []
            for value in given:
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    return value.value
    return function.name


def _spellings(keyword: str) -> set[str]:
    return {keyword.casefold(), "entity_id"} if keyword == "entityId" else {keyword}
