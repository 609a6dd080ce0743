"""The app as it is on disk: its functions, where they are served, and which are not served and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from devhost.functions import Function, FunctionTable, Refused, TriggerType, host_rules
from devhost.routing.router import Route, in_host_order
from devhost.routing.template import RouteTemplateError
from devhost.timer_functions import Schedule, read_schedules
from devhost.web.mcp_tools import Tool, read_tools
from devhost.worker import Worker


@dataclass(frozen=True, slots=True)
class App:
    """An app that was loaded. `unindexed` are the functions that leave the app with none at all on Azure."""

    functions: FunctionTable
    routes: tuple[Route, ...]
    schedules: list[Schedule]
    tools: list[Tool]
    unindexed: tuple[Refused, ...]
    refused: tuple[Refused, ...]


def load_app(worker: Worker, app_root: Path, route_prefix: str, environ: Mapping[str, str]) -> App:
    """Import and index the app under a folder.

    Raises:
        AppLoadError: function_app.py cannot be loaded.
    """
    indexed, unindexed = worker.index(app_root)
    allowed, forbidden = host_rules(indexed)
    routes, misrouted = _routes(allowed, route_prefix)
    schedules, mistimed = read_schedules(allowed, environ)
    tools, misdeclared = read_tools(allowed)
    unusable = (*misrouted, *mistimed, *misdeclared)
    names = {wrong.name for wrong in unusable}
    functions = FunctionTable(one for one in allowed if one.name not in names)
    return App(functions, tuple(routes), schedules, tools, tuple(unindexed), (*forbidden, *unusable))


def _routes(functions: Iterable[Function], prefix: str) -> tuple[list[Route], list[Refused]]:
    routes: list[Route] = []
    refused: list[Refused] = []
    for function in functions:
        if function.trigger_type != TriggerType.HTTP:
            continue
        try:
            routes.append(Route.of_function(function.name, function.route, function.methods, prefix))
        except RouteTemplateError as ex:
            refused.append(Refused(function.name, str(ex)))
    return in_host_order(routes), refused
