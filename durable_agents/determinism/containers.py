"""What is in lists, tuples and dictionaries."""

import ast
from collections.abc import Iterable, Iterator
from typing import Protocol

from durable_agents.determinism.scopes import Scope
from durable_agents.determinism.values import (
    DATA,
    NOTHING,
    Class,
    Data,
    Many,
    Outside,
    OutsideObject,
    Value,
    Values,
    either,
)


class _Evaluates(Protocol):
    def evaluate(self, node: ast.AST, scope: Scope) -> Values: ...


class Containers:
    """Reads what makes containers and what takes from them, with the help of what tells what expressions stand for."""

    def __init__(self, evaluator: _Evaluates) -> None:
        self._evaluator = evaluator

    def unpacked(self, elements: Iterable[ast.expr], scope: Scope) -> Iterator[Values]:
        """Yield what the elements of a list or tuple may be."""
        for element in elements:
            values = self._evaluator.evaluate(element, scope)
            many = [one for one in values if isinstance(one, Many)]
            if isinstance(element, ast.Starred) and many:
                yield from (inner for one in many for inner in one.items)
            else:
                yield NOTHING if isinstance(element, ast.Starred) else values

    def dictionary(self, keys: list[ast.expr | None], values: list[ast.expr], scope: Scope) -> Many:
        """Return what a dictionary holds; a key of None stands for another dictionary that is put in."""
        found_keys: list[Values] = []
        found: list[Values] = []
        for key, value in zip(keys, values, strict=True):
            inner = self._evaluator.evaluate(value, scope)
            if key is not None:
                found_keys.append(self._evaluator.evaluate(key, scope))
                found.append(inner)
                continue
            for one in inner:
                if isinstance(one, Many) and one.keys is not None:
                    found_keys += one.keys
                    found += one.items
        return Many(tuple(found), tuple(found_keys))

    def of_dictionary(self, owners: Values, method: str, node: ast.Call, scope: Scope) -> Iterable[Value]:
        """Return what `get`, `keys`, `values`, `items` or `copy` of a dictionary gives."""
        if method == "copy":
            return owners
        many = [one for one in owners if isinstance(one, Many)]
        values, keys = either(one.every for one in many), either(key for one in many for key in one.keys or ())
        if method == "get":
            return values | either(self._evaluator.evaluate(one, scope) for one in node.args[1:])
        pair: Values = frozenset({Many((keys, values))})
        return [Many(({"values": values, "keys": keys}.get(method, pair),))]

    def subscript(self, owners: Values, key: ast.expr, scope: Scope) -> Values:
        """Return what stands at a key."""
        wanted = self._evaluator.evaluate(key, scope) if isinstance(key, ast.Constant) else None
        return either(_at(one, key, wanted) for one in owners)


def elements(values: Values) -> Values:
    """Return what going through these gives."""
    return either(_each(one) for one in values)


def item(values: Values, index: int) -> Values:
    """Return what stands at a place in these."""
    found: set[Value] = set()
    for one in values:
        if isinstance(one, Many):
            exact = one.keys is None and len(one.items) > 1 and -len(one.items) <= index < len(one.items)
            found |= one.items[index] if exact else one.every
        elif isinstance(one, Data):
            found.add(one)
    return frozenset(found)


def combined(left: Values, right: Values) -> Iterable[Value]:
    """Return what an operator makes of two: of lists a list, of a path and a name a path."""
    if many := [one for one in (*left, *right) if isinstance(one, Many)]:
        return [Many(tuple(inner for one in many for inner in one.items))]
    if any(isinstance(one, OutsideObject) and one.type == "pathlib.Path" for one in left):
        return [OutsideObject("pathlib.Path")]
    return DATA if Data() in left | right else NOTHING


def _each(value: Value) -> Values:
    if isinstance(value, Many):
        return value.every if value.keys is None else either(value.keys)
    return DATA if isinstance(value, Data) else NOTHING


def _at(value: Value, key: ast.expr, wanted: Values | None) -> Values:
    if isinstance(value, Many) and value.keys is not None:
        if wanted and len(value.keys) == len(value.items):
            exact = [one for name, one in zip(value.keys, value.items, strict=True) if name == wanted]
            return exact[-1] if exact else value.every
        return value.every
    if isinstance(value, Many):
        return frozenset({value}) if isinstance(key, ast.Slice) else value.every
    return frozenset({value}) if isinstance(value, Outside | Class | Data) else NOTHING
