"""Where it all happens: a folder for the files, and how often everything is repeated."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TypeVar

from devhost.bench.contenders import PEERS, contender
from devhost.bench.peer_process import Contender, PeerProcess

ValueT = TypeVar("ValueT")


@dataclass(frozen=True, slots=True)
class Scale:
    """Which variants of devhost take part, and how often rows are repeated that take a short time, or a long one."""

    variants: tuple[str, ...]
    short: int
    medium: int
    long: int
    idle_seconds: float


class Stage:
    """Opens contenders, each on a folder of its own, and lets them take turns."""

    def __init__(self, folder: Path, scale: Scale, stack: ExitStack) -> None:
        """Take an empty folder; the processes end with the stack."""
        self.scale = scale
        self._folder = folder
        self._stack = stack
        self._names = count()
        self._warm: list[PeerProcess] = []

    def forget_warm(self) -> None:
        """End the warm contenders; whoever needs them next gets new ones."""
        for one in self._warm:
            one.kill()
        self._warm.clear()

    def new_folder(self) -> Path:
        """Return a new, empty folder."""
        folder = self._folder / str(next(self._names))
        folder.mkdir()
        return folder

    def open(self, who: Contender, folder: Path | None = None) -> PeerProcess:
        """Start a contender's process, for use as a context."""
        return PeerProcess(who, folder or self.new_folder())

    def warm(self) -> Sequence[PeerProcess]:
        """Return all contenders, warmed up, the same each time."""
        if not self._warm:
            for label in (*self.scale.variants, *PEERS):
                self._warm.append(self._stack.enter_context(self.open(contender(label))))
                self._warm[-1].ask("warm_up")
        return self._warm

    def warm_variants(self) -> Sequence[PeerProcess]:
        """Return the variants of devhost, warmed up."""
        return self.warm()[: len(self.scale.variants)]


def alternate(
    contenders: Iterable[PeerProcess], repetitions: int, measure: Callable[[PeerProcess], ValueT]
) -> dict[str, list[ValueT]]:
    """Measure one contender after the other, again and again, and return the values of each by its label."""
    values: dict[str, list[ValueT]] = {}
    for _ in range(repetitions):
        for one in contenders:
            values.setdefault(one.label, []).append(measure(one))
    return values
