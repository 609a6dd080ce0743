"""Runs over HTTP, on a real host."""

import asyncio
import uuid
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import httpx
import pytest

from devhost.bench.host_process import HostProcess
from devhost.bench.outcomes import WrongOutcomeError, check, expected
from devhost.bench.over_http import outcome, time_runs
from devhost.bench.peers.devhost import PLAIN_APP
from devhost.bench.startup import check_ready


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    hub: Path = tmp_path_factory.mktemp("hub") / "hub.db"
    with HostProcess(PLAIN_APP, hub, [], {}) as host:
        yield host.url


def test_runs_that_complete_have_a_time(url: str) -> None:
    assert asyncio.run(time_runs(url, 3)) > 0


def test_a_run_that_failed_in_its_first_turn_is_refused(url: str) -> None:
    """A bare number is what the benchmark once sent: the SDK reads no input from it."""
    run = uuid.uuid4().hex
    httpx.post(f"{url}/runtime/webhooks/durabletask/orchestrators/chain/{run}", json=1).raise_for_status()
    with pytest.raises(WrongOutcomeError, match=f"Run {run} is Failed"):
        asyncio.run(look_at(url, run))


def test_a_run_that_the_host_does_not_know_is_refused(url: str) -> None:
    with pytest.raises(WrongOutcomeError, match="Run nobody is missing"):
        asyncio.run(look_at(url, "nobody"))


def test_a_host_that_does_not_serve_the_app_is_not_ready(url: str) -> None:
    """It serves another one here."""
    with pytest.raises(WrongOutcomeError, match="that had said it listens answered 404"):
        check_ready(url)


async def look_at(url: str, run: str) -> None:
    async with aiohttp.ClientSession(url) as http:
        while (found := await outcome(http, run)).status in ("Pending", "Running"):
            await asyncio.sleep(0.01)
        check([run], [found], expected("chain", 1))
