"""A host on a leash: it stops when its supervisor says so, and ends at once when the supervisor is gone."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from threading import Thread

NO_EDIT_HELPS = 78
"""The exit status of a supervised host that cannot serve for a reason outside the app's code."""


def obey(leash: int, stop: Callable[[], object]) -> None:
    """Read from a pipe, on a thread: at each byte call `stop`, and at its end, which is the supervisor's, exit.

    That exit is to the task hub what a kill of the host is: nothing is lost.
    """
    os.set_inheritable(leash, False)
    Thread(target=_read, args=(leash, stop), daemon=True).start()


def _read(leash: int, stop: Callable[[], object]) -> None:
    while os.read(leash, 1):
        with contextlib.suppress(RuntimeError):  # the event loop is closed: the host stops already
            stop()
    os._exit(1)
