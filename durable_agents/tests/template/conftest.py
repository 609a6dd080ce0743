"""The project as we ship it, around the library: its own app on a host."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from devhost.testing.host_process import REPOSITORY, HostProcess
from devhost.testing.plugin import NewHost


@pytest.fixture(scope="session")
def app_root() -> Path:
    """The folder of the project."""
    return REPOSITORY


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory, new_host: NewHost) -> Iterator[HostProcess]:
    """The project's app on the offline model, one host for all of these tests."""
    with new_host(tmp_path_factory.mktemp("template"), app_root=REPOSITORY) as process:
        yield process
        process.stop()
