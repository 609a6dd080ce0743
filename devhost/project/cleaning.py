"""Removing what the commands and the runs of a project left."""

import os
from pathlib import Path

from devhost.project.files import remove
from devhost.project.setup_lock import exclusive_setup

_MADE = (".devhost", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", "build")


def clean(root: Path) -> None:
    """Remove `.venv`, the task hub, kept state and all caches, never following a link out of the project."""
    found = [root / name for name in _MADE]
    found += _kept_state(root / ".agents")
    for folder, names, _files in os.walk(root):
        names[:] = [name for name in names if name not in {".git", ".venv"}]
        found += [Path(folder, name) for name in names if name == "__pycache__"]
    with exclusive_setup(root):
        (root / ".venv" / "installed.json").unlink(missing_ok=True)
        for path in [root / ".venv", *found]:
            if remove(path):
                print("removed", path.relative_to(root))


def _kept_state(folder: Path) -> list[Path]:
    """Return what runs left. The folder itself stays: the Functions host restarts when one appears."""
    if folder.is_symlink() or not folder.is_dir():
        return [folder]
    return [path for path in folder.iterdir() if path.name != ".gitkeep"]
