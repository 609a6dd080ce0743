"""Azurite's table service as a child process: Microsoft's own emulator of Azure Storage."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

COMMAND = shutil.which("azurite-table")
# Published with the emulator, for everybody: it protects nothing.
ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

_START_SECONDS = 30


@contextmanager
def running_azurite(folder: Path) -> Iterator[str]:
    """Run the table service in a folder and yield the URL of the account.

    Raises:
        AssertionError: It did not start.
    """
    assert COMMAND is not None
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    flags = ["--tableHost", "127.0.0.1", "--tablePort", str(port), "--location", str(folder)]
    command = [COMMAND, *flags, "--silent", "--skipApiVersionCheck", "--disableTelemetry"]
    with (folder / "azurite.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        _wait_for(port, process, folder / "azurite.log")
        yield f"http://127.0.0.1:{port}/{ACCOUNT}"
    finally:
        process.kill()
        process.wait()


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"azurite-table did not start:\n{log.read_text(encoding='utf-8')}")
