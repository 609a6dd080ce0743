"""The app of examples/public_samples on a host."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from devhost.testing.host_process import REPOSITORY, HostProcess
from devhost.testing.plugin import NewHost
from durable_agents.testing import Api

SAMPLES = REPOSITORY / "examples" / "public_samples"
PARTS = ("activities", "agents", "orchestrations")


@pytest.fixture(scope="session")
def app_root() -> Path:
    """The folder of that app, made of parts of the project; without one of them its tests are skipped."""
    trees = (ast.parse(file.read_text(encoding="utf-8")) for file in SAMPLES.glob("*.py"))
    imports = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    for module in sorted({node.module or "" for node in imports}):
        file = REPOSITORY.joinpath(*module.split(".")).with_suffix(".py")
        if module.startswith(PARTS) and not file.with_suffix("").is_dir() and not file.exists():
            pytest.skip(f"examples/public_samples is made of {module}, which this project does not have")
    return SAMPLES


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
