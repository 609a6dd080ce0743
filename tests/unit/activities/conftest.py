"""Blob Storage for the activities that write to it: an Azurite of the test's own."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.core.credentials import AzureNamedKeyCredential

ACCOUNT = "devstoreaccount1"
# The account key of every Azurite; it is published in its documentation and opens nothing else.
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@pytest.fixture
def credential() -> AzureNamedKeyCredential:
    """What opens the account of `account_url`."""
    return AzureNamedKeyCredential(ACCOUNT, ACCOUNT_KEY)


@pytest.fixture
def account_url(tmp_path: Path, unused_tcp_port: int) -> Iterator[str]:
    """The blob service of an Azurite that runs for this test."""
    azurite = shutil.which("azurite-blob")
    if azurite is None:
        pytest.skip("Blob Storage is tested against Azurite: npm install -g azurite")
    port = unused_tcp_port
    arguments = ["--silent", "--skipApiVersionCheck", "--blobPort", str(port), "--location", str(tmp_path / "azurite")]
    process = subprocess.Popen([azurite, *arguments])
    try:
        _wait_for_port(port)
        yield f"http://127.0.0.1:{port}/{ACCOUNT}"
    finally:
        process.terminate()
        process.wait()


def _wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
