"""The host: a task hub, an app and an HTTP server, put together."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from devhost import fast_timestamps
from devhost.app import App, load_app
from devhost.app_settings import HostSettings, load_host_settings, prepare_environment
from devhost.clock import Clock, SystemClock
from devhost.deaths import Deaths
from devhost.engine.engine import Engine
from devhost.hub.lock import HubLock
from devhost.hub.store import TaskHub
from devhost.loop_watch import LoopWatch
from devhost.protocol.client_binding import ClientBinding
from devhost.routing.router import Router
from devhost.sessions import Mode
from devhost.timer_functions import TimerFunctions
from devhost.web.http_functions import HttpFunctions
from devhost.web.management import ManagementApi
from devhost.web.mcp import McpApi
from devhost.web.server import Server, listen
from devhost.worker import Worker

_GRACE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Options:
    """How to run the host. Without `hub_path` the task hub is in memory only; port 0 takes any free one.

    `listener` is the descriptor of a socket that listens already, in the place of `host` and `port`.

    `mode` says whether orchestrators stay alive between turns, `fast_timestamps` whether the SDK's reading of times is
    replaced by a faster one, `early_timers` whether timers fire up to a second early, as with Azure Storage. With
    `watches_deaths` the host notes whose code ends its process, for which the process has to be its own.
    """

    app_root: Path
    hub_path: Path | None
    host: str = "127.0.0.1"
    port: int = 7071
    listener: int | None = None
    mode: Mode = Mode.LIVE
    fast_timestamps: bool = True
    early_timers: bool = False
    watches_deaths: bool = False


@dataclass(frozen=True, slots=True)
class RunningHost:
    """A host that serves: where, which app, and how much work it found to go on with."""

    base_url: str
    settings: HostSettings
    settings_file: Path | None
    app: App
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
        HubGoneError: At the end: the task hub's file was deleted or replaced.
    """
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(listen(options.host, options.port, options.listener))
        port: int = listener.getsockname()[1]
        settings_file = prepare_environment(options.app_root, port, os.environ)
        settings = load_host_settings(options.app_root, os.environ)
        if options.hub_path is not None:
            stack.enter_context(HubLock(options.hub_path))
        hub = open_hub(options.hub_path)
        stack.callback(hub.close)
        # Who stops a host is told when nothing was stored any more.
        stack.callback(hub.check_files)

        if options.fast_timestamps:
            fast_timestamps.install()
        deaths = None
        if options.hub_path is not None and options.watches_deaths:
            deaths = Deaths(options.hub_path)
            deaths.watch()
        worker = Worker(settings.function_timeout, (lambda: None) if deaths is None else deaths.mark_thread)
        stack.callback(worker.close)
        app = load_app(worker, options.app_root, settings.route_prefix, os.environ)

        base_url = f"http://{_url_host(options.host)}:{port}"
        binding = ClientBinding(base_url, base_url, settings.hub_name, "Storage")
        engine = Engine(
            hub,
            worker,
            app.functions,
            clock,
            settings,
            options.mode,
            binding.dump(),
            deadly={} if deaths is None else deaths.deadly,
            early_timers=options.early_timers,
        )
        server = Server(
            HttpFunctions(worker, app.functions, Router(app.routes), binding.dump()),
            ManagementApi(engine, app.functions, binding),
            McpApi(worker, app.tools, settings.mcp, binding.dump()),
        )
        # Closed after the engine: what finishes there may call this host.
        stack.push_async_callback(server.close)
        stack.push_async_callback(engine.stop, _GRACE_SECONDS)
        recovered = engine.start()
        await server.start(listener)
        timers = TimerFunctions(worker, app.schedules, clock, binding.dump())
        stack.push_async_callback(timers.stop, _GRACE_SECONDS)
        timers.start()
        stack.callback(LoopWatch().close)
        yield RunningHost(base_url, settings, settings_file, app, recovered)
        if deaths is not None:
            deaths.close()


def _url_host(host: str) -> str:
    """Return the name under which this machine reaches a bound address."""
    if host in ("0.0.0.0", "::"):
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
