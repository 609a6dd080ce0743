"""Files that are written once per key: how an activity that runs twice leaves one file."""

import hashlib
import os
import re
import tempfile
from pathlib import Path

_PLAIN_STEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,199}")


def write_once(folder: Path, key: str, suffix: str, content: bytes) -> Path:
    """Write `content` to the file of this key, unless the file exists already, and return its path.

    The file appears whole or not at all, whenever the process dies: it is written under a temporary name that starts
    with a dot, flushed to disk, then linked. The first content of a key stays, of several processes that write too,
    but where a file system has no links.
    """
    target = keyed_path(folder, key, suffix)
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".", suffix=".tmp", delete=False) as temporary:
        temporary.write(content)
        temporary.flush()
        os.fsync(temporary.fileno())
    try:
        # A link, unlike a rename, does not replace what somebody else has written meanwhile.
        os.link(temporary.name, target)
    except FileExistsError:
        pass
    except OSError:
        os.replace(temporary.name, target)
        return target
    os.unlink(temporary.name)
    return target


def keyed_path(folder: Path, key: str, suffix: str) -> Path:
    """Return where the file of this key is, or would be."""
    return folder / f"{stem_of(key)}{suffix}"


def stem_of(key: str) -> str:
    """Return the key itself where it is a safe file name, else its digest: a key must never choose another folder.

    Raises:
        ValueError: There is no key, so that nothing could tell what was done before.
    """
    if not key:
        raise ValueError("An activity that acts once for a key got none. Call it with context.call, or give it a key.")
    return key if _PLAIN_STEM.fullmatch(key) else hashlib.sha256(key.encode()).hexdigest()
