"""A devhost to play against, as a child process on an empty task hub."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[4]
APP = PROJECT / "devhost" / "tests" / "conformance" / "app"

_READY = "Listening on "
_START_SECONDS = 30
_STOP_SECONDS = 20


class NoHostError(Exception):
    """devhost did not start; the text holds what it wrote."""


@contextmanager
def devhost_process(flags: Sequence[str] = ()) -> Iterator[str]:
    """Serve the reference app while the context lasts, and give the URL; `flags` go to `devhost start`.

    Raises:
        NoHostError: It ended, or did not listen in time.
    """
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        scratch, output = Path(folder, "scratch"), Path(folder, "devhost.txt")
        scratch.mkdir()
        command = [sys.executable, "-m", "devhost", "start", "--app-root", str(APP), "--port", "0"]
        with output.open("wb") as stream:
            process = subprocess.Popen(
                [*command, "--db", str(Path(folder, "state.db")), *flags],
                cwd=PROJECT,
                env={**os.environ, "REFERENCE_SCRATCH": str(scratch)},
                stdout=stream,
                stderr=subprocess.STDOUT,
            )
        try:
            yield _listening_url(process, output)
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _listening_url(process: "subprocess.Popen[bytes]", output: Path) -> str:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        for line in output.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(_READY):
                return line.removeprefix(_READY).split()[0]
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise NoHostError(f"devhost did not get to {_READY!r}; it wrote:\n{output.read_text(errors='replace')}")
