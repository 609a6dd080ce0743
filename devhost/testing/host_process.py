"""A host of a function app as a child process: started, killed and started again on the same task hub."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import httpx

REPOSITORY = Path(__file__).resolve().parents[2]

_START_SECONDS = 30
_READY = "Listening on "


class HostProcess(ABC):
    """Runs the app on a host; `folder` holds the log, what the app writes and what the host keeps.

    Settings of the machine that would choose a model or an MCP server are left out of the child's environment, so that
    the app runs on the offline model and has none unless `environment` says otherwise.
    """

    def __init__(self, folder: Path, app_root: Path = REPOSITORY, **environment: str) -> None:
        self.folder = folder
        self.outbox = folder / "outbox"
        self.published = folder / "published"
        self.state = folder / "state"
        self.log = folder / "host.log"
        self.app_root = app_root
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(_OF_THE_MACHINE)},
            # Empty is not set, and still wins over the local.settings.json of whoever runs the tests.
            **dict.fromkeys(_OF_THE_SETTINGS_FILE, ""),
            "OUTBOX_DIR": str(self.outbox),
            "PUBLISH_DIR": str(self.published),
            "STATE_DIR": str(self.state),
            "PYTHONUNBUFFERED": "1",
            **environment,
        }

    @property
    @abstractmethod
    def url(self) -> str:
        """The host's base URL; it stays the same over restarts."""

    @abstractmethod
    def start(self) -> None:
        """Start the host and wait until it serves the app.

        Raises:
            AssertionError: It ended, or did not serve in time and was killed; the message holds its output.
        """

    @abstractmethod
    def kill(self) -> None:
        """End the host at once, as a crash would (SIGKILL)."""

    @abstractmethod
    def stop(self) -> int:
        """Ask the host to end, as Ctrl+C does, and return its exit status."""

    def __enter__(self) -> Self:
        """Start the host."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Kill the host, if it still runs."""
        self.kill()

    def restart(self) -> None:
        """Kill the host and start it again on the same task hub and port."""
        self.kill()
        self.start()

    def set_environment(self, **environment: str) -> None:
        """Set variables from the next start on, as a new deployment does."""
        self.environment |= environment

    def output(self) -> str:
        """Return all that the host has printed, over all its starts."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def client(self) -> httpx.Client:
        """Return an HTTP client for the host's URL."""
        return httpx.Client(base_url=self.url, timeout=30)


class DevhostProcess(HostProcess):
    """Runs `python -m devhost start`; every turn of an orchestration is verified by replay."""

    def __init__(
        self, folder: Path, app_root: Path = REPOSITORY, flags: Sequence[str] = (), **environment: str
    ) -> None:
        super().__init__(folder, app_root, **environment)
        self.database = folder / "state.db"
        self._flags = flags
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "devhost", "start", "--app-root", str(self.app_root)]
        command += [*self._flags, "--verify", "--port", str(self._port), "--db", str(self.database)]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        seen = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=REPOSITORY, env=self.environment)
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            text = self.log.read_bytes()[seen:].decode()
            if _READY in text:
                self._port = int(text.split(_READY, 1)[1].split()[0].rpartition(":")[2])
                return
            time.sleep(0.02)
        self.kill()
        raise AssertionError(f"devhost did not start:\n{self.log.read_bytes()[seen:].decode()}")

    def kill(self) -> None:
        self._end(signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)

    def stop(self) -> int:
        return self._end(signal.SIGINT)

    def _end(self, how: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(how)
        return process.wait(timeout=20)


_OF_THE_SETTINGS_FILE = (
    "MODEL_PROVIDER",
    *("AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_DEPLOYMENT_NAME", "AZURE_OPENAI_API_KEY"),
    *("FOUNDRY_PROJECT_ENDPOINT", "FOUNDRY_MODEL"),
    *("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL"),
    *("MCP_SERVER_URL", "MCP_SERVER_TOKEN"),
)
_OF_THE_MACHINE = ("OPENAI_", "AZURE_OPENAI_", "FOUNDRY_", "MODEL_PROVIDER", "OFFLINE_MODEL_", "MCP_")
