"""An MCP server as a child process: started, killed and started again on the same port."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.support.host_process import REPOSITORY

EXAMPLE = REPOSITORY / "examples" / "library_server.py"
FAULTY = REPOSITORY / "tests" / "support" / "faulty_library.py"

_START_SECONDS = 30


class McpServerProcess:
    """Runs the example's server, or the one whose documents go wrong: `diary` is then the file of its calls."""

    def __init__(self, diary: Path | None = None, token: str | None = None) -> None:
        self._port = _free_port()
        self._command = [sys.executable, str(EXAMPLE), "--port", str(self._port)]
        if diary is not None:
            self._command = [sys.executable, str(FAULTY), str(self._port), str(diary), *([token] if token else [])]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The value for MCP_SERVER_URL; it stays the same over restarts."""
        return f"http://127.0.0.1:{self._port}/mcp"

    def start(self) -> None:
        """Start the server and wait until it listens.

        Raises:
            AssertionError: It ended, or did not listen in time; its output is that of the test.
        """
        self._process = subprocess.Popen(self._command)
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError(f"{self._command} did not start")

    def kill(self) -> None:
        """End the process at once."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(timeout=20)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
