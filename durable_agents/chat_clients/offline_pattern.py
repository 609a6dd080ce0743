"""Write texts that match a regular expression, for the patterns that schemas use in practice.

Understood are literals, classes, groups, alternatives and counted repetition. What is not (look-around, references to
groups) yields no texts; callers check every text against the real expression anyway.
"""

import re
from collections.abc import Iterator

_CLASSES = {"d": "0", "w": "a", "s": " ", "D": "a", "W": "-", "S": "a", "t": "\t", "n": "\n", "r": "\r"}
_ANCHORS = {"b", "B", "A", "Z", "z"}
_REPETITIONS = (0, 1, 2, 4, 8, 16, 32, 64)
_COUNT = re.compile(r"\{(\d*)(,?)(\d*)\}")


def sample_pattern(pattern: str, min_length: int = 0) -> Iterator[str]:
    """Yield texts made from `pattern`, the shortest first, then longer ones where its repetitions allow it.

    Each text is a candidate: it is derived from the pattern, but not yet checked against it or against any length.
    """
    for repetitions in (*_REPETITIONS, min_length):
        try:
            yield _Reader(pattern, repetitions).read()
        except (_NotUnderstoodError, IndexError, re.error):
            return


class _NotUnderstoodError(ValueError):
    """The pattern uses something this module does not read."""


class _Reader:
    """One pass over a pattern; repetition runs `repetitions` times, or as near to it as its bounds allow."""

    def __init__(self, pattern: str, repetitions: int) -> None:
        self._rest = pattern
        self._repetitions = repetitions

    def read(self) -> str:
        text = self._alternatives()
        if self._rest:
            raise _NotUnderstoodError(self._rest)
        return text

    def _alternatives(self) -> str:
        """Read up to the end of the group and return a text for the first alternative."""
        first = self._sequence()
        while self._rest.startswith("|"):
            self._rest = self._rest[1:]
            self._sequence()
        return first

    def _sequence(self) -> str:
        text = ""
        while self._rest and self._rest[0] not in "|)":
            text += self._atom() * self._quantifier()
        return text

    def _atom(self) -> str:
        char = self._take()
        if char in "^$":
            return ""
        if char == "(":
            return self._group()
        if char == "[":
            return self._set()
        if char == "\\":
            return self._escape()
        return "a" if char == "." else char

    def _group(self) -> str:
        if self._rest.startswith("?"):
            opening = re.match(r"\?(?::|P?<\w+>)", self._rest)
            if opening is None:
                raise _NotUnderstoodError(self._rest)
            self._rest = self._rest[opening.end() :]
        text = self._alternatives()
        if self._take() != ")":
            raise _NotUnderstoodError(self._rest)
        return text

    def _set(self) -> str:
        """Return the first character of a class, or for an excluding one a character outside it."""
        closing = re.match(r"\^?\]?(?:\\.|[^\]\\])*\]", self._rest)
        if closing is None:
            raise _NotUnderstoodError(self._rest)
        members, self._rest = closing.group(), self._rest[closing.end() :]
        expression = re.compile("[" + members)
        preferred = "a0A-_. !#/\t"
        first = members[0] if members[0] not in "^\\" else ""
        for candidate in first + preferred + "".join(map(chr, range(33, 0x250))):
            if expression.match(candidate):
                return candidate
        raise _NotUnderstoodError(members)

    def _escape(self) -> str:
        char = self._take()
        if char in _ANCHORS:
            return ""
        if char not in _CLASSES and char.isalnum():
            raise _NotUnderstoodError(char)
        return _CLASSES.get(char, char)

    def _quantifier(self) -> int:
        fewest, most = self._bounds()
        if self._rest[:1] in ("?", "+") and (fewest, most) != (1, 1):
            self._rest = self._rest[1:]
        wanted = max(fewest, self._repetitions)
        return wanted if most is None else min(wanted, most)

    def _bounds(self) -> tuple[int, int | None]:
        symbol = self._rest[:1]
        if symbol and symbol in "*+?":
            self._rest = self._rest[1:]
            return (1 if symbol == "+" else 0), (1 if symbol == "?" else None)
        counted = _COUNT.match(self._rest)
        if counted is None:
            return 1, 1
        self._rest = self._rest[counted.end() :]
        fewest, comma, most = counted.groups()
        return int(fewest or 0), (int(most) if most else None) if comma else int(fewest or 0)

    def _take(self) -> str:
        taken = self._rest[0]
        self._rest = self._rest[1:]
        return taken
