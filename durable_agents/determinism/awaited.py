"""What the context of an orchestration gives, and what comes of waiting for that."""

import ast
from collections.abc import Iterable
from typing import Protocol

from durable_agents.determinism.annotations import Annotations
from durable_agents.determinism.scopes import Scope
from durable_agents.determinism.values import (
    DATA,
    NOTHING,
    ContextMethod,
    DurableAgent,
    Function,
    Many,
    Object,
    Step,
    Value,
    Values,
    either,
)


class _Evaluates(Protocol):
    annotations: Annotations

    def evaluate(self, node: ast.AST, scope: Scope) -> Values: ...

    def returned(self, function: Function) -> Values: ...


class Awaited:
    """Knows the methods of contexts, with the help of what tells what expressions stand for."""

    def __init__(self, evaluator: _Evaluates) -> None:
        self._evaluator = evaluator

    def step(self, method: ContextMethod, node: ast.Call, scope: Scope) -> Iterable[Value]:
        """Return what a call of a method of the context gives."""
        if method.form == "raw":
            return [DurableAgent()] if method.name == "get_agent" else DATA if method.name == "get_input" else NOTHING
        given = [self._evaluator.evaluate(one, scope) for one in node.args]
        match method.name:
            case "ask" | "wait_for":
                place = 2 if method.name == "ask" else 1
                named = [one.value for one in node.keywords if one.arg in {"answer_model", "model"}]
                model = (
                    given[place]
                    if len(given) > place
                    else either(self._evaluator.evaluate(one, scope) for one in named)
                )
                return [Step(self._evaluator.annotations.made(model))]
            case "call" | "run" if given:
                return [
                    Step(
                        _as_data(either(self._evaluator.returned(one) for one in given[0] if isinstance(one, Function)))
                    )
                ]
            case "all" if given:
                return [
                    Step(frozenset(Many(tuple(map(results, one.items))) for one in given[0] if isinstance(one, Many)))
                ]
            case "first":
                return [Step(DATA)]
        return NOTHING

    def result(self, node: ast.AST, value: ast.expr, scope: Scope) -> Values:
        """Return what `yield` or `yield from` gives; what comes of a raw task is data from outside."""
        values = self._evaluator.evaluate(value, scope)
        if any(isinstance(one, Step) for one in values):
            return results(values)
        return DATA if isinstance(node, ast.Yield) else NOTHING


def results(values: Values) -> Values:
    """Return what comes of waiting for these."""
    return either(one.result for one in values if isinstance(one, Step))


def _as_data(values: Values) -> Values:
    """Return what a step brings from elsewhere."""
    unwrapped = [inner for one in values for inner in (one.result if isinstance(one, Step) else [one])]
    return frozenset(Object(one.type, True) if isinstance(one, Object) else one for one in unwrapped)
