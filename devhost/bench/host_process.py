"""`devhost start` as a child process, on any free port."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

_READY = "Listening on "


class HostProcess:
    """A host that listens; it ends with the context."""

    def __init__(self, app_root: Path, hub: Path, flags: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start the host and wait until it listens.

        Raises:
            RuntimeError: It ended instead; its own words are on stderr.
        """
        command = [sys.executable, "-m", "devhost", "start", "--app-root", str(app_root), "--db", str(hub)]
        self._process = subprocess.Popen(
            [*command, "--port", "0", *flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **environment},
        )
        self.url = self._wait_for_url()

    def __enter__(self) -> Self:
        """Return the host."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()

    def _wait_for_url(self) -> str:
        assert self._process.stdout is not None  # it is a pipe
        for line in self._process.stdout:
            if line.startswith(_READY):
                return line.removeprefix(_READY).split()[0]
        raise RuntimeError(f"devhost did not start: {self._process.args!r} ended with {self._process.wait()}.")
