"""A plug-in of pytest: an app over real HTTP, on devhost or, with `--host func`, on the Azure Functions host.

A `conftest.py` at the root of a project loads it with `pytest_plugins = ["devhost.testing.plugin"]`. Which app `host`
and `start_host` run is said by the fixture `app_root`, which a folder of tests may override.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AzureNamedKeyCredential

from devhost.testing.azurite import CREDENTIAL, running_azurite, storage_account
from devhost.testing.functions_host import FunctionsHostProcess
from devhost.testing.host_process import REPOSITORY, DevhostProcess, HostProcess

StartHost = Callable[..., HostProcess]
NewHost = Callable[..., HostProcess]

_STORAGE = pytest.StashKey[str]()
_ITS_PROGRAMS = {
    "func": "Install the Azure Functions Core Tools: npm install -g azure-functions-core-tools@4",
    "azurite": "The host keeps its task hubs there: npm install -g azurite",
}
_TEST_SECONDS = 240
_AFTER_A_KILL = "Azure Storage gives back what a killed host had leased after minutes"


# Hundreds of hosts are started. Where bytecode is not kept, as in some containers, each compiles all its packages anew,
# which takes longer than the rest of its start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what it runs in the background this way, and children inherit it: Ctrl-C would not reach them.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that says on which host the tests run the app."""
    parser.addoption("--host", choices=("devhost", "func"), default="devhost", help="what runs the app (%(default)s)")


def pytest_configure(config: pytest.Config) -> None:
    """Start the storage account of the Functions hosts: one for all workers of a run.

    Raises:
        pytest.UsageError: A program that the run needs is not on PATH.
    """
    if config.getoption("host") != "func" or config.option.collectonly:
        return
    if hasattr(config, "workerinput"):
        config.stash[_STORAGE] = config.workerinput["storage"]
        return
    for program, advice in _ITS_PROGRAMS.items():
        if shutil.which(program) is None:
            raise pytest.UsageError(f"--host func needs {program!r} on PATH, and there is none. {advice}")
    account = ExitStack()
    config.add_cleanup(account.close)
    folder = account.enter_context(tempfile.TemporaryDirectory(prefix="storage-account-"))
    config.stash[_STORAGE] = account.enter_context(storage_account(Path(folder)))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist which storage account the run has."""
    if _STORAGE in node.config.stash:
        node.workerinput["storage"] = node.config.stash[_STORAGE]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what is thorough unless it is asked for. On the Functions host, run what runs on a host, and wait longer."""
    if not os.environ.get("THOROUGH"):
        for item in items:
            if item.get_closest_marker("thorough"):
                item.add_marker(pytest.mark.skip(reason="thorough: runs with THOROUGH=1"))
    if config.getoption("host") != "func":
        return
    kept: list[pytest.Item] = []
    others: list[pytest.Item] = []
    for item in items:
        reasons = [marker.args[0] for marker in item.iter_markers("devhost_only")]
        reasons += [_AFTER_A_KILL for _ in item.iter_markers("kills")]
        if reasons:
            item.add_marker(pytest.mark.skip(reason=reasons[0]))
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(_TEST_SECONDS))
        runs_on_a_host = isinstance(item, pytest.Function) and "new_host" in item.fixturenames
        (kept if runs_on_a_host or reasons else others).append(item)
    config.hook.pytest_deselected(items=others)
    items[:] = kept


@pytest.fixture(scope="session")
def new_host(request: pytest.FixtureRequest) -> NewHost:
    """Make a host of the chosen kind, not started yet: `new_host(folder, app_root, **environment)`."""
    if request.config.getoption("host") == "devhost":
        return DevhostProcess
    return partial(FunctionsHostProcess, storage=request.config.stash[_STORAGE])


@pytest.fixture(scope="session")
def app_root() -> Path:
    """The folder of the app that `host` and `start_host` run: this project's, unless a folder of tests overrides it."""
    return REPOSITORY


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory, new_host: NewHost, app_root: Path) -> Iterator[HostProcess]:
    """The app on the offline model, one host for all tests that neither kill it nor count what it wrote."""
    with new_host(tmp_path_factory.mktemp("host"), app_root=app_root) as process:
        yield process
        process.stop()


@pytest.fixture
def start_host(tmp_path: Path, new_host: NewHost, app_root: Path) -> Iterator[StartHost]:
    """Start a host of one's own: `start_host(**environment)`, or `start_host(app_root=...)` for another app."""
    started: list[HostProcess] = []

    def start(app_root: Path = app_root, **environment: str) -> HostProcess:
        process = new_host(tmp_path / f"host{len(started)}", app_root=app_root, **environment)
        started.append(process)
        process.start()
        return process

    yield start
    for process in started:
        process.kill()


@pytest.fixture
def credential() -> AzureNamedKeyCredential:
    """What opens the account of `account_url`."""
    return CREDENTIAL


@pytest.fixture
def account_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The blob service of an Azurite that runs for this test."""
    with running_azurite("blob", tmp_path_factory.mktemp("azurite")) as url:
        yield url
