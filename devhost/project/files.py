"""Files and folders of a project: removing them, and walking past what nobody wrote by hand."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

CACHES = frozenset({"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", "build", "dist"})


def remove(path: Path) -> bool:
    """Remove a file, a link (not what it points to) or a whole folder, and say whether it was there."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)
    else:
        return False
    return True


def walk(folder: Path, skipped: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield every file and link below `folder` as a path with slashes, in order, without caches.

    `skipped` names folders, by their path from `folder`, that are left out.
    """
    for place, folders, files in os.walk(folder):
        prefix = Path(place).relative_to(folder)
        links = [name for name in folders if Path(place, name).is_symlink()]
        folders[:] = sorted(
            name
            for name in set(folders) - set(links) - CACHES
            if not name.endswith(".egg-info") and (prefix / name).as_posix() not in skipped
        )
        for name in sorted([*files, *links]):
            if not name.endswith((".pyc", ".pyo")) and name not in {".DS_Store", "Thumbs.db"}:
                yield (prefix / name).as_posix()


def copy_file(source: Path, target: Path) -> None:
    """Copy a file with its mode, or a link as a link, into a folder that is made when it is missing."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target, follow_symlinks=False)
