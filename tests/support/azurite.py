"""Azurite's table service as a child process: Microsoft's own emulator of Azure Storage."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.ports import free_port, listens

COMMAND = shutil.which("azurite-table")
# Published with the emulator, for everybody: it protects nothing.
ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@contextmanager
def running_azurite(folder: Path) -> Iterator[str]:
    """Run the table service in a folder and yield the URL of the account.

    Raises:
        AssertionError: It did not start.
    """
    assert COMMAND is not None
    port = free_port()
    flags = ["--tableHost", "127.0.0.1", "--tablePort", str(port), "--location", str(folder)]
    command = [COMMAND, *flags, "--silent", "--skipApiVersionCheck", "--disableTelemetry"]
    with (folder / "azurite.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        if not listens(process, port):
            log_text = (folder / "azurite.log").read_text(encoding="utf-8")
            raise AssertionError(f"azurite-table did not start:\n{log_text}")
        yield f"http://127.0.0.1:{port}/{ACCOUNT}"
    finally:
        process.kill()
        process.wait()
