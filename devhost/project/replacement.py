"""Files and folders of a project replaced together: after a crash all of them are the old ones, or can become the new.

    .upgrade/new/...     what comes, put together in peace
    .upgrade/ready       from here on the new is meant: whatever happens, the next command of dev.py goes on to the end
    .upgrade/old/...     what was there, until all is in its place

dev.py finds its own library in here too, in the moment in which it is nowhere else.
"""

import os
from pathlib import Path

from devhost.project.files import remove
from devhost.project.setup_lock import exclusive_setup

_AREA = ".upgrade"


def new_area(root: Path) -> Path:
    """Return an empty folder to put together in what comes. Call it, and `replace`, under the lock of the project."""
    area = root / _AREA
    remove(area)
    (area / "new").mkdir(parents=True)
    return area / "new"


def replace(root: Path) -> None:
    """Put everything in the area into its place."""
    if hasattr(os, "sync"):
        os.sync()
    (root / _AREA / "ready").touch()
    _move(root)


def finish_replacement(root: Path) -> None:
    """End what a process that was killed has begun: go on when it had all together, forget it when not."""
    if not (root / _AREA).is_dir():
        return
    with exclusive_setup(root):
        if not (root / _AREA).is_dir():
            return
        if (root / _AREA / "ready").exists():
            print("Finishing the upgrade that was interrupted ...", flush=True)
            _move(root)
        else:
            remove(root / _AREA)


def _move(root: Path) -> None:
    area = root / _AREA
    (area / "old").mkdir(exist_ok=True)
    # dev.py last: the lock is on it, and who opens the new one does not wait for us.
    for staged in sorted((area / "new").iterdir(), key=lambda path: (path.name == "dev.py", path.name)):
        place = root / staged.name
        if place.is_dir() and not place.is_symlink():
            place.rename(area / "old" / staged.name)
        if (
            os.name == "nt" and staged.name == "dev.py"
        ):  # an open file cannot be replaced there, and the lock has it open
            place.write_bytes(staged.read_bytes())
            staged.unlink()
        else:
            staged.replace(place)
    (area / "ready").unlink()
    remove(area)
