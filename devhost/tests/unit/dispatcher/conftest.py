"""A dispatcher on a task hub file, and a processor that notes what it is handed."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devhost.hub.store import TaskHub
from devhost.tests.unit.dispatcher.recorder import Recorder
from devhost.tests.unit.fake_clock import FakeClock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
async def hub(path: Path) -> AsyncIterator[TaskHub]:
    hub = TaskHub(path)
    yield hub
    hub.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def recorder(hub: TaskHub, clock: FakeClock) -> AsyncIterator[Recorder]:
    recorder = Recorder(hub, clock)
    yield recorder
    await recorder.dispatcher.stop(grace_seconds=5)
