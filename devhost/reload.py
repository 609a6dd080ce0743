"""`start --reload`: serves an app in a child process, and in a fresh one after each change of the app's code."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Event
from types import FrameType
from typing import Self

from devhost.app_code import AppCode
from devhost.supervised import NO_EDIT_HELPS
from devhost.web.server import listen

logger = logging.getLogger("devhost.reload")

_PATIENCE_SECONDS = 20.0
_MOST_NAMES = 3


class Reloader:
    """Starts one host after the other. The port is its own, so that requests wait for the next host while none serves.

    Only while the code is broken nobody holds the port: what would be answered at some later time is refused at once.
    """

    def __init__(self, app_root: Path, host: str, port: int, arguments: Sequence[str]) -> None:
        """Prepare; `arguments` are those of the command line."""
        self._app_root = app_root
        self._address = (host, port)
        self._arguments = arguments
        self._stopped = Event()
        self._code = AppCode(app_root, self._stopped)

    def run(self) -> int:
        """Serve until Ctrl+C, or until a host ends for a reason that no edit helps with, and return the exit status.

        Raises:
            PortInUseError: The port is taken.
            UnknownAddressError: The host is no address of this machine.
        """
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, self._stop)
        while True:
            self._code.take()
            with listen(*self._address) as listener:
                self._address = (self._address[0], listener.getsockname()[1])
                status = self._serve(listener)
            if status in (0, NO_EDIT_HELPS) or self._stopped.is_set():
                return min(abs(status), 1)
            logger.error("No host runs (exit status %d): the next change of the app's code starts one.", status)
            while not self._code.changed():
                if self._stopped.is_set():
                    return 0

    def _serve(self, listener: socket.socket) -> int:
        """Run hosts until one ends by itself, or is stopped for good, and return its exit status."""
        while True:
            with _Host([*self._arguments, "--port", str(self._address[1])], listener) as host:
                changed: list[str] = []
                while not changed:
                    if (status := host.status()) is not None:
                        return status
                    if self._stopped.is_set():
                        return host.stop()
                    changed = self._code.changed()
                logger.info("Changed: %s", self._named(changed))
                host.stop()
            self._code.take()

    def _stop(self, signum: int, _frame: FrameType | None) -> None:
        """Stop the host at the first signal; the second one ends this process, and the host with it."""
        self._stopped.set()
        signal.signal(signum, signal.SIG_DFL)

    def _named(self, changed: Sequence[str]) -> str:
        names = [os.path.relpath(path, self._app_root) for path in changed[:_MOST_NAMES]]
        more = len(changed) - len(names)
        return ", ".join(names) + (f" and {more} more" if more else "")


class _Host:
    """A host as a child process on a leash: a pipe that ends when this process does, however it ends."""

    def __init__(self, arguments: Sequence[str], listener: socket.socket) -> None:
        command = [sys.executable, "-m", "devhost", *arguments]
        if sys.platform == "win32":  # what a child may inherit there is its standard input, and no socket
            listener.close()
            self._process = subprocess.Popen([*command, "--leash", "0"], stdin=subprocess.PIPE)
            assert self._process.stdin is not None
            self._leash = self._process.stdin.fileno()
            return
        leash, self._leash = os.pipe()
        inherited = (leash, listener.fileno())
        command += ["--leash", str(leash), "--listener", str(listener.fileno())]
        self._process = subprocess.Popen(command, pass_fds=inherited)
        os.close(leash)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the leash: a host that still runs ends."""
        os.close(self._leash)

    def status(self) -> int | None:
        """Return the exit status of the host when it has ended."""
        return self._process.poll()

    def stop(self) -> int:
        """Stop the host as Ctrl+C does, and return its exit status; one that takes too long is killed."""
        with contextlib.suppress(BrokenPipeError):  # it has ended by itself
            os.write(self._leash, b".")
        try:
            return self._process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
