"""What the tests of the library share."""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from azure.functions import _durable_functions

from devhost.testing.host_process import HostProcess
from devhost.testing.plugin import NewHost
from durable_agents.testing import Api
from durable_agents.tests.support import redis_server

APP = Path(__file__).parent / "app"


@pytest.fixture(autouse=True)
def unchanged_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take back what an app of this library changes in the SDK, for the other tests of this process."""
    for name in ("_deserialize_custom_object", "_serialize_custom_object"):
        monkeypatch.setattr(_durable_functions, name, getattr(_durable_functions, name))


@pytest.fixture(scope="session")
def app_root() -> Path:
    """The app of the library's tests."""
    return APP


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory, new_host: NewHost) -> Iterator[HostProcess]:
    """That app on the offline model, one host for all tests that neither kill it nor count what it wrote."""
    with new_host(tmp_path_factory.mktemp("host"), app_root=APP) as process:
        yield process
        process.stop()


@pytest.fixture
def api(host: HostProcess) -> Iterator[Api]:
    """The API on the host that all tests share."""
    with host.client() as http:
        yield Api(http)


@pytest.fixture
def api_of() -> Iterator[Callable[[HostProcess], Api]]:
    """Return `api_of(host)` for a host of the test's own."""
    clients: list[httpx.Client] = []

    def connect(host: HostProcess) -> Api:
        clients.append(host.client())
        return Api(clients[-1])

    yield connect
    for client in clients:
        client.close()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[redis_server.RedisServer]:
    """A Redis server of the test's own."""
    if not redis_server.is_installed():
        pytest.skip("there is no redis-server on this machine: install the package redis-server (apt) or redis (brew)")
    server = redis_server.RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()
