"""Rows that time runs: chains, fan-outs, many at once, events, and the transactions they take."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from devhost.bench.contenders import DBOS, IN_MEMORY
from devhost.bench.figures import AtMost, Line, TimesBetter
from devhost.bench.outcomes import EVENTS
from devhost.bench.peer_process import PeerProcess
from devhost.bench.stage import Stage, alternate

_CHAIN = 10
_LONG_CHAIN = 400
_CHAINS = 100
_FAN_OUT = 100
_COUNTED_CHAINS = 20
_CHAINS_WITH_EVENTS = 10
_STEPS_WITH_EVENTS = 96


def chain(stage: Stage) -> list[Line]:
    """Time a chain of 10 on its own."""
    seconds = alternate(stage.warm(), stage.scale.short, lambda one: _median_run(one, "chain", _CHAIN, 3))
    targets = (TimesBetter(4, IN_MEMORY), TimesBetter(2, DBOS))
    return [Line(f"chain of {_CHAIN}, one run", "ms", _milliseconds(seconds), targets)]


def long_chain(stage: Stage) -> list[Line]:
    """Time a step of a chain of 400 and, next to it, a step of a chain of 10."""

    def steps(one: PeerProcess) -> tuple[float, float]:
        short = _median_run(one, "chain", _CHAIN, 5) / _CHAIN
        return short, _median_run(one, "chain", _LONG_CHAIN, 1) / _LONG_CHAIN

    pairs = alternate(stage.warm(), stage.scale.long, steps)
    long = {label: [long for _, long in values] for label, values in pairs.items()}
    growth = {label: [long / short for short, long in values] for label, values in pairs.items()}
    title = f"a step of a chain of {_LONG_CHAIN}"
    return [
        Line(title, "ms", _milliseconds(long), digits=2),
        Line(f"{title}, in steps of a chain of {_CHAIN}", "times", growth, (AtMost(1.3, "times"),), digits=2),
    ]


def parallel_chains(stage: Stage) -> list[Line]:
    """Time 100 chains of 10 at once."""
    seconds = alternate(stage.warm(), stage.scale.medium, lambda one: _parallel(one, "chain", _CHAIN, _CHAINS))
    title = f"{_CHAINS} chains of {_CHAIN} in parallel"
    rates = _rates(seconds, _CHAINS * _CHAIN)
    return [Line(title, "steps/s", rates, (TimesBetter(4, DBOS),), more_is_better=True, digits=0)]


def fan_out(stage: Stage) -> list[Line]:
    """Time a fan-out of 100 activities."""
    seconds = alternate(stage.warm(), stage.scale.short, lambda one: _median_run(one, "fan_out", _FAN_OUT, 1))
    targets = (TimesBetter(8, IN_MEMORY), TimesBetter(8, DBOS))
    return [Line(f"fan-out of {_FAN_OUT} no-op activities", "ms", _milliseconds(seconds), targets)]


def event(stage: Stage) -> list[Line]:
    """Time an event, from being sent to the end of the run that it resumes."""
    seconds = alternate(stage.warm(), stage.scale.medium, lambda one: statistics.median(one.ask("time_events", 2)))
    return [Line("event sent to run resumed and ended", "ms", _milliseconds(seconds), (AtMost(5, "ms"),), digits=2)]


def chains_with_events(stage: Stage) -> list[Line]:
    """Time chains of short steps into which events are raised while they run; half of the chains wait for theirs."""

    def steps(one: PeerProcess) -> float:
        seconds: float = one.ask("time_chains_with_events", _STEPS_WITH_EVENTS, _CHAINS_WITH_EVENTS)
        return _STEPS_WITH_EVENTS * _CHAINS_WITH_EVENTS / seconds

    for one in stage.warm():
        one.ask("warm_up_chains_with_events")
    rates = alternate(stage.warm(), stage.scale.long, steps)
    title = f"{_CHAINS_WITH_EVENTS} chains of {_STEPS_WITH_EVENTS}, {EVENTS} events into each"
    return [Line(title, "steps/s", rates, more_is_better=True, digits=0)]


def commits(stage: Stage) -> list[Line]:
    """Count the transactions of a step."""

    def lone(one: PeerProcess) -> float:
        before: int = one.ask("commits")
        one.ask("time_runs", "chain", _CHAIN, _COUNTED_CHAINS)
        after: int = one.ask("commits")
        return (after - before) / (_COUNTED_CHAINS * _CHAIN)

    def parallel(one: PeerProcess) -> float:
        before: int = one.ask("commits")
        _parallel(one, "chain", _CHAIN, _CHAINS)
        after: int = one.ask("commits")
        return (after - before) / (_CHAINS * _CHAIN)

    variants = stage.warm_variants()
    title = "commits per activity step"
    return [
        Line(f"{title}, lone chain of {_CHAIN}", "", alternate(variants, 1, lone), (AtMost(2.2, ""),), digits=2),
        Line(
            f"{title}, {_CHAINS} chains in parallel",
            "",
            alternate(variants, stage.scale.long, parallel),
            (AtMost(0.1, ""),),
            digits=3,
        ),
    ]


def _median_run(one: PeerProcess, orchestration: str, size: int, times: int) -> float:
    seconds: list[float] = one.ask("time_runs", orchestration, size, times)
    return statistics.median(seconds)


def _parallel(one: PeerProcess, orchestration: str, size: int, runs: int) -> float:
    seconds: float = one.ask("time_parallel", orchestration, size, runs)
    return seconds


def _milliseconds(seconds: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    return {label: [1000 * value for value in values] for label, values in seconds.items()}


def _rates(seconds: Mapping[str, Sequence[float]], work: int) -> dict[str, list[float]]:
    return {label: [work / value for value in values] for label, values in seconds.items()}
