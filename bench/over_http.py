"""Rows that time many short runs: started in process, and over HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

import aiohttp

from bench.contenders import DBOS, DEVHOST, IN_MEMORY, PEERS, host_flags
from bench.figures import Line, TimesBetter
from bench.host_process import HostProcess
from bench.peers.devhost import PLAIN_APP
from bench.stage import Stage

_RUNS = 1000
_WARM_UPS = 50
_CONNECTIONS = 20
_WEBHOOK = "/runtime/webhooks/durabletask"
_POLL_SECONDS = 0.005


def short_runs(stage: Stage) -> list[Line]:
    """Time 1000 runs of one activity.

    Each repetition takes devhost and the other engines in process, then devhost with HTTP between: started by requests
    from another process, which then asks the host until no run is left. The others have no HTTP to start runs with.
    """
    in_process: dict[str, list[float]] = {}
    over_http: dict[str, list[float]] = {}
    with ExitStack() as stack:
        hosts = {label: stack.enter_context(_warm_host(stage, label)) for label in stage.scale.variants}
        for _ in range(stage.scale.long):
            for one in stage.warm():
                seconds = one.ask("time_parallel", "chain", 1, _RUNS)
                in_process.setdefault(one.label, []).append(_RUNS / seconds)
            for label, host in hosts.items():
                over_http.setdefault(label, []).append(_RUNS / asyncio.run(_time_runs(host.url, _RUNS)))
    over_http |= {label: in_process[label] for label in PEERS}
    targets = (TimesBetter(2, IN_MEMORY), TimesBetter(2, DBOS))
    title = f"{_RUNS} short runs"
    return [
        Line(title, "runs/s", in_process, targets, more_is_better=True, digits=0),
        Line(
            f"{title}, {DEVHOST} over HTTP, the others in process",
            "runs/s",
            over_http,
            targets,
            more_is_better=True,
            digits=0,
        ),
    ]


@contextmanager
def _warm_host(stage: Stage, label: str) -> Iterator[HostProcess]:
    with HostProcess(PLAIN_APP, stage.new_folder() / "hub.db", host_flags(label), {}) as host:
        asyncio.run(_time_runs(host.url, _WARM_UPS))
        yield host


async def _time_runs(url: str, count: int) -> float:
    """Start runs of one activity each over HTTP and return how long it took until none was left."""
    connector = aiohttp.TCPConnector(limit=_CONNECTIONS)
    async with aiohttp.ClientSession(url, connector=connector) as http:
        query = {
            "runtimeStatus": "Pending,Running",
            "createdTimeFrom": datetime.now(UTC).isoformat(),
            "top": "1",
        }

        async def start() -> None:
            async with http.post(f"{_WEBHOOK}/orchestrators/chain", json=1) as response:
                response.raise_for_status()

        async def is_any_left() -> bool:
            async with http.get(f"{_WEBHOOK}/instances", params=query) as response:
                return bool(await response.json())

        started = time.perf_counter()
        await asyncio.gather(*(start() for _ in range(count)))
        while await is_any_left():
            await asyncio.sleep(_POLL_SECONDS)
        return time.perf_counter() - started
