"""The app's code on disk, and when it changes."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

from watchfiles import watch

from devhost.app_settings import SETTINGS_FILES

_NOT_CODE = {"__pycache__", "node_modules", "outbox", "published", "tests", "venv"}
_CONFIGURATION = {"host.json", *SETTINGS_FILES}
_QUIET_SECONDS = 0.05
_LOOK_SECONDS = 0.5
_LONGEST_CHANGE_SECONDS = 5.0

Files = dict[str, tuple[int, int]]
"""Paths, with the time of the last change and the size of each file."""


class AppCode:
    """Tells when the code of an app is no longer what it was.

    What is on disk says so, compared file by file; the system's notices only say when to look. Where they do not come
    (some network file systems, some mounts in containers), a look twice a second finds the change as well.
    """

    def __init__(self, app_root: Path, stopped: Event) -> None:
        """Prepare; once `stopped` is set nobody waits for changes any more."""
        self._app_root = app_root
        self._stopped = stopped
        self._files: Files = {}
        self._folders: list[str] = []
        self._watched: list[str] = []
        self._notices: Iterator[object] = iter(())

    def take(self) -> None:
        """Take the code as it is once it stays the same for a moment: what differs from it later has changed."""
        before, deadline = self._files, time.monotonic() + _LONGEST_CHANGE_SECONDS
        now = self._look()
        while time.monotonic() < deadline and now != (latest := self._after_a_moment()):
            now = latest
        self._files = now
        for path in _differences(before, now):
            _forget_compiled(path)

    def changed(self) -> list[str]:
        """Wait for a change, half a second at most, and return the files that are not as they were taken."""
        if self._watched != self._folders:
            self._watched = self._folders
            self._notices = watch(
                *self._watched,
                watch_filter=None,
                recursive=False,
                step=int(_QUIET_SECONDS * 1000),
                rust_timeout=int(_LOOK_SECONDS * 1000),
                yield_on_timeout=True,
                stop_event=self._stopped,
            )
        try:
            next(self._notices, None)
        except OSError:  # a folder is gone by now, or the system gives no more notices
            self._watched = []
            self._stopped.wait(_LOOK_SECONDS)
        return _differences(self._files, self._look())

    def _after_a_moment(self) -> Files:
        time.sleep(_QUIET_SECONDS)
        return self._look()

    def _look(self) -> Files:
        """Return the files that are the code, and note the folders that may hold such."""
        self._folders = []
        files: Files = {}
        for folder, names, file_names in os.walk(self._app_root):
            names[:] = [name for name in names if not (name.startswith(".") or name in _NOT_CODE)]
            self._folders.append(folder)
            for name in file_names:
                if name in _CONFIGURATION or (name.endswith(".py") and not name.startswith(".")):
                    with contextlib.suppress(FileNotFoundError):  # it is being replaced
                        path = os.path.join(folder, name)
                        found = os.stat(path)
                        files[path] = (found.st_mtime_ns, found.st_size)
        return files


def _differences(before: Files, now: Files) -> list[str]:
    return sorted(path for path in before.keys() | now.keys() if before.get(path) != now.get(path))


def _forget_compiled(path: str) -> None:
    """Remove what Python has compiled of a file: it would take it for the file of the same second and size."""
    if path.endswith(".py"):
        with contextlib.suppress(OSError):  # where it cannot be removed, none is written either
            os.unlink(importlib.util.cache_from_source(path))
