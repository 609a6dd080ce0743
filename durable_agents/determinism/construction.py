"""What runs when an object of a class of the project is made: its own methods, validators, and defaults of fields."""

import ast
from collections.abc import Iterator

from durable_agents.determinism.evaluation import Evaluator
from durable_agents.determinism.scopes import Scope
from durable_agents.determinism.values import Class, Function

_METHODS = {"__init__", "__new__", "__post_init__", "model_post_init"}
_VALIDATORS = {"field_validator", "model_validator", "validator", "root_validator"}


def methods_of_construction(owner: Class) -> Iterator[Function]:
    """Yield the methods of a class that run when an object is made."""
    for method in _methods(owner):
        if method.name in _METHODS:
            yield method


def validators(owner: Class, evaluator: Evaluator) -> Iterator[Function]:
    """Yield the functions of the project by which a pydantic model checks its input."""
    for method in _methods(owner):
        assert not isinstance(method.node, ast.Lambda)
        names = {_name(one.func if isinstance(one, ast.Call) else one) for one in method.node.decorator_list}
        if names & _VALIDATORS or method.name == "model_post_init":
            yield method
    inner = owner.scope.inner(owner.node)
    for statement in owner.node.body:
        if isinstance(statement, ast.AnnAssign):
            yield from _in_annotation(statement.annotation, inner, evaluator)


def factories(owner: Class, call: ast.Call) -> Iterator[tuple[ast.expr, bool]]:
    """Yield what fills the fields that this call leaves out, and whether that is called then, or was made at import."""
    if any(one.arg is None for one in call.keywords) or any(isinstance(one, ast.Starred) for one in call.args):
        return
    given, place = {one.arg for one in call.keywords}, 0
    for statement in owner.node.body:
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        place += 1
        value = statement.value
        if statement.target.id in given or place <= len(call.args) or value is None:
            continue
        if isinstance(value, ast.Call) and _name(value.func) in {"Field", "field", "PrivateAttr"}:
            yield from ((one.value, True) for one in value.keywords if one.arg == "default_factory")
            yield from ((one.value, False) for one in value.keywords if one.arg == "default")
        elif not isinstance(value, ast.Constant):
            yield value, False


def _methods(owner: Class) -> Iterator[Function]:
    inner = owner.scope.inner(owner.node)
    for node in owner.node.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield Function(node, inner, owner)


def _in_annotation(annotation: ast.expr, scope: Scope, evaluator: Evaluator) -> Iterator[Function]:
    """Yield the functions in `Annotated[..., AfterValidator(check)]`, also behind a name of the module."""
    for node in ast.walk(annotation):
        if isinstance(node, ast.Call):
            for argument in node.args:
                yield from (one for one in evaluator.evaluate(argument, scope) if isinstance(one, Function))
        elif isinstance(node, ast.Name) and (owner := scope.owner(node.id)) is not None:
            for binding in owner.names[node.id]:
                if binding.how == "value" and isinstance(binding.node, ast.Subscript):
                    yield from _in_annotation(binding.node, binding.scope, evaluator)


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
