"""What a run has done, step by step, from the history that the task hub shows.

That history leaves out the ids of tasks and what is scheduled but has not ended, so some things are inferred:

* An activity or a child shows once it has ended. Agents, timers and events show at once.
* A call that failed and was made again after a timer of the same turn is one step with several attempts.
* Whether an open timer was cancelled is not known before the run is over.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus

from durable_agents.orchestration.ask import AgentError, raise_if_failed
from durable_agents.orchestration.error_text import first_line
from durable_agents.orchestration.timers import MOST_EARLY
from durable_agents.runs.status import is_over, utc_text

_CALLS = {
    "TaskCompleted": ("activity", "completed"),
    "TaskFailed": ("activity", "failed"),
    "SubOrchestrationInstanceCompleted": ("child", "completed"),
    "SubOrchestrationInstanceFailed": ("child", "failed"),
}
_MOMENTS = {
    "ExecutionSuspended": "suspended",
    "ExecutionResumed": "resumed",
    "ExecutionTerminated": "terminated",
}


@dataclass(slots=True)
class Step:
    """One step of a run.

    Attributes:
        kind: activity, agent, entity, child, timer, event, or run for what happened to the run as a whole.
        name: The function, the agent, the event; empty for a timer.
        status: completed, failed, running (agents and entities), open, fired, canceled (timers), sent, received.
        scheduled_at: When it was asked for; of an event, when it arrived.
        ended_at: When its result arrived; None as long as it is not there.
        attempts: How often it was tried.
        error: The first line of its failure.
        fires_at: When a timer fires.
        usage: The tokens that the agent's answer says it cost.
        output: What came out of it: a result, an answer, the payload of an event.
    """

    kind: str
    name: str
    status: str
    scheduled_at: datetime
    ended_at: datetime | None = None
    attempts: int = 1
    error: str | None = None
    fires_at: datetime | None = None
    usage: Mapping[str, int] = field(default_factory=dict)
    output: Any = None

    def to_json(self) -> dict[str, Any]:
        """Return the step as plain JSON, without its output; `duration_seconds` includes waiting and all attempts."""
        duration = None if self.ended_at is None else (self.ended_at - self.scheduled_at).total_seconds()
        step: dict[str, Any] = {
            "name": self.name,
            "kind": self.kind,
            "status": self.status,
            "scheduled_at": utc_text(self.scheduled_at),
            "ended_at": utc_text(self.ended_at),
            "duration_seconds": None if duration is None else max(duration, 0.0),
            "attempts": self.attempts,
            "error": self.error,
        }
        if self.kind == "timer":
            step["fires_at"] = utc_text(self.fires_at)
        if self.kind == "agent":
            step["usage"] = dict(self.usage)
        return step


def read_steps(status: DurableOrchestrationStatus, agents: Mapping[str, str]) -> list[Step]:
    """Return the steps of a run in the order in which they began.

    `status` must have been asked for with its history and outputs; `agents` are the names of the agents by the names
    of their entities.
    """
    timeline = _Timeline(agents)
    # The SDK has an attribute `history`, which is always None: the task hub sends it under this name.
    for event in vars(status).get("historyEvents") or ():
        timeline.read(event)
    return timeline.finish(is_over(status))


def find_failed_step(name: str, error: str | None, steps: Sequence[Step]) -> dict[str, Any]:
    """Return the step that the error of a failed run is about, as plain JSON: the last one that the error names.

    An error that names none comes from the code of the orchestration itself; `name` is its name.
    """
    text = error or ""
    for step in reversed(steps):
        quoted = step.status == "failed" and step.error is not None and step.error in text
        # An answer can be of no use although the agent gave it.
        if quoted or (step.kind == "agent" and f"Agent {step.name!r} " in text):
            return {"name": step.name, "kind": step.kind, "attempts": step.attempts, "error": step.error or error}
    return {"name": name, "kind": "orchestration", "attempts": 1, "error": error}


class _Timeline:
    """Pairs the events that end something with those that began it."""

    def __init__(self, agents: Mapping[str, str]) -> None:
        self._agents = agents
        self._steps: list[Step] = []
        self._timers: list[Step] = []
        self._replies: dict[str, Step] = {}
        # Calls that failed in the present turn, and the timers that were created after earlier ones.
        self._just_failed: list[Step] = []
        self._pauses: list[tuple[Step, Step]] = []

    def read(self, event: Mapping[str, Any]) -> None:
        """Take in one event; those that tell nothing of a step are passed over."""
        kind, moment = str(event["EventType"]), _time(event["Timestamp"])
        if kind in _CALLS:
            self._call_ended(*_CALLS[kind], event, moment)
        elif kind == "TimerCreated":
            self._timer_created(event, moment)
        elif kind == "TimerFired":
            self._timer_fired(_time(event["FireAt"]), moment)
        elif kind == "EventSent":
            self._sent(event, moment)
        elif kind == "EventRaised":
            self._raised(event, moment)
        elif kind in _MOMENTS:
            reason = first_line(event.get("Reason") or event.get("Input"))
            self._steps.append(Step("run", _MOMENTS[kind], "completed", moment, moment, output=reason))

    def finish(self, is_over: bool) -> list[Step]:
        """Return the steps; the pause after the last attempt of a call is a part of that call."""
        pauses = [pause for call, pause in self._pauses if call.attempts > 1]
        for timer in self._timers if is_over else ():
            timer.status = "canceled"
        steps = [step for step in self._steps if not any(step is pause for pause in pauses)]
        return sorted(steps, key=lambda step: step.scheduled_at)

    def _call_ended(self, kind: str, status: str, event: Mapping[str, Any], moment: datetime) -> None:
        name, scheduled_at = str(event["FunctionName"]), _time(event["ScheduledTime"])
        self._forget_failures_before(scheduled_at)
        step = self._find_retried(kind, name, scheduled_at)
        if step is None:
            step = Step(kind, name, status, scheduled_at)
            self._steps.append(step)
        else:
            step.attempts += 1
        step.status, step.ended_at, step.output = status, moment, event.get("Result")
        step.error = first_line(event.get("Reason")) if status == "failed" else None
        if status == "failed":
            self._just_failed.append(step)

    def _find_retried(self, kind: str, name: str, scheduled_at: datetime) -> Step | None:
        """Return the failed call that this one repeats; the pause between them is no step of its own any more."""
        for link in self._pauses:
            step, pause = link
            repeats = (step.kind, step.name, pause.status) == (kind, name, "fired") and step.status == "failed"
            if repeats and pause.fires_at is not None and pause.fires_at - MOST_EARLY <= scheduled_at:
                self._pauses.remove(link)
                self._steps = [other for other in self._steps if other is not pause]
                return step
        return None

    def _timer_created(self, event: Mapping[str, Any], moment: datetime) -> None:
        timer = Step("timer", "", "open", moment, fires_at=_time(event["FireAt"]))
        self._steps.append(timer)
        self._timers.append(timer)
        if self._just_failed:
            self._pauses.append((self._just_failed.pop(0), timer))

    def _timer_fired(self, fires_at: datetime, moment: datetime) -> None:
        timer = next((timer for timer in self._timers if timer.fires_at == fires_at), None)
        if timer is not None:
            self._timers.remove(timer)
            timer.status, timer.ended_at = "fired", moment
            self._forget_failures_before(timer.scheduled_at)

    def _forget_failures_before(self, turn: datetime) -> None:
        """What was scheduled after a failure shows that the turn of that failure is over."""
        self._just_failed = [step for step in self._just_failed if step.ended_at is not None and step.ended_at > turn]

    def _sent(self, event: Mapping[str, Any], moment: datetime) -> None:
        request, target = _json(event.get("Input")), str(event["InstanceId"])
        entity = target.removeprefix("@").partition("@")[0]
        agent = self._agents.get(entity)
        step = Step("agent" if agent else "entity", agent or entity, "running", moment)
        self._steps.append(step)
        if isinstance(request, dict) and not request.get("signal"):
            self._replies[str(request.get("id"))] = step
        else:
            step.status = "sent"

    def _raised(self, event: Mapping[str, Any], moment: datetime) -> None:
        name, payload = str(event["Name"]), _json(event.get("Input"))
        step = self._replies.pop(name, None)
        if step is None:
            self._steps.append(Step("event", name, "received", moment, moment, output=payload))
            return
        reply = payload if isinstance(payload, dict) else {}
        result = _json(reply.get("result"))
        step.status, step.ended_at, step.output = "completed", moment, result
        if "exceptionType" in reply:
            step.status, step.error = "failed", first_line(result)
        elif step.kind == "agent" and isinstance(result, dict):
            _read_answer(step, result)


def _read_answer(step: Step, answer: dict[str, Any]) -> None:
    """Take over what an agent's answer says of itself: its tokens, and whether the model failed."""
    step.usage = answer.get("usage_details") or {}
    try:
        raise_if_failed(step.name, answer)
    except AgentError as error:
        step.status, step.error = "failed", str(error)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _json(value: object) -> Any:
    """Return the value in JSON text, and what is not JSON text as it is."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value
