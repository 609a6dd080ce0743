"""What must never change again once it is in the task hub's file."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Protocol

from devhost.protocol.history import EventType

_ENDED = (EventType.TASK_COMPLETED, EventType.TASK_FAILED)


class Evidence(Protocol):
    """What the oracle looks at."""

    def effects(self) -> Counter[tuple[str, str]]:
        """Return how often each effect happened, by run and key."""
        ...

    def rows(self, query: str, *values: object) -> list[Any]:
        """Read the task hub's file."""
        ...


@dataclass(slots=True)
class Oracle:
    """Looks into the file while nothing runs, after each kill.

    Keys are unique over all runs. `attempts` says how many tasks share one key, for keys of more than one: with a
    retry policy each attempt is a task. A key is settled when all its tasks have ended, or an entity's state holds it.
    """

    attempts: dict[str, int] = field(default_factory=dict)
    _ended: set[tuple[str, int, str]] = field(default_factory=set)
    _settled: dict[str, int] = field(default_factory=dict)
    _histories: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def look(self, evidence: Evidence) -> None:
        """Check what earlier looks found settled, and take in what is settled now."""
        executions = Counter({key: number for (_, key), number in evidence.effects().items()})
        for key, number in self._settled.items():
            assert executions[key] == number, f"{key} was committed, and ran {executions[key] - number} time(s) more"
        self._ended |= _ended_tasks(evidence)
        ends = Counter(key for _, _, key in self._ended)
        done = {key for key, number in ends.items() if number >= self.attempts.get(key, 1)}
        for key in (done | _applied_operations(evidence)) & executions.keys():
            self._settled.setdefault(key, executions[key])
        self._look_at_histories(evidence)

    @property
    def settled(self) -> int:
        """How many effects were found committed so far."""
        return len(self._settled)

    def _look_at_histories(self, evidence: Evidence) -> None:
        """Check that histories have no gaps, and that each has only grown."""
        histories: dict[tuple[str, str], list[str]] = {}
        for instance_id, execution_id, n, event in evidence.rows(
            "SELECT instance_id, execution_id, n, event FROM history JOIN instances USING (instance_id) "
            "ORDER BY instance_id, n"
        ):
            history = histories.setdefault((instance_id, execution_id), [])
            assert n == len(history), f"the history of {instance_id} has event {n} after {len(history) - 1}"
            history.append(event)
        for (instance_id, execution_id), history in histories.items():
            before = self._histories.get((instance_id, execution_id), [])
            assert history[: len(before)] == before, f"the history of {instance_id} is no longer what it was"
        self._histories = histories


def _ended_tasks(evidence: Evidence) -> set[tuple[str, int, str]]:
    """Return instance, task id and key of every activity of the crash app whose end is committed."""
    events = evidence.rows("SELECT instance_id, event FROM history UNION ALL SELECT target, body FROM messages")
    ended = set()
    for instance_id, text in events:
        event = json.loads(text)
        if event.get("EventType") in _ENDED:
            key = event.get("Result") or event.get("Reason", "").rpartition(" ")[2]
            ended.add((instance_id, event["TaskScheduledId"], json.loads(key) if key.startswith('"') else key))
    return ended


def _applied_operations(evidence: Evidence) -> set[str]:
    states = evidence.rows("SELECT state FROM entities WHERE present AND entity_id LIKE '@tally@%'")
    return {key for (state,) in states for key in json.loads(state)}
