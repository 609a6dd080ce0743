"""An MCP server as a child process: started, killed and started again on the same port."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from devhost.testing.ports import free_port, listens

SERVER = Path(__file__).with_name("library_server.py")


class McpServerProcess:
    """Runs the library; `diary` is the file of its calls, and who has no `token` that was set is refused."""

    def __init__(self, diary: Path | None = None, token: str | None = None) -> None:
        self._port = free_port()
        self._command = [sys.executable, str(SERVER), str(self._port), str(diary or os.devnull)]
        self._command += [token] if token else []
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
