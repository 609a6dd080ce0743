"""The API of the app on a host, and a model that answers as a test scripts it."""

from collections.abc import AsyncIterator, Callable, Iterator

import httpx
import pytest

from devhost.testing.host_process import HostProcess
from durable_agents.testing import Api
from durable_agents.tests.wire.chat_completions_server import ChatCompletionsServer


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
async def model() -> AsyncIterator[ChatCompletionsServer]:
    """A model that answers as the test scripts it, and must be asked for all of it: `start_host(**model.settings)`."""
    async with ChatCompletionsServer() as server:
        yield server
        assert server.unused_steps == 0
