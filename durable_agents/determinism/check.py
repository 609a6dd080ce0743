"""Checks the orchestrations of an app: those that it registers when it starts, or those in the files of a folder."""

import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from durable_agents.determinism.durable_calls import Registered, check_names
from durable_agents.determinism.evaluation import Evaluator
from durable_agents.determinism.findings import DeterminismError, Finding, Form
from durable_agents.determinism.modules import Module, Modules
from durable_agents.determinism.registrations import Registrations
from durable_agents.determinism.scopes import FUNCTIONS, scoped
from durable_agents.determinism.values import Context, Function
from durable_agents.determinism.walk import Walk

_LIBRARIES = {"durable_agents", "devhost"}


def check_functions(functions: Iterable[Callable[..., Any]], registered: Registered) -> None:
    """Refuse orchestrations that may do something else when they are replayed.

    They are looked at in their sources; of one without, as of one that was typed into a prompt, nothing is said.

    Raises:
        DeterminismError: Some may; the error has every line.
    """
    evaluator = Evaluator(Modules(sys.path))
    found = [one for one in (_find(function, evaluator) for function in functions) if one is not None]
    if findings := _check(found, registered, evaluator):
        raise DeterminismError(findings)


def check_folder(folder: Path) -> list[Finding]:
    """Return what is wrong with the orchestrations in the files of an app's folder, in their order.

    Its tests, hidden folders, apps inside of it (folders with a `function_app.py` of their own) and the two libraries
    are left out.
    """
    modules = Modules([folder, *sys.path])
    evaluator = Evaluator(modules)
    read = [module for path in _files(folder) if (module := modules.read(path)) is not None]
    registrations = Registrations(read, evaluator)
    return sorted(_check(registrations.orchestrations, registrations.registered, evaluator))


def _check(found: Iterable[tuple[Function, Form]], registered: Registered, evaluator: Evaluator) -> set[Finding]:
    walk = Walk(evaluator)
    for function, form in found:
        # What is nested deeper than Python itself goes is not looked at.
        with suppress(RecursionError):
            walk.start(function, form)
    evaluator.forget()
    return walk.findings | set(check_names(walk.names, registered, evaluator))


def _find(function: Callable[..., Any], evaluator: Evaluator) -> tuple[Function, Form] | None:
    """Return where an orchestration stands in its source, or None where there is none."""
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(function)
    code = getattr(function, "__code__", None)
    if code is None or (getattr(function, "__module__", "").startswith("durable_agents.") and not _is_test(function)):
        return None
    module = evaluator.modules.read(Path(code.co_filename)) if os.path.isfile(code.co_filename) else None
    return None if module is None else _stands_at(module, code, evaluator)


def _stands_at(module: Module, code: Any, evaluator: Evaluator) -> tuple[Function, Form] | None:
    for node, scope in scoped(module.tree, evaluator.scope_of(module)):
        if not isinstance(node, FUNCTIONS):
            continue
        first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))])
        if first == code.co_firstlineno and getattr(node, "name", "<lambda>") == code.co_name:
            return Function(node, scope), _form_of(Function(node, scope), evaluator)
    return None


def _form_of(function: Function, evaluator: Evaluator) -> Form:
    parameters = [*function.node.args.posonlyargs, *function.node.args.args]
    if parameters and parameters[0].annotation is not None:
        for one in evaluator.annotations.instances(parameters[0].annotation, function.scope):
            if isinstance(one, Context):
                return one.form
    return "raw"


def _is_test(function: Callable[..., Any]) -> bool:
    return function.__module__.startswith("durable_agents.tests.")


def _files(folder: Path) -> Iterator[Path]:
    for place, names, files in os.walk(folder):
        here = Path(place)
        names[:] = sorted(name for name in names if _is_of_the_app(here / name, folder))
        yield from (here / name for name in sorted(files) if name.endswith(".py"))


def _is_of_the_app(place: Path, folder: Path) -> bool:
    if place.name.startswith(".") or place.name in {"tests", "__pycache__", "node_modules"}:
        return False
    if place.parent == folder and place.name in _LIBRARIES:
        return False
    return not (place / "function_app.py").is_file() and not (place / "pyvenv.cfg").is_file()
