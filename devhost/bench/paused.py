"""Rows on runs that wait: what each takes of the memory, and all of them of the processor."""

from __future__ import annotations

from devhost.bench.contenders import PEERS, contender
from devhost.bench.figures import AtMost, Line
from devhost.bench.stage import Stage

_RUNS = 1000


def paused_runs(stage: Stage) -> list[Line]:
    """Have 1000 runs wait for an event, in a new process for each contender, and do nothing for a while.

    Then each gets its event, and has to complete.
    """
    fresh: dict[str, list[float]] = {}
    rested: dict[str, list[float]] = {}
    busy: dict[str, list[float]] = {}
    for label in (*stage.scale.variants, *PEERS):
        with stage.open(contender(label)) as one:
            one.ask("warm_up")
            before = one.ask("memory")
            one.ask("pause", _RUNS)
            paused = one.ask("memory")
            busy[label] = [100 * one.ask("idle", stage.scale.idle_seconds) / stage.scale.idle_seconds]
            if before is not None:
                fresh[label] = [(paused - before) / _RUNS / 1000]
                rested[label] = [(one.ask("memory") - before) / _RUNS / 1000]
            one.ask("resume")
    title = f"{_RUNS} paused runs"
    return [
        Line(f"{title}: memory of each", "kB", fresh, (AtMost(10, "kB"),)),
        Line(f"{title}: memory of each, {stage.scale.idle_seconds:g} s later", "kB", rested, (AtMost(10, "kB"),)),
        Line(f"{title}: processor while idle", "%", busy, (AtMost(1, "%"),), digits=2),
    ]
