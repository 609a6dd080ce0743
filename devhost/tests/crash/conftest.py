"""One host for all crash tests: each kill of it is a start of the next."""

from collections.abc import Iterator

import pytest

from devhost.tests.crash.crash_host import CrashHost


@pytest.fixture(scope="module")
def crashing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CrashHost]:
    """The crash app on a host that is started again whenever it was killed."""
    host = CrashHost(tmp_path_factory.mktemp("crash"))
    host.read("/instances")
    yield host
    host.close()
