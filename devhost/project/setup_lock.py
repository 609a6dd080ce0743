"""The one lock under which a project's `.venv` and libraries change."""

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


@contextlib.contextmanager
def exclusive_setup(root: Path) -> Iterator[None]:
    """Hold the lock, waiting for its present holder.

    It is on dev.py itself, so that it leaves nothing behind. The system drops it when its last holder is gone; on POSIX
    the pip that we start is a holder too, so nobody rebuilds under a pip that outlived a killed dev.py.
    """
    with open(root / "dev.py", "r+b") as file:
        os.set_inheritable(file.fileno(), True)
        if not _try_lock(file):
            print("Another dev.py is changing this project; waiting for it ...", flush=True)
            while not _try_lock(file):
                time.sleep(0.1)
        yield


def _try_lock(file: IO[bytes]) -> bool:
    try:
        if sys.platform == "win32":
            file.seek(1 << 30)  # beyond the end: a locked byte cannot be read by others on Windows
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
