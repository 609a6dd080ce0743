"""One host for all crash tests: each kill of it is a start of the next."""

from collections.abc import Iterator

import pytest

from devhost.tests.crash.supervised_host import SupervisedHost


@pytest.fixture(scope="module")
def crashing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SupervisedHost]:
    """The crash app on a host that is started again whenever it was killed."""
    host = SupervisedHost(tmp_path_factory.mktemp("crash"))
    host.read("/instances")
    yield host
    host.close()
