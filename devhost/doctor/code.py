"""Why there are "0 functions": what the import of `function_app.py` ends in, and which functions a host refuses."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator

from devhost.doctor.finding import Finding, fault, warning
from devhost.doctor.place import Place
from devhost.project.environment import interpreter

_ZERO = "the app has 0 functions and every route answers 404, on devhost, with func start and on Azure alike"
_MISSING_MODULE = re.compile(r"No module named '([\w.]+)'")


def missing_function_app(place: Place) -> Iterator[Finding]:
    """A host looks for `function_app.py` in the app's folder, and for nothing else."""
    if not (place.app_root / "function_app.py").is_file():
        what = f"there is no function_app.py in {place.app_root}, so {_ZERO}"
        yield fault("function-app", what, str(place.app_root), "Name the app's folder with --app-root.")


def syntax_errors(place: Place) -> Iterator[Finding]:
    """Each module that the app imports has to parse; told also where `.venv` is missing."""
    for file in place.imported:
        try:
            ast.parse(file.read_bytes())
        except (SyntaxError, ValueError) as ex:
            text, line = (ex.msg, ex.lineno) if isinstance(ex, SyntaxError) else (str(ex), 1)
            what = f"{place.shown(file)} is no Python ({text}), so {_ZERO}"
            yield fault("syntax", what, f"{place.shown(file)}:{line}", "Put this line right.")


def ignored_imports(place: Place) -> Iterator[Finding]:
    """What `.funcignore` leaves out is not there on Azure."""
    file = place.app_root / ".funcignore"
    if not file.is_file():
        return
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    ignored = {line.strip().strip("/"): number for number, line in enumerate(lines, 1)}
    tops = {path.relative_to(place.app_root).parts[0] for path in place.imported}
    for name in sorted((tops | {"host.json", "requirements.txt"}) & ignored.keys()):
        what = f"the app needs {name}, and .funcignore keeps it from being deployed: on Azure there are 0 functions"
        yield fault("funcignore", what, f".funcignore:{ignored[name]}", "Remove this line.")


def app_not_looked_at(place: Place) -> Iterator[Finding]:
    """Without the packages nothing can be said about the functions."""
    if place.report.unknown is not None and (place.app_root / "function_app.py").is_file():
        what = f"the app was not imported: {place.report.unknown}. Its functions and code are not looked at"
        fix = "python3 dev.py start makes .venv; then ask the doctor again."
        yield warning("not-imported", what, interpreter(place.venv), fix)


def failed_import(place: Place) -> Iterator[Finding]:
    """What the import raises leaves a host with no function at all."""
    failure = place.report.failure
    if failure is None or any(syntax_errors(place)):
        return
    missing = _MISSING_MODULE.search(failure)
    if missing and (place.app_root / missing[1].partition(".")[0]).exists():
        fix = f"{missing[1]} is a folder of the app: is the module's name right, and does it exist?"
    elif missing:
        fix = f"Add the package of {missing[1]!r} to requirements.txt with its version, and run python3 dev.py start."
    else:
        fix = "Put this line right, or the setting that it names. python3 dev.py start shows the whole traceback."
    yield fault(
        "import",
        f"function_app.py cannot be imported, so {_ZERO}: {failure}",
        place.report.line or "function_app.py",
        fix,
    )


def no_functions(place: Place) -> Iterator[Finding]:
    """An app that imports well can still hold nothing."""
    if place.report.functions is not None and not (
        any(place.report.functions.values()) or place.report.unindexed or place.report.refused
    ):
        what = "function_app.py is imported without an error, and registers no function"
        fix = "Decorate functions with the app that function_app.py holds in a variable, or register its blueprints."
        yield fault("no-functions", what, "function_app.py", fix)


def unindexed_functions(place: Place) -> Iterator[Finding]:
    """One function whose parameters do not fit its bindings takes all others with it on Azure."""
    for name, reason in place.report.unindexed:
        what = f"{name!r} cannot be indexed, which leaves the app with 0 functions on Azure and func start: {reason}"
        fix = "Give the function a parameter for each of its bindings, of the same name, and none besides."
        yield fault("unindexed", what, f"the function {name}", fix)


def refused_functions(place: Place) -> Iterator[Finding]:
    """A name or route that the host cannot bind leaves out that one function."""
    for name, reason in place.report.refused:
        yield fault(
            "refused", f"{name!r} is left out by the Functions host: {reason}", f"the function {name}", "Rename it so."
        )


def hidden_functions(place: Place) -> Iterator[Finding]:
    """The Functions host tries routes in the order of the functions' names, whichever fits better."""
    for name, how in place.report.hidden:
        yield warning("hidden", f"the function {name!r} {how}", f"the function {name}", "Give it a route of its own.")


def another_environment(place: Place) -> Iterator[Finding]:
    """`func start` takes the interpreter of the environment that is active."""
    active = place.environ.get("VIRTUAL_ENV")
    if active and os.path.realpath(active) != os.path.realpath(place.venv):
        what = f"another environment is active ({active}): func start takes its packages, not those of {place.venv}"
        yield warning("active-environment", what, "VIRTUAL_ENV (func start)", "Activate .venv before func start.")
