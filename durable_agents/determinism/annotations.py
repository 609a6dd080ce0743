"""Tells from an annotation what a value is."""

import ast
from typing import Protocol

from durable_agents.determinism.scopes import Scope
from durable_agents.determinism.values import (
    DATA,
    NOTHING,
    Class,
    Context,
    Many,
    Object,
    Outside,
    OutsideObject,
    Step,
    Text,
    Value,
    Values,
    either,
)

_SEQUENCES = {"list", "List", "Sequence", "Iterable", "Collection", "set", "frozenset", "Set", "Iterator", "deque"}
_MAPPINGS = {"dict", "Dict", "Mapping", "MutableMapping", "defaultdict"}
_CONTEXTS = {"OrchestrationContext": "typed", "DurableOrchestrationContext": "raw"}


class _Evaluates(Protocol):
    def evaluate(self, node: ast.AST, scope: Scope) -> Values: ...


class Annotations:
    """Reads annotations with the help of what tells what names stand for."""

    def __init__(self, evaluator: _Evaluates) -> None:
        self._evaluator = evaluator

    def instances(
        self, node: ast.AST, scope: Scope, *, is_data: bool = False, receiver: Class | None = None, depth: int = 0
    ) -> Values:
        """Return what something with this annotation may be; `is_data` if it came from outside of the run."""

        def inner(one: ast.AST, where: Scope = scope) -> Values:
            return self.instances(one, where, is_data=is_data, receiver=receiver, depth=depth + 1)

        if depth > 20:
            return NOTHING
        match node:
            case ast.Constant(value=str(text)):
                try:
                    return inner(ast.parse(text, mode="eval").body)
                except SyntaxError:
                    return NOTHING
            case ast.BinOp(op=ast.BitOr(), left=left, right=right):
                return inner(left) | inner(right)
            case ast.Subscript(value=owner, slice=argument):
                arguments = argument.elts if isinstance(argument, ast.Tuple) else [argument]
                return self._generic(_last_name(owner), owner, arguments, inner)
            case ast.Name(id="Self") if receiver is not None:
                return frozenset({Object(receiver, is_data)})
            case ast.Name(id=name) if (alias := _alias(name, scope)) is not None:
                return inner(*alias)
            case ast.Name() | ast.Attribute():
                return self._of(self._evaluator.evaluate(node, scope), is_data)
        return NOTHING

    def made(self, models: Values) -> Values:
        """Return what the library makes of an answer or an event for one of these models."""
        return self._of(models, True) or DATA

    def _of(self, classes: Values, is_data: bool) -> Values:
        found: set[Value] = set()
        for one in classes:
            if isinstance(one, Class):
                found.add(Object(one, is_data))
            elif isinstance(one, Outside):
                found |= _outside(one.name, is_data)
        return frozenset(found)

    def _generic(self, name: str, owner: ast.expr, arguments: list[ast.expr], inner: "_Inner") -> Values:
        if name in {"Annotated", "Required", "NotRequired", "Final", "ClassVar", "Optional"}:
            return inner(arguments[0])
        if name == "Union":
            return either(map(inner, arguments))
        if name == "Literal":
            return frozenset(Text(one.value) for one in arguments if _is_text(one))  # type: ignore[attr-defined]  # a Constant
        if name in _SEQUENCES:
            return frozenset({Many((inner(arguments[0]),))})
        if name in {"tuple", "Tuple"}:
            return frozenset({Many(tuple(map(inner, arguments)))})
        if name in _MAPPINGS:
            return frozenset({Many((inner(arguments[-1]),), (inner(arguments[0]),))})
        if name in {"Steps", "Step", "Generator"}:
            return frozenset({Step(inner(arguments[-1]))})
        if name in {"type", "Type", "Callable"}:
            return NOTHING
        return inner(owner)


class _Inner(Protocol):
    def __call__(self, one: ast.AST, where: Scope = ...) -> Values: ...


def _outside(name: str, is_data: bool) -> Values:
    last = name.rpartition(".")[2]
    if last in _CONTEXTS:
        return frozenset({Context("typed" if _CONTEXTS[last] == "typed" else "raw")})
    if name.startswith("builtins.") or last in {"Any", "object", "JsonValue"}:
        return DATA if is_data else NOTHING
    return frozenset({OutsideObject(name)})


def _alias(name: str, scope: Scope) -> tuple[ast.AST, Scope] | None:
    """Return what a name of the module, such as `Score = Annotated[...]`, stands for."""
    owner = scope.owner(name)
    bindings = [] if owner is None else owner.names[name]
    if len(bindings) == 1 and bindings[0].how == "value" and isinstance(bindings[0].node, ast.Subscript | ast.BinOp):
        return bindings[0].node, bindings[0].scope
    return None


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
