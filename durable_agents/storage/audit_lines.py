"""The lines of an audit log: each is one entry as JSON, with the hash of the one before it and a hash of its own."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

BEGINNING = "0" * 64
"""What stands in the first entry in the place of the hash of the one before it."""

_LINE = re.compile(rb'(\{.+),"hash":"([0-9a-f]{64})"\}', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Line:
    """One entry. `is_whole` says that it is as it was written: its hash is that of its other members.

    Of a line that is not, the hash is that of what stands there, so that others can follow it.
    """

    members: Mapping[str, Any]
    hash: str
    is_whole: bool

    @property
    def id(self) -> str:
        """What tells the entry from all others; a repeated entry has the id of the first."""
        return str(self.members.get("id"))

    @property
    def previous(self) -> str:
        """The hash of the entry before it."""
        return str(self.members.get("previous"))

    @property
    def continued_in(self) -> str | None:
        """The file that goes on after this entry, which is then the last one of its own."""
        name = self.members.get("continued_in")
        return None if name is None else str(name)


def write_line(previous: str, members: Mapping[str, Any]) -> bytes:
    """Return the line of an entry that follows the one with the hash `previous`."""
    text = json.dumps({"previous": previous, **members}, separators=(",", ":")).encode()
    return text[:-1] + b',"hash":"' + hashlib.sha256(text).hexdigest().encode() + b'"}\n'


def read_line(line: bytes) -> Line:
    """Return the entry of a line, which has no members if it is none."""
    found = _LINE.fullmatch(line)
    text = line if found is None else found[1] + b"}"
    try:
        members = json.loads(text)
    except (ValueError, RecursionError):
        members = None
    if found is None or not isinstance(members, dict) or hashlib.sha256(text).hexdigest() != found[2].decode():
        return Line(members if isinstance(members, dict) else {}, hashlib.sha256(line).hexdigest(), False)
    return Line(members, found[2].decode(), True)


def read_lines(content: bytes) -> Iterator[Line]:
    """Yield the entries of a file, or of its end from the beginning of a line on."""
    yield from map(read_line, content.split(b"\n")[:-1])
