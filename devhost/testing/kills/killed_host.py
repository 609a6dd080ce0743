"""Serves an app in a child process that may be killed, and starts it again each time it was.

    python -m devhost.testing.kills.killed_host --db FILE --port N --app-root FOLDER [--unplanned] [--restless]
        [--early-timers] [--mode MODE] [--import MODULE]...

The parent imports everything, `--import` what only the app does, and forks the host, so that a new start takes a tenth
of a second; the host's process id is in `host.pid` beside the task hub. While a file `hold` lies there no host is
started, and a file `held` says that none runs. A host that ends in another way than by SIGKILL ends the parent too; it
does when stdin is closed, so that nothing is left of a test that was killed itself.

An `--unplanned` host has the task hub that users have, and knows no kill plan; in a `--restless` one threads take turns
as often as they can.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import azure.durable_functions  # noqa: F401  (imported once, before the host is forked)

from devhost import event_loop
from devhost.host import Options, run_host
from devhost.hub.rows import Changes
from devhost.hub.store import TaskHub
from devhost.sessions import Mode
from devhost.testing.kills.kill_plan import KillPlan, Point, When
from devhost.testing.kills.work_items import points_of


class KilledHub(TaskHub):
    """A task hub whose process is killed before, within or after a transaction when the kill plan says so."""

    def __init__(self, path: Path | None) -> None:
        self._plan = KillPlan.of_this_process()
        self._writing: set[Point] = set()
        self._plan.passing([Point.OPENING], When.BEFORE)
        super().__init__(path)
        self._plan.passing([Point.OPENING], When.AFTER)
        self._db.set_trace_callback(self._on_statement)

    def commit(self, group: Sequence[Changes]) -> None:
        """Commit work items, or die."""
        self._writing = points = points_of(group)
        self._plan.passing(points, When.BEFORE)
        super().commit(group)
        self._plan.passing(points, When.AFTER)

    def _on_statement(self, statement: str) -> None:
        """Come between a transaction's first deletions and its first row."""
        if self._writing and statement.startswith("INSERT"):
            points, self._writing = self._writing, set()
            self._plan.passing(points, When.WITHIN)


def main() -> int:
    """Start hosts until one ends by itself, and return its exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--db", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--mode", type=Mode, default=Mode.LIVE)
    parser.add_argument("--app-root", type=Path, required=True)
    parser.add_argument("--import", dest="modules", action="append", default=[])
    for flag in ("--unplanned", "--restless", "--early-timers"):
        parser.add_argument(flag, action="store_true")
    arguments = parser.parse_args()
    hold, held, running = (arguments.db.with_name(name) for name in ("hold", "held", "host.pid"))
    options = Options(
        app_root=arguments.app_root,
        hub_path=arguments.db,
        port=arguments.port,
        mode=arguments.mode,
        early_timers=arguments.early_timers,
    )
    if arguments.restless:
        sys.setswitchinterval(1e-6)
    for module in arguments.modules:
        importlib.import_module(module)
    hub = TaskHub if arguments.unplanned else KilledHub
    while True:
        while hold.exists():
            held.touch()
            time.sleep(0.001)
        child = os.fork()
        if child == 0:
            _serve(options, hub)
        running.write_text(str(child), encoding="ascii")
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGKILL:
            return os.waitstatus_to_exitcode(status)


def _serve(options: Options, hub: type[TaskHub]) -> None:
    """Run the host in this process until it is killed, or nobody is there to do so."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(message)s")
    # Which activities begin, so that a test sees what is repeated.
    logging.getLogger("devhost.activities").setLevel(logging.DEBUG)
    try:
        event_loop.run(_run(options, hub))
    except BaseException:
        logging.exception("The host failed.")
    finally:
        os._exit(1)


async def _run(options: Options, hub: type[TaskHub]) -> None:
    async with run_host(options, open_hub=hub) as host:
        logging.info("serving %d functions, refused: %s", len(host.app.functions.all), host.app.refused)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    sys.exit(main())
