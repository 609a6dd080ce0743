"""Checks the orchestrations that an app registers, when it starts."""

import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from pathlib import Path
from types import CodeType
from typing import Any

from durable_agents.determinism.check import Orchestrated, check
from durable_agents.determinism.durable_calls import Registered
from durable_agents.determinism.evaluation import Evaluator
from durable_agents.determinism.findings import DeterminismError, Form
from durable_agents.determinism.modules import Module, Modules, is_of_this_library
from durable_agents.determinism.scopes import FUNCTIONS, scoped
from durable_agents.determinism.values import Context, Function, known


def check_functions(functions: Iterable[tuple[Callable[..., Any], Mapping[str, Any]]], registered: Registered) -> None:
    """Refuse orchestrations that may do something else when they are replayed.

    Each comes with the fields of its input that only the deployment sets. They are looked at in their sources; of one
    without, as of one that was typed into a prompt, nothing is said.

    Raises:
        DeterminismError: Some may; the error has every line.
    """
    evaluator = Evaluator(Modules(sys.path))
    found = (_find(function, fixed, evaluator) for function, fixed in functions)
    if findings := check([one for one in found if one is not None], registered, evaluator):
        raise DeterminismError(findings)


def _find(function: Callable[..., Any], fixed: Mapping[str, Any], evaluator: Evaluator) -> Orchestrated | None:
    """Return where an orchestration stands in its source, or None where there is none."""
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(function)
    code = getattr(function, "__code__", None)
    if code is None or is_of_this_library(function.__module__) or not os.path.isfile(code.co_filename):
        return None
    module = evaluator.modules.read(Path(code.co_filename))
    found = None if module is None else _stands_at(module, code, evaluator)
    if found is None:
        return None
    return found, _form_of(found, evaluator), tuple((name, known(value)) for name, value in fixed.items())


def _stands_at(module: Module, code: CodeType, evaluator: Evaluator) -> Function | None:
    root = evaluator.scope_of(module)
    # Most stand in the module itself.
    for node, scope in chain(((one, root) for one in module.tree.body), scoped(module.tree, root)):
        if isinstance(node, FUNCTIONS) and getattr(node, "name", "<lambda>") == code.co_name:
            first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))])
            if first == code.co_firstlineno:
                return Function(node, scope)
    return None


def _form_of(function: Function, evaluator: Evaluator) -> Form:
    parameters = [*function.node.args.posonlyargs, *function.node.args.args]
    if parameters and parameters[0].annotation is not None:
        for one in evaluator.annotations.instances(parameters[0].annotation, function.scope):
            if isinstance(one, Context):
                return one.form
    return "raw"
