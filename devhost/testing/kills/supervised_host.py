"""A host that may be killed at any time, as a test sees it: a URL and a task hub file."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from devhost.testing.kills.kill_plan import PLAN_VARIABLE, KillPlan

REPOSITORY = Path(__file__).resolve().parents[3]
PLAN_FILE = "kills.json"
API = "/runtime/webhooks/durabletask"

_PATIENCE_SECONDS = 25
_PAUSE_SECONDS = 0.01


class LostAnswerError(Exception):
    """The host was killed after it had taken a request, and before it answered."""


class SupervisedHost:
    """An app on a host that is started again whenever it was killed; `flags` are those of `killed_host`.

    A host that `is_killed` is sent each request over a connection of its own: one that a kill has cut would look like a
    lost answer.
    """

    def __init__(
        self,
        folder: Path,
        app_root: Path,
        flags: Sequence[str] = (),
        *,
        is_killed: bool = True,
        patience: float = _PATIENCE_SECONDS,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.database = folder / "state.db"
        self._hold, self._held, self._running = (folder / name for name in ("hold", "held", "host.pid"))
        self.plan = KillPlan(folder / PLAN_FILE)
        self.url = f"http://127.0.0.1:{_free_port()}"
        self._log = folder / "host.log"
        self.patience = patience
        self.requests = 0
        command = [sys.executable, "-m", "devhost.testing.kills.killed_host"]
        command += [
            "--db",
            str(self.database),
            "--port",
            self.url.rpartition(":")[2],
            "--app-root",
            str(app_root),
            *flags,
        ]
        environment = {**(environment or {}), PLAN_VARIABLE: str(folder / PLAN_FILE)}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=REPOSITORY,
                env={**os.environ, **environment},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        limits = httpx.Limits(max_keepalive_connections=0 if is_killed else None)
        self._http = httpx.Client(base_url=self.url, timeout=patience, limits=limits)

    def close(self) -> None:
        """End the host for good."""
        self._http.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()

    def log(self) -> str:
        """Return what all hosts so far wrote."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    @contextlib.contextmanager
    def killed(self) -> Iterator[None]:
        """Kill the host where it is, and start it again when the context ends."""
        self.stay_dead()
        while not self.is_dead:
            if process := self._process_id():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(process), signal.SIGKILL)
            time.sleep(0.001)
        try:
            yield
        finally:
            self.go_on()

    def stay_dead(self) -> None:
        """Start no host again after the next kill, until `go_on` says so: a test can look at what it has left."""
        self._held.unlink(missing_ok=True)
        self._hold.touch()

    @property
    def is_dead(self) -> bool:
        """Whether a host was killed and waits for `go_on`."""
        return self._held.exists()

    def go_on(self) -> None:
        """Start the next host, if the last one was killed, and others after later kills."""
        before, was_dead = self._process_id(), self.is_dead
        self._hold.unlink(missing_ok=True)
        while was_dead and self._process_id() == before:
            time.sleep(0.001)
        self._held.unlink(missing_ok=True)

    def _process_id(self) -> str:
        return self._running.read_text(encoding="ascii") if self._running.exists() else ""

    def ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Send a request to the management API; while no host listens, try again.

        Raises:
            LostAnswerError: The host took the request and was killed; it may have happened or not.
        """
        return self.send(method, API + path, body)

    def send(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Send a request to any path of the host, as `ask` does.

        Raises:
            LostAnswerError: The host took the request and was killed; it may have happened or not.
        """
        end = time.monotonic() + self.patience
        while True:
            try:
                self.requests += 1
                return self._http.request(method, path, json=body)
            except httpx.ConnectError:
                assert self._process.poll() is None, f"the host ended by itself:\n{self.log()}"
                assert time.monotonic() < end, f"no host listens:\n{self.log()}"
                time.sleep(_PAUSE_SECONDS)
            except httpx.TransportError as ex:
                raise LostAnswerError(f"{method} {path}") from ex

    def read(self, path: str) -> httpx.Response:
        """Return the answer to a GET request, asked until there is one."""
        while True:
            try:
                return self.ask("GET", path)
            except LostAnswerError:
                continue

    def status(self, instance_id: str) -> dict[str, Any]:
        """Return the status of an instance, empty when there is none."""
        answer = self.read(f"/instances/{instance_id}")
        status: dict[str, Any] = answer.json() if answer.status_code != 404 else {}
        return status

    def wait(self, instance_id: str, **fields: Any) -> dict[str, Any]:
        """Return the status of an instance once it has these fields."""
        end = time.monotonic() + self.patience
        while True:
            status = self.status(instance_id)
            if fields.items() <= status.items():
                return status
            assert time.monotonic() < end, f"never {fields}: {status}\n{self.log()[-4000:]}"
            time.sleep(_PAUSE_SECONDS)

    def wait_until_idle(self) -> None:
        """Wait until nothing is left to do in the task hub."""
        end = time.monotonic() + self.patience
        while left := self.rows("SELECT body FROM messages UNION ALL SELECT name FROM activities"):
            assert time.monotonic() < end, f"left in the task hub: {left}\n{self.log()[-4000:]}"
            time.sleep(_PAUSE_SECONDS)

    def rows(self, query: str, *values: object) -> list[Any]:
        """Read the task hub's file, whether a host has it open or was killed."""
        with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as file:
            return file.execute(query, values).fetchall()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
