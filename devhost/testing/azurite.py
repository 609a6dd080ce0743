"""Azurite, Microsoft's own emulator of Azure Storage, as a child process."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from azure.core.credentials import AzureNamedKeyCredential

from devhost.testing.leash import Leashed
from devhost.testing.ports import free_port, listens

_ACCOUNT = "devstoreaccount1"
# Published with the emulator, for everybody: it protects nothing.
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
CREDENTIAL = AzureNamedKeyCredential(_ACCOUNT, _KEY)


@contextmanager
def running_azurite(service: Literal["blob", "table"], folder: Path) -> Iterator[str]:
    """Run a service in a folder and yield the URL of the account; without Azurite, the test is skipped.

    Raises:
        AssertionError: It did not start.
    """
    name = f"azurite-{service}"
    program = shutil.which(name)
    if program is None:
        pytest.skip(f"{name} is not installed: npm install -g azurite")
    port = free_port()
    flags = [f"--{service}Host", "127.0.0.1", f"--{service}Port", str(port), "--location", str(folder)]
    command = [program, *flags, "--silent", "--skipApiVersionCheck", "--disableTelemetry"]
    with (folder / "azurite.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        if not listens(process, port):
            log_text = (folder / "azurite.log").read_text(encoding="utf-8")
            raise AssertionError(f"{name} did not start:\n{log_text}")
        yield f"http://127.0.0.1:{port}/{_ACCOUNT}"
    finally:
        process.kill()
        process.wait()


@contextmanager
def storage_account(folder: Path) -> Iterator[str]:
    """Run a whole account, kept in memory, with its log in a folder, and yield its connection string.

    Raises:
        AssertionError: It did not start.
    """
    ports = {name: free_port() for name in ("blob", "queue", "table")}
    flags = [
        flag for name, port in ports.items() for flag in (f"--{name}Host", "127.0.0.1", f"--{name}Port", str(port))
    ]
    command = ["azurite", *flags, "--inMemoryPersistence", "--silent", "--skipApiVersionCheck", "--disableTelemetry"]
    with (folder / "azurite.log").open("wb") as log:
        azurite = Leashed(command, cwd=folder, env=dict(os.environ), log=log)
    try:
        if not all(listens(azurite.process, port) for port in ports.values()):
            raise AssertionError(f"azurite did not start:\n{(folder / 'azurite.log').read_text(encoding='utf-8')}")
        endpoints = (f"{name.title()}Endpoint=http://127.0.0.1:{port}/{_ACCOUNT}" for name, port in ports.items())
        yield ";".join(("DefaultEndpointsProtocol=http", f"AccountName={_ACCOUNT}", f"AccountKey={_KEY}", *endpoints))
    finally:
        azurite.kill()
