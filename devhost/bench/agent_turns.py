"""Rows that time turns of an agent whose model costs nothing."""

from __future__ import annotations

import statistics
from contextlib import ExitStack
from functools import partial

from devhost.bench.contenders import FRAMEWORK, agent_contender
from devhost.bench.figures import AtMostTimesPlus, Line
from devhost.bench.peer_process import PeerProcess
from devhost.bench.stage import Stage, alternate

_TURNS = (1, 10, 50, 200)
_TIMES = 5


def agent_turns(stage: Stage) -> list[Line]:
    """Time the turns of an agent's session, long and short, beside the framework's own entity in the same process."""
    with ExitStack() as stack:
        peers = [stack.enter_context(stage.open(agent_contender(label))) for label in stage.scale.variants]
        for one in peers:
            one.ask("warm_up")
        lines = []
        for turn in _TURNS:
            pairs = alternate(peers, stage.scale.medium, partial(_time_turns, turn))
            values = {
                label: [1000 * statistics.median(ours) for ours, _ in repetitions]
                for label, repetitions in pairs.items()
            }
            first = pairs[stage.scale.variants[0]]
            values[FRAMEWORK] = [1000 * statistics.median(theirs) for _, theirs in first]
            lines.append(Line(f"agent turn {turn}", "ms", values, (AtMostTimesPlus(1.25, 3, FRAMEWORK),)))
    return lines


def _time_turns(turn: int, one: PeerProcess) -> tuple[list[float], list[float]]:
    ours, theirs = one.ask("time_turns", turn, _TIMES)
    return ours, theirs
