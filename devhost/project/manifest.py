"""FILES.sha256 in each library: what was released, so that an upgrade sees what somebody has edited since.

`sha256sum -c FILES.sha256`, run in the library's folder, reads it too. It lists what every project has of the library;
tests, benchmarks and decision records stay in the template and are not in it. dev.py belongs to devhost. Line ends
count as those of Unix, for Git may check files out with those of Windows.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from devhost.project.files import walk

LIBRARIES = ("durable_agents", "devhost")
NAME = "FILES.sha256"
UNSHIPPED = ("tests", "bench", "docs/decisions")
_OUTSIDE = {"devhost": ("../dev.py",)}
_LINE = re.compile(r"([0-9a-f]{64}) [ *](\S.*)")


class ManifestError(Exception):
    """There is no manifest, or it lists nothing."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One file that is not as it was released: edited, added or deleted."""

    kind: str
    path: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.path}"


def shipped(root: Path, library: str) -> Iterator[str]:
    """Yield the files of a library that every project has, by their path from its folder; the manifest is not one."""
    for name in walk(root / library, frozenset(UNSHIPPED)):
        if name != NAME:
            yield name


def write(root: Path, library: str) -> int:
    """Write down what the library consists of now, and return how many files that are."""
    folder = root / library
    names = [*shipped(root, library), *_OUTSIDE.get(library, ())]
    lines = [f"{_digest(folder / name)}  {name}\n" for name in sorted(names)]
    (folder / NAME).write_text("".join(lines), encoding="utf-8", newline="\n")
    return len(lines)


def differences(root: Path, library: str) -> list[Difference]:
    """Return how the library of a project differs from what its manifest says.

    Raises:
        ManifestError: There is no manifest, or it lists nothing.
    """
    folder = root / library
    released = _read(folder / NAME)
    there = {*shipped(root, library), *(name for name in _OUTSIDE.get(library, ()) if (folder / name).is_file())}
    found = [Difference("added", _shown(library, name)) for name in there - released.keys()]
    found += [Difference("deleted", _shown(library, name)) for name in released.keys() - there]
    found += [
        Difference("edited", _shown(library, name))
        for name in there & released.keys()
        if _digest(folder / name) != released[name]
    ]
    return sorted(found, key=lambda one: one.path)


def _read(path: Path) -> dict[str, str]:
    if not path.is_file():
        raise ManifestError(f"{path.parent.name}/{NAME} is missing, which says what was released")
    matches = map(_LINE.fullmatch, path.read_text(encoding="utf-8", errors="replace").splitlines())
    released = {match[2]: match[1] for match in matches if match}
    if not released:
        raise ManifestError(f"{path.parent.name}/{NAME} lists no file")
    return released


def _digest(path: Path) -> str:
    if path.is_symlink():
        return hashlib.sha256(b"link to " + bytes(path.readlink())).hexdigest()
    content = path.read_bytes()
    if b"\0" not in content:
        content = content.replace(b"\r\n", b"\n")
    return hashlib.sha256(content).hexdigest()


def _shown(library: str, name: str) -> str:
    return name.removeprefix("../") if name.startswith("../") else f"{library}/{name}"
