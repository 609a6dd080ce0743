"""The figures as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from devhost.bench.contenders import DEVHOST, FRAMEWORK, PEERS, VARIANTS
from devhost.bench.figures import Line, Spread

_NONE = "-"
_MANY = 100


def ratios(lines: Sequence[Line]) -> str:
    """Return devhost beside the other engines: figures, ratios, targets and whether they are reached."""
    header = ["measure", DEVHOST, *PEERS, *(f"better than {peer}" for peer in PEERS), "target", "reached"]
    rows = []
    for line in lines:
        measured = [_cell(line.spread(label), line) for label in (DEVHOST, *PEERS)]
        times = [_times(line.times(label)) for label in PEERS]
        targets = ", ".join(map(str, line.targets)) or _NONE
        rows.append([_title(line), *measured, *times, targets, _reached(line)])
    return _markdown(header, rows)


def variants(lines: Sequence[Line]) -> str:
    """Return devhost's variants beside each other."""
    shown = [label for label in VARIANTS if any(line.values.get(label) for line in lines)]
    header = ["measure", *("sessions on" if label == DEVHOST else label for label in shown)]
    rows = [[_title(line), *(_cell(line.spread(label), line) for label in shown)] for line in lines]
    return _markdown(header, rows)


def _reached(line: Line) -> str:
    if not line.targets or not line.values.get(DEVHOST):
        return _NONE
    return "yes" if all(target.is_reached(line) for target in line.targets) else "**no**"


def _title(line: Line) -> str:
    title = f"{line.title}, {line.unit}" if line.unit else line.title
    framework = line.spread(FRAMEWORK)
    return title if framework is None else f"{title} ({FRAMEWORK} alone: {_cell(framework, line)})"


def _cell(spread: Spread | None, line: Line) -> str:
    if spread is None:
        return _NONE
    median, low, high = (f"{value:.{line.digits}f}" for value in (spread.median, spread.low, spread.high))
    return median if low == high else f"{median} ({low} to {high})"


def _times(spread: Spread | None) -> str:
    if spread is None:
        return _NONE
    if spread.median > _MANY:
        return f"over {_MANY}"
    if spread.low == spread.high:
        return f"{spread.median:.1f}"
    return f"{spread.median:.1f} ({spread.low:.1f} to {spread.high:.1f})"


def _markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
