"""A real Redis server as a child process, on a free port of the loopback interface."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from devhost.testing.ports import free_port, listens

PASSWORD = "test-password"


class RedisServer:
    """Runs `redis-server` with a password and without files; whatever it holds is gone when it is killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The server's URL, with the password."""
        return f"redis://:{PASSWORD}@127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Start the server and wait until it takes connections.

        Raises:
            AssertionError: It ended, or did not listen in time; the message holds its output.
        """
        log = self._folder / "redis.log"
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(self._port), "--requirepass", PASSWORD]
        command += ["--save", "", "--appendonly", "no", "--dir", str(self._folder), "--logfile", str(log)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        if not listens(self._process, self._port):
            raise AssertionError(f"redis-server did not start:\n{log.read_text() if log.exists() else ''}")

    def kill(self) -> None:
        """End the server at once."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(timeout=10)


def is_installed() -> bool:
    """Say whether this machine has a `redis-server`."""
    return shutil.which("redis-server") is not None
