"""What was measured: one value a repetition and contender, and the targets it is held to."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from devhost.bench.contenders import DEVHOST


@dataclass(frozen=True, slots=True)
class Spread:
    """A median with the lowest and the highest value."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Return the spread of at least one value."""
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table. `values` holds those of every contender in the order of the repetitions."""

    title: str
    unit: str
    values: Mapping[str, Sequence[float]]
    targets: Sequence[Target] = ()
    more_is_better: bool = False
    digits: int = 1

    def spread(self, label: str) -> Spread | None:
        """Return what a contender needed, or None when it took no part."""
        values = self.values.get(label)
        return Spread.of(values) if values else None

    def times(self, label: str) -> Spread | None:
        """Return how many times better devhost is than a contender, repetition by repetition.

        None when one of them took no part, or where there is nothing to divide by, as in counts of what went wrong.
        """
        ours, theirs = self.values.get(DEVHOST), self.values.get(label)
        if not ours or not theirs or 0 in (*ours, *theirs):
            return None
        pairs = zip(ours, theirs, strict=True)
        return Spread.of([our / their if self.more_is_better else their / our for our, their in pairs])


class Target(Protocol):
    """Something to reach."""

    def __str__(self) -> str:
        """Say it in the table."""

    def is_reached(self, line: Line) -> bool:
        """Say whether the medians reach it."""


@dataclass(frozen=True, slots=True)
class AtMost:
    """devhost needs no more than this, in the line's unit."""

    value: float
    unit: str

    def __str__(self) -> str:
        return f"at most {self.value:g} {self.unit}".rstrip()

    def is_reached(self, line: Line) -> bool:
        ours = line.spread(DEVHOST)
        return ours is not None and ours.median <= self.value


@dataclass(frozen=True, slots=True)
class TimesBetter:
    """devhost is this many times better than a contender."""

    factor: float
    than: str

    def __str__(self) -> str:
        return f"{self.factor:g} times {self.than}"

    def is_reached(self, line: Line) -> bool:
        times = line.times(self.than)
        return times is not None and times.median >= self.factor


@dataclass(frozen=True, slots=True)
class AtMostTimesPlus:
    """devhost needs at most `factor` times what the baseline needs, plus `extra` in the line's unit."""

    factor: float
    extra: float
    baseline: str

    def __str__(self) -> str:
        return f"at most {self.factor:g} times {self.baseline} + {self.extra:g} ms"

    def is_reached(self, line: Line) -> bool:
        ours, theirs = line.spread(DEVHOST), line.spread(self.baseline)
        return ours is not None and theirs is not None and ours.median <= self.factor * theirs.median + self.extra
