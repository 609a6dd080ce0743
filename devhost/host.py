"""The host: a task hub, an app and an HTTP server, put together."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from devhost import fast_timestamps
from devhost.app_settings import HostSettings, load_host_settings, load_local_settings
from devhost.clock import Clock, SystemClock
from devhost.engine.engine import Engine
from devhost.engine.schedule import TimerFunctions, read_schedules
from devhost.functions import Function, FunctionTable, Refused, TriggerType, host_rules
from devhost.hub.lock import HubLock
from devhost.hub.store import TaskHub
from devhost.protocol.client_binding import ClientBinding
from devhost.routing.router import Route, Router, in_host_order
from devhost.routing.template import RouteTemplateError
from devhost.sessions import Mode
from devhost.web.http_functions import HttpFunctions
from devhost.web.management import ManagementApi
from devhost.web.mcp import McpApi
from devhost.web.mcp_tools import read_tools
from devhost.web.server import Server, listen
from devhost.worker import Worker

_GRACE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Options:
    """How to run the host. Without `hub_path` the task hub is in memory only; port 0 takes any free one.

    `mode` says whether orchestrators stay alive between turns, `fast_timestamps` whether the SDK's reading of times is
    replaced by a faster one.
    """

    app_root: Path
    hub_path: Path | None
    host: str = "127.0.0.1"
    port: int = 7071
    mode: Mode = Mode.LIVE
    fast_timestamps: bool = True


@dataclass(frozen=True, slots=True)
class RunningHost:
    """A host that serves: where, what, what not and why, and how much work it found to go on with."""

    base_url: str
    settings: HostSettings
    settings_file: Path | None
    functions: FunctionTable
    routes: tuple[Route, ...]
    refused: tuple[Refused, ...]
    recovered: int


@asynccontextmanager
async def run_host(
    options: Options, clock: Clock | None = None, open_hub: Callable[[Path | None], TaskHub] = TaskHub
) -> AsyncIterator[RunningHost]:
    """Serve an app until the context ends: work left in the task hub goes on, running work gets a moment to finish.

    The clock and the opening of the task hub are seams for tests.

    Raises:
        SettingsError: host.json or local.settings.json cannot be used.
        PortInUseError: The port is taken.
        HubInUseError: Another host has the task hub open.
        HubFileError: The task hub's file cannot be made, or written, or is damaged.
        HubVersionError: The task hub was written by a newer devhost.
        AppLoadError: function_app.py cannot be loaded.
    """
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(listen(options.host, options.port))
        port: int = listener.getsockname()[1]
        settings_file = _prepare_environment(options.app_root, port, os.environ)
        settings = load_host_settings(options.app_root, os.environ)
        if options.hub_path is not None:
            stack.enter_context(HubLock(options.hub_path))
        hub = open_hub(options.hub_path)
        stack.callback(hub.close)

        if options.fast_timestamps:
            fast_timestamps.install()
        worker = Worker(settings.function_timeout, live_orchestrators=options.mode is not Mode.REPLAY)
        stack.callback(worker.close)
        indexed, unloadable = worker.index(options.app_root)
        allowed, forbidden = host_rules(indexed)
        routes, misrouted = _routes(allowed, settings.route_prefix)
        schedules, mistimed = read_schedules(allowed, os.environ)
        tools, misdeclared = read_tools(allowed)
        unusable = (*misrouted, *mistimed, *misdeclared)
        refused = (*unloadable, *forbidden, *unusable)
        functions = FunctionTable(one for one in allowed if one.name not in {wrong.name for wrong in unusable})

        base_url = f"http://{_url_host(options.host)}:{port}"
        binding = ClientBinding(base_url, base_url, settings.hub_name, "Storage")
        engine = Engine(hub, worker, functions, clock, settings, options.mode, binding.dump())
        stack.push_async_callback(engine.stop, _GRACE_SECONDS)
        recovered = engine.start()

        server = Server(
            HttpFunctions(worker, functions, Router(routes), binding.dump()),
            ManagementApi(engine, functions, binding),
            McpApi(worker, tools, settings.mcp, binding.dump()),
        )
        stack.push_async_callback(server.close)
        await server.start(listener)
        timers = TimerFunctions(worker, schedules, clock, binding.dump())
        stack.push_async_callback(timers.stop, _GRACE_SECONDS)
        timers.start()
        yield RunningHost(base_url, settings, settings_file, functions, tuple(routes), refused, recovered)


def _prepare_environment(app_root: Path, port: int, environ: MutableMapping[str, str]) -> Path | None:
    """Set what the Functions host sets before it loads an app, and return the settings file used.

    Variables that are set already win over the file's.
    """
    settings_file, values = load_local_settings(app_root)
    of_the_host = {
        "AzureWebJobsScriptRoot": str(app_root),
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
        "WEBSITE_HOSTNAME": f"localhost:{port}",
    }
    for name, value in (values | of_the_host).items():
        environ.setdefault(name, value)
    return settings_file


def _routes(functions: list[Function], prefix: str) -> tuple[list[Route], list[Refused]]:
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


def _url_host(host: str) -> str:
    """Return the name under which this machine reaches a bound address."""
    if host in ("0.0.0.0", "::"):
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
