"""What the run of a graph shows of itself in its custom status: how its executors are, and what it asks humans.

The task hub takes 16 KB of UTF-16 for it. What has no room is left out: first what the largest requests are about, then
how the executors are, then the newest requests, which are shown once others have been answered.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import azure.durable_functions as df
from pydantic import BaseModel

from durable_agents.orchestration.human_requests import HumanRequest, Unanswered
from durable_agents.orchestration.spending import Allowance, Spending, Usage

_CHARACTERS = 8_000
# For the names of what is written.
_MARGIN = 150


class ExecutorState(BaseModel):
    """How an executor is: `seconds` is how long it has worked in all, and `times` how often it has begun.

    One of a workflow inside another is named with the way to it, `{executor}~{number}~`. What still ran or waited when
    the run ended is `stopped`.
    """

    state: Literal["running", "waiting", "done", "failed", "stopped"]
    began_at: datetime
    seconds: float = 0.0
    times: int = 1


class GraphStatus:
    """Writes the custom status of one run; all times in it are those of the history, the same in every replay.

    `spending` counts what its agents use.
    """

    def __init__(self, context: df.DurableOrchestrationContext) -> None:
        self._context = context
        self.spending = Spending(Allowance())
        self._executors: dict[str, ExecutorState] = {}
        self._at_work: dict[str, int] = {}
        # The executor of each open request, and what is written of it, in the order in which they were made.
        self._requests: dict[str, str] = {}
        self._written: dict[str, _Written] = {}
        self._unanswered: dict[str, list[str]] = {"expired_requests": [], "withdrawn_requests": []}

    @contextmanager
    def working(self, executor: str) -> Iterator[None]:
        """Show that the executor of this place in the graph works, and what came of it."""
        began_at: datetime = self._context.current_utc_datetime
        known = self._executors.get(executor)
        self._executors[executor] = ExecutorState(
            state="running",
            began_at=began_at,
            seconds=0.0 if known is None else known.seconds,
            times=1 if known is None else known.times + 1,
        )
        self._at_work[executor] = self._at_work.get(executor, 0) + 1
        self.write()
        try:
            yield
        except Exception:
            self._end(executor, began_at, "failed")
            raise
        self._end(executor, began_at, "done")

    def ask(self, executor: str, request: HumanRequest) -> None:
        """Show a request of this executor, or what has become of one."""
        self._requests[request.request_id] = executor
        self._written[request.request_id] = _Written.of(request)
        self.write()

    def stop_asking(self, request_id: str, unanswered: Unanswered | None = None) -> None:
        """Show a request no more, or that it had no answer, and why."""
        self._requests.pop(request_id, None)
        self._written.pop(request_id, None)
        if unanswered is not None:
            self._unanswered[f"{unanswered}_requests"].append(request_id)
        self.write()

    def write(self) -> None:
        """Set the custom status."""
        status: dict[str, Any] = {"stage": "waiting_for_human_input" if self._requests else "running"}
        used = self.spending.used()
        if used != Usage():
            status["usage"] = used.model_dump()
        status |= {name: requests for name, requests in self._unanswered.items() if requests}
        room = _CHARACTERS - _MARGIN - len(json.dumps(status))
        requests, room = self._fitting_requests(room)
        if requests:
            status["waiting_for"] = {"kind": "human_input", "requests": requests}
        if hidden := len(self._requests) - len(requests):
            status["requests_not_shown"] = hidden
        executors = {name: self._shown(name) for name in self._executors}
        if executors and len(json.dumps(executors)) <= room:
            status["executors"] = executors
        self._context.set_custom_status(status)

    def _fitting_requests(self, room: int) -> tuple[list[dict[str, Any]], int]:
        """Return what is shown of the requests, and how much room is left."""
        sizes = {name: written.size for name, written in self._written.items()}
        omitted: set[str] = set()
        executors = len(json.dumps({name: self._shown(name) for name in self._executors}))
        # The data of the largest goes first, and before the executors do.
        for name in sorted(sizes, key=lambda name: self._written[name].saving, reverse=True):
            if sum(sizes.values()) + executors <= room or not self._written[name].saving:
                break
            omitted.add(name)
            sizes[name] -= self._written[name].saving
        shown: list[dict[str, Any]] = []
        for name, written in self._written.items():
            if shown and sizes[name] > room:
                break
            room -= sizes[name]
            shown.append(
                {**written.content, "data": None, "data_omitted": True} if name in omitted else written.content
            )
        return shown, room

    def _shown(self, executor: str) -> dict[str, Any]:
        state = self._executors[executor]
        asking = self._requests.values()
        waits = executor in asking or (
            state.state == "running" and any(place.startswith(f"{executor}~") for place in asking)
        )
        if waits and not (executor in asking and self._at_work.get(executor)):
            state = state.model_copy(update={"state": "waiting"})
        return state.model_dump(mode="json")

    def _end(self, executor: str, began_at: datetime, how: Literal["done", "failed"]) -> None:
        state = self._executors[executor]
        self._at_work[executor] -= 1
        worked = max((self._context.current_utc_datetime - began_at).total_seconds(), 0.0)
        shown = "running" if self._at_work[executor] and how == "done" else how
        update = {"state": shown, "seconds": round(state.seconds + worked, 3)}
        self._executors[executor] = state.model_copy(update=update)
        self.write()


def read_executors(custom_status: object, *, is_over: bool) -> dict[str, ExecutorState]:
    """Return how the executors of a run are according to its custom status."""
    shown = custom_status.get("executors") if isinstance(custom_status, dict) else None
    states = {name: ExecutorState.model_validate(state) for name, state in (shown or {}).items()}
    for name, state in states.items():
        if is_over and state.state in ("running", "waiting"):
            states[name] = state.model_copy(update={"state": "stopped"})
    return states


@dataclass(frozen=True, slots=True)
class _Written:
    """A request as it is written, how much room it takes, and how much less without its data."""

    content: dict[str, Any]
    size: int
    saving: int

    @classmethod
    def of(cls, request: HumanRequest) -> "_Written":
        content = request.model_dump(mode="json", exclude_defaults=True)
        bare = {**content, "data": None, "data_omitted": True}
        size = len(json.dumps(content)) + len(", ")
        return cls(content, size, max(size - len(json.dumps(bare)) - len(", "), 0))
