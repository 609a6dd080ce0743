"""Rows on a crash: how soon the next process goes on, and what it does again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from devhost.bench.contenders import DBOS
from devhost.bench.crash import ALL_STEPS, Crash, crash
from devhost.bench.figures import AtMost, Line
from devhost.bench.stage import Stage

_SHORT_STEPS = "0 0.02"
_LONG_STEPS = "0.1 0.3"


def recovery(stage: Stage) -> list[Line]:
    """Kill the process with 200 runs of short steps in flight, a third of all steps taken, and open another."""
    seen: dict[str, list[Crash]] = {}
    for _ in range(stage.scale.long):
        for label in (*stage.scale.variants, DBOS):
            seen.setdefault(label, []).append(crash(stage, label, _SHORT_STEPS, ALL_STEPS // 3))
    title = f"kill -9 with {_in_flight(seen)} in flight, none lost"
    return [
        _line(
            f"{title}: ready to first step", seen, lambda one: one.after[0].ended - one.ready_at, AtMost(0.6, "s"), 2
        ),
        _line(f"{title}: ready to all done", seen, lambda one: one.done_at - one.ready_at, AtMost(2, "s"), 2),
    ]


def repeats(stage: Stage) -> list[Line]:
    """Kill the process with 200 runs in flight whose steps take their time, each time at another moment."""
    seen: dict[str, list[Crash]] = {}
    kills = stage.scale.medium
    for kill in range(1, kills + 1):
        for label in (stage.scale.variants[0], DBOS):
            steps_before = ALL_STEPS * kill // (kills + 2)
            seen.setdefault(label, []).append(crash(stage, label, _LONG_STEPS, steps_before))
    title = f"kill -9 with {_in_flight(seen)} in flight, steps of 100 to 300 ms"
    return [
        _line(f"{title}: repeated of {ALL_STEPS}", seen, lambda one: one.repeated, AtMost(2, "")),
        _line(f"{title}: repeated although answered", seen, lambda one: one.answered_and_repeated, AtMost(0, "")),
    ]


def _in_flight(seen: Mapping[str, Sequence[Crash]]) -> int:
    return min(one.in_flight for crashes in seen.values() for one in crashes)


def _line(
    title: str,
    seen: Mapping[str, Sequence[Crash]],
    value: Callable[[Crash], float],
    target: AtMost,
    digits: int = 0,
) -> Line:
    values = {label: [value(one) for one in crashes] for label, crashes in seen.items()}
    return Line(title, target.unit, values, (target,), digits=digits)
