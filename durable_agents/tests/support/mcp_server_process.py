"""An MCP server as a child process: started, killed and started again on the same port."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from devhost.testing.host_process import REPOSITORY
from devhost.testing.ports import free_port, listens

EXAMPLE = REPOSITORY / "examples" / "library_server.py"
FAULTY = REPOSITORY / "durable_agents" / "tests" / "support" / "faulty_library.py"


class McpServerProcess:
    """Runs the example's server, or the one whose documents go wrong: `diary` is then the file of its calls."""

    def __init__(self, diary: Path | None = None, token: str | None = None) -> None:
        self._port = free_port()
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
        if not listens(self._process, self._port):
            raise AssertionError(f"{self._command} did not start")

    def kill(self) -> None:
        """End the process at once."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(timeout=20)
