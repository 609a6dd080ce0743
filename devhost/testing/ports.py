"""Ports of the loopback interface: a free one, and whether somebody listens."""

import socket
import subprocess
import time

_START_SECONDS = 30


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(process: "subprocess.Popen[bytes]", port: int) -> bool:
    """Wait until a child process listens on a port; False if it ended instead, or takes longer than 30 seconds."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.02)
    return False
