"""Fixtures for tests of devhost: apps written in the test, and a host process on the small app."""

from __future__ import annotations

import importlib
import sys
import textwrap
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from devhost.functions import Function, Refused
from devhost.testing.host_process import REPOSITORY, DevhostProcess
from devhost.tests.support.hub_over_http import HubOverHttp
from devhost.tests.unit.one_run import OneRun
from devhost.worker import Worker

SMALL_APP = REPOSITORY / "devhost" / "tests" / "apps" / "small"

IndexApp = Callable[[str], tuple[Worker, list[Function], list[Refused]]]


@pytest.fixture
def index_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[IndexApp]:
    """Load the source of a `function_app.py` into Azure's worker library: `index_app(source)`.

    The library imports it under that name, which other tests use too: what stood there before is put back.
    """
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = sys.modules.pop("function_app", None)
    workers: list[Worker] = []

    def index(source: str) -> tuple[Worker, list[Function], list[Refused]]:
        root = tmp_path / f"app{len(workers)}"
        root.mkdir()
        (root / "function_app.py").write_text(textwrap.dedent(source), encoding="utf-8")
        sys.modules.pop("function_app", None)
        importlib.invalidate_caches()
        workers.append(Worker())
        return (workers[-1], *workers[-1].index(root))

    yield index
    for worker in workers:
        worker.close()
    sys.modules.pop("function_app", None)
    if before is not None:
        sys.modules["function_app"] = before


@pytest.fixture(scope="session")
def small_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevhostProcess]:
    """A host on `tests/apps/small`, one for all tests that do not stop it."""
    process = DevhostProcess(tmp_path_factory.mktemp("small"), SMALL_APP)
    process.start()
    yield process
    process.kill()


@pytest.fixture
def http(small_host: DevhostProcess) -> Iterator[httpx.Client]:
    """An HTTP client for the small app's host."""
    with small_host.client() as client:
        yield client


@pytest.fixture
def hub(http: httpx.Client) -> HubOverHttp:
    """The task hub of the small app's host."""
    return HubOverHttp(http)


@pytest.fixture
def prefix() -> str:
    """The beginning of the instance ids of one test, since all share a host."""
    return f"{uuid.uuid4().hex[:8]}-"


@pytest.fixture
def restless() -> Iterator[None]:
    """Let threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def run() -> OneRun:
    """An instance that is taken turn by turn."""
    return OneRun()
