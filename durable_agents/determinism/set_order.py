"""Sets have another order in each process, so steps must not be made in it."""

import ast

from durable_agents.determinism.evaluation import Evaluator
from durable_agents.determinism.scopes import Scope
from durable_agents.determinism.values import ContextMethod, Outside, Value

_MAKERS = {Outside("builtins.set"), Outside("builtins.frozenset")}


def is_set(node: ast.AST, scope: Scope, evaluator: Evaluator) -> bool:
    """Say whether an expression is a set for sure: it stands there, or in what its name was given."""
    if isinstance(node, ast.Name):
        owner = scope.owner(node.id)
        bindings = [] if owner is None else owner.names[node.id]
        return bool(bindings) and all(
            one.how == "value" and not isinstance(one.node, ast.Name) and is_set(one.node, one.scope, evaluator)
            for one in bindings
        )
    if isinstance(node, ast.Call):
        return bool(evaluator.evaluate(node.func, scope) & _MAKERS)
    return isinstance(node, ast.Set | ast.SetComp)


def makes_steps(body: ast.AST, scope: Scope, evaluator: Evaluator) -> bool:
    """Say whether a loop's body waits, or makes something to wait for."""
    for node in ast.walk(body):
        if isinstance(node, ast.Yield | ast.YieldFrom):
            return True
        if isinstance(node, ast.Call) and any(map(_is_of_a_context, evaluator.evaluate(node.func, scope))):
            return True
    return False


def _is_of_a_context(value: Value) -> bool:
    return isinstance(value, ContextMethod)
