"""What callers were promised, and whether it was kept."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from devhost.tests.crash import errands
from devhost.tests.crash.crash_host import CrashHost
from devhost.tests.crash.errands import Steps

_NEVER_SETTLED = 2**31
_TROUBLES = (
    "operation(s) failed",
    "cannot be finished",
    "could not be processed",
    "cannot be written",
    "The host failed",
)


@dataclass(slots=True)
class Promise:
    """What a run owes: its steps, so many `times`; not all of them once it was `cut` short."""

    steps: Steps
    times: int = 1
    is_cut: bool = False


@dataclass(slots=True)
class Promises:
    """What all callers were promised. Used by their threads, each of which has keys of its own.

    `runs` are by the name in their effects; `signals` says, by entity key, how often each operation was sent, in order.
    """

    runs: dict[str, Promise] = field(default_factory=dict)
    signals: dict[str, Counter[str]] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)
    lives: Counter[str] = field(default_factory=Counter)

    def run(self, name: str, steps: Steps) -> Promise:
        """Take in a run."""
        self.attempts.update(errands.effects(steps))
        promise = self.runs[name] = Promise(steps)
        return promise

    def again(self, name: str) -> None:
        """Take in that a run is started once more with the same input."""
        promise = self.runs[name]
        promise.times += 1
        self.attempts.update(dict.fromkeys(errands.effects(promise.steps), _NEVER_SETTLED))

    def faults(self, host: CrashHost, *, was_killed: bool) -> list[str]:
        """Compare with what the host did, once nothing is left to do."""
        effects: dict[str, Counter[str]] = {}
        for (run, key), number in host.effects().items():
            effects.setdefault(run, Counter())[key] = number
        rows = host.rows("SELECT entity_id, state FROM entities")
        states = {entity: json.loads(state or "null") or {} for entity, state in rows}
        faults = [f"{one} was played by two threads at once" for one in effects.get(errands.TWICE, ())]
        for name, promise in self.runs.items():
            done = effects.get(name, Counter())
            faults += _effects_at_fault(name, promise, done, was_killed=was_killed)
            faults += _operations_at_fault(name, promise, states.get(f"@tally@{name}", {}))
        for key, sent in self.signals.items():
            applied = states.get(f"@tally@{key}", {})
            if list(applied) != list(sent) or any(not 1 <= applied[one] <= sent[one] for one in sent):
                faults.append(f"the entity {key} was sent {dict(sent)} and applied {applied}")
        faults += [f"gap in the history of {one}" for one in gaps(host)]
        for table in ("messages", "activities"):
            faults += [f"left in {table}: {row}" for row in host.rows(f"SELECT * FROM {table} LIMIT 3")]
        faults += [str(row) for row in host.rows("PRAGMA integrity_check") if row != ("ok",)]
        log = host.log().splitlines()
        return faults + [line for line in log if any(trouble in line for trouble in _TROUBLES)]


def gaps(host: CrashHost) -> list[str]:
    """Return the instances whose histories have gaps."""
    query = "SELECT instance_id FROM history GROUP BY instance_id HAVING count(*) != max(n) + 1"
    return [instance_id for (instance_id,) in host.rows(query)]


def _effects_at_fault(name: str, promise: Promise, done: Counter[str], *, was_killed: bool) -> Iterator[str]:
    """Each effect happens once; after kills perhaps more often, and in a run that was cut perhaps not at all."""
    promised = Counter({key: number * promise.times for key, number in errands.effects(promise.steps).items()})
    missing, extra = promised - done, done - promised
    if missing and not promise.is_cut:
        yield f"{name} lacks effects: {dict(missing)}"
    if extra and (not was_killed or not extra.keys() <= promised.keys()):
        yield f"{name} has effects too many: {dict(extra)}"


def _operations_at_fault(name: str, promise: Promise, applied: Mapping[str, int]) -> Iterator[str]:
    """Each operation is applied once, in order, however often the host was killed."""
    promised = {key: number * promise.times for key, number in errands.counted(promise.steps).items()}
    if promise.is_cut:
        promised = {key: number for key, number in promised.items() if key in applied}
    if list(applied.items()) != list(promised.items()):
        yield f"the entity of {name} applied {dict(applied)}, and was asked for {promised}"
