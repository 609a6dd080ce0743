"""When a host of the crash tests kills itself: a file of named points, shared by the test, the task hub and the app."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Collection
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

PLAN_VARIABLE = "CRASH_KILL_PLAN"


class Point(StrEnum):
    """A place in the life of a host: the commit of a kind of work item, or user code."""

    COMMIT = "any commit"
    OPENING = "opening the task hub"
    # Asked for from outside
    START = "start"
    EVENT = "external event"
    SUSPEND = "suspend"
    RESUME = "resume"
    TERMINATE = "terminate"
    SIGNAL = "signal"
    PURGE = "purge"
    REWIND = "rewind"
    # Turns of an orchestration, by what is new in them
    TURN_STARTED = "turn: started"
    TURN_ACTIVITY = "turn: activity result"
    TURN_ACTIVITY_FAILED = "turn: activity failed"
    TURN_TIMER = "turn: timer"
    TURN_EVENT = "turn: external event"
    TURN_REPLY = "turn: entity reply"
    TURN_CHILD = "turn: child completed"
    TURN_CHILD_FAILED = "turn: child failed"
    TURN_CHILD_STARTED = "turn: starts a child"
    TURN_RETRY_TIMER = "turn: starts the timer of a retry"
    TURN_RETRY = "turn: next attempt of a retry"
    TURN_CONTINUES = "turn: continues as new"
    TURN_COMPLETES = "turn: completes"
    TURN_FAILS = "turn: fails"
    TURN_SUSPENDED = "turn: suspended"
    TURN_RESUMED = "turn: resumed"
    TURN_TERMINATED = "turn: terminated"
    # The other work items
    ACTIVITY_RESULT = "activity result"
    ENTITY_BATCH = "entity batch"
    RESULT = "result of an activity or an entity"
    # User code
    IN_ACTIVITY = "in an activity, its effect"
    IN_ENTITY = "in an entity, its effect"
    IN_ORCHESTRATOR = "in an orchestrator, its replay"


class When(StrEnum):
    """On which side of the point; a commit can be interrupted too, when it has begun to write."""

    BEFORE = "before"
    WITHIN = "within"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Kill:
    """A kill -9 at the `nth` time that a point is passed."""

    when: When
    point: Point
    nth: int = 1

    def __str__(self) -> str:
        """Return it in words."""
        return f"{self.when} {self.point}" + (f" {self.nth}" if self.nth > 1 else "")


class KillPlan:
    """The kills still to come, one after the other: the second is looked for once the first has killed its host."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._text = ""
        self._passed = 0

    @staticmethod
    def of_this_process() -> KillPlan:
        """Return the plan that the environment names."""
        return KillPlan(Path(os.environ[PLAN_VARIABLE]))

    def arm(self, kills: Collection[Kill]) -> None:
        """Replace the plan. A host that runs counts the passes from now on."""
        whole = self._path.with_suffix(".new")
        whole.write_text(json.dumps([asdict(kill) for kill in kills]), encoding="utf-8")
        whole.replace(self._path)

    def left(self) -> list[Kill]:
        """Return the kills that have not happened yet."""
        if not self._path.exists():
            return []
        rows = json.loads(self._path.read_text(encoding="utf-8"))
        return [Kill(When(row["when"]), Point(row["point"]), row["nth"]) for row in rows]

    def passing(self, points: Collection[Point], when: When) -> None:
        """Kill this process if the next kill is due here; the plan then holds the kills that follow."""
        text = self._path.read_text(encoding="utf-8") if self._path.exists() else ""
        if text != self._text:
            self._text, self._passed = text, 0
        kills = self.left()
        if not kills or kills[0].when is not when or kills[0].point not in points:
            return
        self._passed += 1
        if self._passed == kills[0].nth:
            self.arm(kills[1:])
            os.kill(os.getpid(), signal.SIGKILL)
