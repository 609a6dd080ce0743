"""The app of examples/public_samples on a host."""

from collections.abc import Iterator

import pytest

from devhost.testing.host_process import REPOSITORY, HostProcess
from devhost.testing.plugin import NewHost
from durable_agents.testing import Api


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory, new_host: NewHost) -> Iterator[HostProcess]:
    """That app on the offline model, one host for all tests."""
    with new_host(tmp_path_factory.mktemp("samples"), app_root=REPOSITORY / "examples" / "public_samples") as process:
        yield process
        process.stop()


@pytest.fixture
def api(host: HostProcess) -> Iterator[Api]:
    """The API of the app on the host that all tests share."""
    with host.client() as http:
        yield Api(http)
