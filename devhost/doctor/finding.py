"""What a check found, and how it is printed."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from devhost.printable import printable

_WIDTH = 120


class Level(StrEnum):
    """How bad it is: a fault stops something, a warning may, a note only explains."""

    FAULT = "fault"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found. `check` is a name that stays, `where` a file, a run or an address."""

    level: Level
    check: str
    what: str
    where: str
    fix: str


def fault(check: str, what: str, where: str, fix: str) -> Finding:
    """Return a finding that ends the doctor with exit status 1."""
    return Finding(Level.FAULT, check, what, where, fix)


def warning(check: str, what: str, where: str, fix: str) -> Finding:
    """Return a finding about what may be right."""
    return Finding(Level.WARNING, check, what, where, fix)


def note(check: str, what: str, where: str, fix: str) -> Finding:
    """Return a finding about what is as it should be and may surprise."""
    return Finding(Level.NOTE, check, what, where, fix)


def as_text(findings: Sequence[Finding]) -> str:
    """Return all findings, the worst first, a block each, and how many there are."""
    ordered = sorted(findings, key=lambda one: list(Level).index(one.level))
    counts = Counter(one.level for one in findings)
    counted = [f"{counts[level]} {level}{'s' if counts[level] != 1 else ''}" for level in Level if counts[level]]
    return "\n\n".join([*map(_block, ordered), f"Found: {', '.join(counted)}." if counted else "Nothing is wrong."])


def as_json(findings: Sequence[Finding]) -> str:
    """Return all findings as a JSON array of objects."""
    return json.dumps([asdict(one) for one in findings], indent=2)


def _block(one: Finding) -> str:
    head = f"{one.level.upper()} {one.check}: {one.what}"
    parts = [(head, "  "), (f"  where: {one.where}", "         "), (f"  fix:   {one.fix}", "         ")]
    wrapped = (
        textwrap.wrap(printable(text), _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
        for text, indent in parts
    )
    return "\n".join(line for lines in wrapped for line in lines)
