"""Rows that time many short runs: started in process, and over HTTP."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from uuid import uuid4

import aiohttp

from devhost.bench.contenders import DBOS, DEVHOST, IN_MEMORY, PEERS, host_flags
from devhost.bench.figures import Line, TimesBetter
from devhost.bench.host_process import HostProcess
from devhost.bench.outcomes import MISSING, Outcome, check, expected
from devhost.bench.peers.devhost import PLAIN_APP
from devhost.bench.stage import Stage

_RUNS = 1000
_SIZE = 1
_WARM_UPS = 50
_CONNECTIONS = 20
_WEBHOOK = "/runtime/webhooks/durabletask"
_POLL_SECONDS = 0.005


def short_runs(stage: Stage) -> list[Line]:
    """Time 1000 runs of one activity.

    Each repetition takes devhost and the other engines in process, then devhost with HTTP between: started by requests
    from another process, which then asks the host until no run is left, stops the clock, and looks at each run. The
    others have no HTTP to start runs with.
    """
    in_process: dict[str, list[float]] = {}
    over_http: dict[str, list[float]] = {}
    with ExitStack() as stack:
        hosts = {label: stack.enter_context(_warm_host(stage, label)) for label in stage.scale.variants}
        for _ in range(stage.scale.long):
            for one in stage.warm():
                seconds = one.ask("time_parallel", "chain", _SIZE, _RUNS)
                in_process.setdefault(one.label, []).append(_RUNS / seconds)
            for label, host in hosts.items():
                over_http.setdefault(label, []).append(_RUNS / asyncio.run(time_runs(host.url, _RUNS)))
    over_http |= {label: in_process[label] for label in PEERS}
    targets = (TimesBetter(2, IN_MEMORY), TimesBetter(2, DBOS))
    title = f"{_RUNS} short runs"
    return [
        Line(title, "runs/s", in_process, targets, more_is_better=True, digits=0),
        Line(
            f"{title}; {DEVHOST} over HTTP",
            "runs/s",
            over_http,
            (TimesBetter(2, DBOS),),
            more_is_better=True,
            digits=0,
        ),
    ]


@contextmanager
def _warm_host(stage: Stage, label: str) -> Iterator[HostProcess]:
    with HostProcess(PLAIN_APP, stage.new_folder() / "hub.db", host_flags(label), {}) as host:
        asyncio.run(time_runs(host.url, _WARM_UPS))
        yield host


async def time_runs(url: str, count: int) -> float:
    """Start runs of one activity each over HTTP and return how long it took until none was left.

    The input goes as the SDK's client sends it, JSON text in a JSON string: from a bare number the SDK reads no input.
    """
    runs = [uuid4().hex for _ in range(count)]
    connector = aiohttp.TCPConnector(limit=_CONNECTIONS)
    async with aiohttp.ClientSession(url, connector=connector) as http:
        begun = datetime.now(UTC).isoformat()
        left = {"runtimeStatus": "Pending,Running", "createdTimeFrom": begun, "top": "1"}

        async def start(run: str) -> None:
            async with http.post(f"{_WEBHOOK}/orchestrators/chain/{run}", json=json.dumps(_SIZE)) as response:
                response.raise_for_status()

        async def is_any_left() -> bool:
            async with http.get(f"{_WEBHOOK}/instances", params=left) as response:
                response.raise_for_status()
                return bool(await response.json())

        started = time.perf_counter()
        await asyncio.gather(*map(start, runs))
        while await is_any_left():
            await asyncio.sleep(_POLL_SECONDS)
        seconds = time.perf_counter() - started
        check(runs, [await outcome(http, run) for run in runs], expected("chain", _SIZE))
        return seconds


async def outcome(http: aiohttp.ClientSession, run: str) -> Outcome:
    """Ask the host how a run stands."""
    async with http.get(f"{_WEBHOOK}/instances/{run}") as response:
        if response.status == HTTPStatus.NOT_FOUND:
            return Outcome(run, MISSING, None)
        response.raise_for_status()
        told = await response.json()
        return Outcome(run, told["runtimeStatus"], told["output"])
