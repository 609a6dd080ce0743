"""The Azure Functions host, as `func start` runs it, in the place of devhost."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
import uuid
from pathlib import Path

import httpx

from devhost.testing.host_process import REPOSITORY, HostProcess
from devhost.testing.leash import Leashed, descendants_of
from devhost.testing.ports import free_port

_START_SECONDS = 120
_STOP_SECONDS = 30
_NOT_THE_APP = {"build", "devhost", "docs", "infra", "tests"}
# In each folder that the app writes into on this machine.
_PLACEHOLDER = ".gitkeep"
_DURABLE_TASK = "AzureFunctionsJobHost__extensions__durableTask"


class FunctionsHostProcess(HostProcess):
    """Runs the `func` on PATH on a copy of the app, with a task hub of its own in Azure Storage.

    An app of the tests lies over a copy of the project, whose packages it may import. host.json stays as it is:
    settings choose the storage.

    Args:
        storage: The connection string of a storage account.
    """

    def __init__(self, folder: Path, app_root: Path = REPOSITORY, *, storage: str, **environment: str) -> None:
        super().__init__(folder, app_root, **environment)
        self._copy = folder / "app"
        python = Path(sys.prefix)
        self.environment |= {
            "AzureWebJobsStorage": storage,
            f"{_DURABLE_TASK}__hubName": f"test{uuid.uuid4().hex[:12]}",
            f"{_DURABLE_TASK}__storageProvider__type": "AzureStorage",
            f"{_DURABLE_TASK}__storageProvider__connectionStringName": "AzureWebJobsStorage",
            # A queue that was idle is looked at every 30 seconds otherwise.
            f"{_DURABLE_TASK}__storageProvider__maxQueuePollingInterval": "00:00:00.2",
            # The worker runs on the interpreter of the tests.
            "VIRTUAL_ENV": str(python),
            "PATH": os.pathsep.join((str(python / "bin"), os.environ["PATH"])),
        }
        self._port = 0
        self._process: Leashed | None = None

    @property
    def url(self) -> str:
        return f"http://localhost:{self._port}"

    @property
    def app_folder(self) -> Path:
        """The copy of the app, which the host watches."""
        return self._copy

    def command(self) -> list[str]:
        """Return what starts the host, in the folder of the app."""
        return ["func", "start", "--port", str(self._port)]

    def headers(self) -> dict[str, str]:
        """Return what a request must have to be let through to everything."""
        return {}

    def start(self) -> None:
        if not self._copy.exists():
            self.copy_app()
        self._port = self._port or free_port()
        # On a busy machine, one start of a hundred breaks over the host's own keys.
        if not self._comes_up() and not self._comes_up():
            raise AssertionError(f"func did not start; {self.log} ends with:\n{self.output()[-4_000:]}")

    def _comes_up(self) -> bool:
        """Start the host and say whether it serves the app in time; otherwise it is killed."""
        with self.log.open("ab") as log:
            self._process = Leashed(self.command(), cwd=self._copy, env=self.environment, log=log)
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.runs():
            if self._serves():
                return True
            time.sleep(0.1)
        self.kill()
        return False

    def kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()

    def kill_worker(self) -> None:
        """Kill the process that runs the app; the host starts another."""
        os.kill(self.worker(), signal.SIGKILL)

    def worker(self) -> int:
        """Return the id of the process that runs the app."""
        assert self._process is not None
        (worker,) = (
            process for process, command in descendants_of(self._process.process.pid).items() if "worker.py" in command
        )
        return worker

    def stop(self) -> int:
        process, self._process = self._process, None
        return process.stop(_STOP_SECONDS) if process is not None else 0

    def copy_app(self) -> None:
        """Copy the app, so that the host watches a folder in which nobody works."""
        shutil.copytree(REPOSITORY, self._copy, ignore=_what_is_not_the_app)
        if self.app_root != REPOSITORY:
            shutil.copytree(self.app_root, self._copy, dirs_exist_ok=True)
        settings = self.app_root / "local.settings.json.example"
        if settings.exists():
            shutil.copy(settings, self._copy / "local.settings.json")

    def _serves(self) -> bool:
        """Say whether the host runs, with functions: it runs without any when the app cannot be indexed."""
        try:
            headers = self.headers()
            status = httpx.get(f"{self.url}/admin/host/status", headers=headers, timeout=5)
            if status.status_code != 200 or status.json().get("state") != "Running":
                return False
            return bool(httpx.get(f"{self.url}/admin/functions", headers=headers, timeout=5).json())
        except (httpx.TransportError, ValueError):
            return False


def _what_is_not_the_app(folder: str, names: list[str]) -> set[str]:
    if _PLACEHOLDER in names:
        return {name for name in names if name != _PLACEHOLDER}
    if Path(folder) != REPOSITORY:
        return set()
    return {name for name in names if _is_not_the_app(name) and not Path(folder, name, _PLACEHOLDER).exists()}


def _is_not_the_app(name: str) -> bool:
    return name.startswith(".") or name in _NOT_THE_APP or name == "local.settings.json"
