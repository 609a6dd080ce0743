"""Azurite's tables as an identity reaches them: over TLS, and with a token in the place of a key."""

import base64
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from devhost.testing.leash import Leashed
from devhost.testing.ports import free_port, listens

_NOBODY = "00000000-0000-0000-0000-000000000000"


@contextmanager
def azure_tables(certificate: tuple[Path, Path], folder: Path) -> Iterator[str]:
    """Run them, in memory and with their log in a folder, and yield the URL of the account.

    Raises:
        AssertionError: They did not start.
    """
    port, (chain, key) = free_port(), map(str, certificate)
    command = ["azurite-table", "--tableHost", "127.0.0.1", "--tablePort", str(port), "--inMemoryPersistence"]
    command += ["--oauth", "basic", "--cert", chain, "--key", key, "--skipApiVersionCheck", "--disableTelemetry"]
    with (folder / "tables.log").open("wb") as log:
        tables = Leashed(command, cwd=folder, env=dict(os.environ), log=log)
    try:
        assert listens(tables.process, port), (folder / "tables.log").read_text(encoding="utf-8")
        yield f"https://localhost:{port}/devstoreaccount1"
    finally:
        tables.kill()


def storage_token() -> str:
    """Return a token for storage, in the form that Azurite asks for; nobody has signed it."""
    now = int(time.time())
    times = {"iat": now - 60, "nbf": now - 60, "exp": now + 86_400}
    claims = {"aud": "https://storage.azure.com", "iss": f"https://sts.windows.net/{_NOBODY}/", "ver": "1.0", **times}
    return ".".join([_encoded({"alg": "none", "typ": "JWT"}), _encoded(claims), "c2ln"])


def _encoded(part: Mapping[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
