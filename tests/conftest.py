"""The app on a host."""

from collections.abc import Iterator

import pytest

from devhost.testing.host_process import HostProcess
from durable_agents.testing import Api


@pytest.fixture
def api(host: HostProcess) -> Iterator[Api]:
    """The API of the app on the host that all tests share."""
    with host.client() as http:
        yield Api(http)
