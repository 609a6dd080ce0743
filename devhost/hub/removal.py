"""Removes a task hub file for good."""

from __future__ import annotations

from pathlib import Path

from devhost.hub.file import HubVersionError
from devhost.hub.snapshot import HubSnapshot


def check_is_task_hub(path: Path) -> None:
    """Make sure that a file is a task hub of this devhost or a newer one.

    Raises:
        NotATaskHubError: It is something else, or absent.
    """
    try:
        HubSnapshot(path).close()
    except HubVersionError:
        return


def remove_hub(path: Path) -> None:
    """Remove a task hub's files; the caller holds its `HubLock`.

    The database goes first: SQLite ignores a log without one. The lock file stays, so that no host can hold a lock on a
    file that is gone while another takes the lock on a new one.
    """
    path.unlink()
    for suffix in ("-wal", "-shm", "-journal", ".deaths", ".note", ".table"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
