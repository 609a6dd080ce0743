"""Fixtures shared by all tests: the whole app on devhost, over real HTTP."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import redis_server
from tests.support.host_process import REPOSITORY, HostProcess

StartHost = Callable[..., HostProcess]


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what it runs in the background this way, and children inherit it: Ctrl-C would not reach them.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    """The whole app on the offline model, one host for all tests that neither kill it nor count what it wrote."""
    with HostProcess(tmp_path_factory.mktemp("host")) as process:
        yield process
        process.stop()


@pytest.fixture
def start_host(tmp_path: Path) -> Iterator[StartHost]:
    """Start a host of one's own: `start_host(**environment)`, or `start_host(app_root=...)` for another app."""
    started: list[HostProcess] = []

    def start(app_root: Path = REPOSITORY, **environment: str) -> HostProcess:
        process = HostProcess(tmp_path / f"host{len(started)}", app_root, **environment)
        started.append(process)
        process.start()
        return process

    yield start
    for process in started:
        process.kill()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[redis_server.RedisServer]:
    """A Redis server of the test's own."""
    if not redis_server.is_installed():
        pytest.skip("there is no redis-server on this machine: install the package redis-server (apt) or redis (brew)")
    server = redis_server.RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()
