"""The app of examples/public_samples: on a host, and its orchestrations turn by turn."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agents.researcher import create_researcher
from agents.writer import create_writer
from devhost.testing.host_process import REPOSITORY, HostProcess
from devhost.testing.plugin import NewHost
from durable_agents import HostingSettings, Orchestration, create_chat_client
from durable_agents.testing import Api, Replay, replay


@pytest.fixture(scope="session")
def app_root() -> Path:
    """The folder of that app."""
    return REPOSITORY / "examples" / "public_samples"


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory, new_host: NewHost, app_root: Path) -> Iterator[HostProcess]:
    """That app on the offline model, one host for all tests."""
    with new_host(tmp_path_factory.mktemp("samples"), app_root=app_root) as process:
        yield process
        process.stop()


@pytest.fixture
def api(host: HostProcess) -> Iterator[Api]:
    """The API of the app on the host that all tests share."""
    with host.client() as http:
        yield Api(http)


@pytest.fixture
def start() -> Callable[..., Replay]:
    """Return `start(orchestration, input)`, which has run the first turn."""

    def start(orchestration: Orchestration, run_input: dict[str, Any]) -> Replay:
        client = create_chat_client(HostingSettings.from_environ({}).model)
        return replay(orchestration, run_input, agents=[create_writer(client), create_researcher(client)])

    return start
