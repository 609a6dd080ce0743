"""The words of a picture: expressions, names and results as they are written into it."""

import ast

from durable_agents.picture.names import Scope

_LONGEST = 60


def short(node: ast.AST) -> str:
    """Return the source of an expression, of a long one the beginning."""
    text = ast.unparse(node.value if isinstance(node, ast.NamedExpr) else node)
    if isinstance(node, ast.Tuple):
        text = text.strip("()")
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def names_of(texts: list[str], value: ast.expr) -> str:
    """Return the names of agents that an expression may be, or the expression."""
    if isinstance(value, ast.Constant):
        return str(value.value)
    return " or ".join(texts) if texts else short(value)


def function_name(value: ast.expr, scope: Scope) -> str:
    """Return the name of an activity or a child as it is given to a step."""
    match value:
        case ast.Constant(value=str(text)):
            return text
        case ast.Name(id=name):
            return scope.module.imports.get(name, ("", name))[1]
        case ast.Attribute(attr=name):
            return name
    return short(value)


def result_in_words(value: ast.expr | None, said: dict[str, str]) -> str:
    """Return in words what is returned: the outcome, where one is told."""
    match value:
        case ast.Name(id=name) if name in said:
            return said[name]
        case ast.Call(func=function):
            return outcome_of(value) or short(function)
    return "done"


def outcome_of(value: ast.expr) -> str:
    """Return the outcome that a result is made with."""
    told = keyword_of(value, "outcome") if isinstance(value, ast.Call) else None
    return str(told.value) if isinstance(told, ast.Constant) else ""


def agreed(one: dict[str, str], other: dict[str, str]) -> dict[str, str]:
    """Return what two paths agree on where they meet."""
    return {name: said for name, said in one.items() if other.get(name) == said}


def keyword_of(call: ast.Call, name: str) -> ast.expr | None:
    """Return the argument that a call gives by this name."""
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)
