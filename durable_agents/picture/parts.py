"""Which functions of a module are parts of an orchestration, and which steps are given together."""

import ast
from collections.abc import Iterator

from durable_agents.picture.names import Scope
from durable_agents.picture.words import short

STEPS = {"ask", "call", "run", "wait_for", "approve", "sleep", "all", "first", "continue_as_new"}


def branches_of(steps: ast.expr, scope: Scope) -> Iterator[tuple[ast.expr, Scope, str]]:
    """Yield the steps that are given together, and for which each of them is made."""
    steps, scope = scope.resolved(steps)
    match steps:
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            for item in items:
                if isinstance(item, ast.Starred):
                    yield from branches_of(item.value, scope)
                else:
                    yield item, scope, ""
        case ast.ListComp(elt=item, generators=loops) | ast.GeneratorExp(elt=item, generators=loops):
            inner = Scope(scope.module, scope.context, dict(scope.bound))
            for loop in loops:
                inner.bind(loop.target, loop.iter, scope)
            yield item, inner, "for each " + ", ".join(f"{short(one.target)} in {short(one.iter)}" for one in loops)
        case ast.BinOp(left=left, right=right):
            yield from branches_of(left, scope)
            yield from branches_of(right, scope)
        case _:
            yield steps, scope, ""


def makes_steps(function: ast.FunctionDef) -> bool:
    """Say whether a function makes steps of its context, or waits for some."""
    context = context_of(function)
    for node in ast.walk(function):
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr=kind) if name == context and kind in STEPS:
                return True
            case ast.YieldFrom():
                return True
    return False


def is_generator(function: ast.FunctionDef) -> bool:
    """Say whether a function waits for the steps that it makes."""
    return any(isinstance(node, ast.YieldFrom | ast.Yield) for node in ast.walk(function))


def context_of(function: ast.FunctionDef) -> str:
    """Return the name of the parameter that is the context."""
    parameters = function.args.args
    annotated = [one.arg for one in parameters if one.annotation and "Context" in ast.unparse(one.annotation)]
    return [*annotated, *(one.arg for one in parameters), ""][0]


def pairs_of(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield what each name of an assignment is given."""
    match target, value:
        case ast.Tuple(elts=targets), ast.Tuple(elts=values) if len(targets) == len(values):
            yield from zip(targets, values, strict=True)
        case _:
            yield target, value
