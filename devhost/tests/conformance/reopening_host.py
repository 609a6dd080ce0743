"""Serves the reference app on an engine that is abandoned after every commit.

    python -m devhost.tests.conformance.reopening_host --app-root FOLDER --db FILE [--port N]

After each commit a new task hub and a new engine are opened on the same file, behind the same HTTP server and worker.
What the old engine had in memory is lost, as in a crash, and it commits nothing any more: turns that were under way are
run again. Activities and entities that were under way are not called again: the new engine is given what the running
call returns, so that cases which count attempts, or take their time, can be compared.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Hashable, Sequence
from contextvars import ContextVar
from datetime import timedelta
from pathlib import Path
from typing import Any

from devhost import event_loop
from devhost.app_settings import HostSettings, load_host_settings
from devhost.clock import SystemClock
from devhost.engine.dispatcher import RunActivity
from devhost.engine.engine import Engine
from devhost.functions import Function, FunctionTable, TriggerType, host_rules
from devhost.hub.rows import ActivityItem, Changes
from devhost.hub.store import TaskHub
from devhost.protocol.client_binding import ClientBinding
from devhost.routing.router import Route, Router, in_host_order
from devhost.sessions import Mode
from devhost.web.http_functions import HttpFunctions
from devhost.web.management import ManagementApi
from devhost.web.mcp import McpApi
from devhost.web.server import Server, listen
from devhost.worker import Worker

_activity: ContextVar[Hashable] = ContextVar("_activity", default=None)


class AbandonedError(Exception):
    """The engine that wants to commit has been replaced."""


class OneCommitHub(TaskHub):
    """A task hub that takes one commit, tells of it and takes no other."""

    def __init__(self, path: Path, committed: Callable[[], None]) -> None:
        super().__init__(path)
        self._committed = committed
        self._is_abandoned = False

    def commit(self, group: Sequence[Changes]) -> None:
        """Commit work items, the last of this hub.

        Raises:
            AbandonedError: They were not the first.
        """
        if self._is_abandoned:
            raise AbandonedError
        super().commit(group)
        self._is_abandoned = True
        self._committed()


class LastingWorker(Worker):
    """Lets a call that has begun go on, and gives its answer to whichever engine asks for it."""

    def __init__(self, timeout: timedelta | None) -> None:
        super().__init__(timeout)
        self._calls: dict[Hashable, asyncio.Task[Any]] = {}

    async def run(self, function: Function, payload: str, client: str = "") -> Any:
        """Run a function, or wait for the call of it that runs already, or has ended since.

        Raises:
            FunctionFailedError: It raised.
        """
        call_id = (function.name, _activity.get(), payload)
        if call_id not in self._calls:
            self._calls[call_id] = asyncio.create_task(super().run(function, payload))
        return await asyncio.shield(self._calls[call_id])


class ReopenedEngine(Engine):
    """An engine that after every commit becomes a new one, on a new task hub on the same file."""

    def __init__(self, file: Path, worker: Worker, functions: FunctionTable, settings: HostSettings) -> None:
        self.times = 0
        self._file = file
        self._parts = (worker, functions, SystemClock(), settings)
        self._endings: set[asyncio.Task[None]] = set()
        self._open()

    def _open(self) -> None:
        super().__init__(OneCommitHub(self._file, self._reopen), *self._parts, Mode.REPLAY)
        self._dispatcher._run_activity = _named(self._dispatcher._run_activity)

    def _reopen(self) -> None:
        self.times += 1
        old_hub, old_client, old_dispatcher, old_http = self.hub, self.client, self._dispatcher, self._http
        self._open()
        # Callers that wait for an instance to end belong to the HTTP server, which lives on.
        self.client._endings = self._dispatcher._endings = old_client._endings
        # Nothing of the old engine begins, also not in this round of the event loop.
        old_dispatcher._stopping.set()

        async def end() -> None:
            await old_dispatcher.stop(grace_seconds=0)
            await old_http.close()
            old_hub.close()

        ending = asyncio.create_task(end())
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)
        self.start()


def _named(run_activity: RunActivity) -> RunActivity:
    """Let the worker know for which activity it is called."""

    async def run(item: ActivityItem, error: Exception | None) -> Changes | None:
        token = _activity.set((item.instance_id, item.execution_id, item.task_id))
        try:
            return await run_activity(item, error)
        finally:
            _activity.reset(token)

    return run


async def serve(app_root: Path, file: Path, port: int) -> None:
    """Serve until SIGTERM comes, then say how often the engine was replaced."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    with listen("127.0.0.1", port) as listener:
        base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        os.environ |= {"AzureWebJobsScriptRoot": str(app_root), "FUNCTIONS_WORKER_RUNTIME": "python"}
        settings = load_host_settings(app_root, os.environ)
        worker = LastingWorker(settings.function_timeout)
        functions, _ = host_rules(worker.index(app_root)[0])
        table = FunctionTable(functions)
        routes = [
            Route.of_function(one.name, one.route, one.methods, settings.route_prefix)
            for one in table.of(TriggerType.HTTP)
        ]
        engine = ReopenedEngine(file, worker, table, settings)
        engine.start()
        binding = ClientBinding(base_url, base_url, settings.hub_name, "Storage")
        server = Server(
            HttpFunctions(worker, table, Router(in_host_order(routes)), binding.dump()),
            ManagementApi(engine, table, binding),
            McpApi(worker, [], settings.mcp, binding.dump()),
        )
        await server.start(listener)
        sys.stdout.write(f"Listening on {base_url}\n")
        sys.stdout.flush()
        await stopped.wait()
        sys.stdout.write(f"Reopened {engine.times} times\n")
        sys.stdout.flush()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--app-root", type=Path, required=True)
    parser.add_argument("--db", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    for name in ("devhost.engine", "asyncio"):
        logging.getLogger(name).addFilter(_is_no_abandonment)
    with contextlib.suppress(KeyboardInterrupt):
        event_loop.run(serve(options.app_root, options.db, options.port))
    os._exit(0)


def _is_no_abandonment(record: logging.LogRecord) -> bool:
    return record.exc_info is None or record.exc_info[0] is not AbandonedError


if __name__ == "__main__":
    main()
