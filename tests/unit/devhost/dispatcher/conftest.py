"""A dispatcher on a task hub file, and a processor that notes what it is handed."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devhost.engine.dispatcher import Dispatcher
from devhost.hub.store import TaskHub
from tests.unit.devhost.dispatcher.recorder import Recorder
from tests.unit.devhost.fake_clock import FakeClock


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
async def dispatcher(hub: TaskHub, clock: FakeClock) -> AsyncIterator[Dispatcher]:
    dispatcher = Dispatcher(hub, clock)
    yield dispatcher
    await dispatcher.stop(grace_seconds=5)


@pytest.fixture
async def recorder(dispatcher: Dispatcher) -> Recorder:
    return Recorder(dispatcher)
