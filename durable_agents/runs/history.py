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
from typing import Any, Literal

from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus

from durable_agents.orchestration.ask import AgentError, raise_if_failed
from durable_agents.orchestration.completion_reports import first_line
from durable_agents.orchestration.spending import ChildEnd
from durable_agents.orchestration.tasks import MOST_EARLY
from durable_agents.runs.run_models import FailedStep, RunStep
from durable_agents.runs.status import is_over

Kind = Literal["activity", "agent", "entity", "child", "timer", "event", "run"]

_CHILD = "SubOrchestrationInstance"
_SHOWN_CHARACTERS = 2_000


@dataclass(slots=True, eq=False)
class Step:
    """One step of a run, as `RunStep` describes it; the name of a timer is empty.

    `status` is completed, failed, running (agents and entities), open, fired, canceled (timers), sent, received.
    """

    kind: Kind
    name: str
    status: str
    scheduled_at: datetime
    ended_at: datetime | None = None
    attempts: int = 1
    error: str | None = None
    fires_at: datetime | None = None
    session: str | None = None
    usage: Mapping[str, int] = field(default_factory=dict)
    input: Any = None
    output: Any = None

    def shown(self, *, with_payloads: bool = False) -> RunStep:
        """Return the step as callers see it, with its input and output if they are asked for."""
        duration = None if self.ended_at is None else max((self.ended_at - self.scheduled_at).total_seconds(), 0.0)
        members: dict[str, Any] = {"fires_at": self.fires_at} if self.kind == "timer" else {}
        if self.kind == "agent":
            members = {"session": self.session, "usage": dict(self.usage)}
        if with_payloads:
            members["output"], members["output_truncated"] = _beginning(self.output)
            if self.kind in ("agent", "entity"):
                members["input"], members["input_truncated"] = _beginning(self.input)
        return RunStep(
            name=self.name,
            kind=self.kind,
            status=self.status,
            scheduled_at=self.scheduled_at,
            ended_at=self.ended_at,
            duration_seconds=duration,
            attempts=self.attempts,
            error=self.error,
            **members,
        )


def read_steps(status: DurableOrchestrationStatus, agents: Mapping[str, str]) -> list[Step]:
    """Return the steps of a run in the order in which they began.

    `status` must have been asked for with its history and outputs; `agents` are the names of the agents by the names
    of their entities.
    """
    timeline = _Timeline(agents)
    # The SDK has an attribute `history`, which is always None: the task hub sends it under this name.
    for event in vars(status).get("historyEvents") or ():
        timeline.read(event, _time(event["Timestamp"]))
    return timeline.finish(is_over(status))


def find_failed_step(name: str, error: str | None, steps: Sequence[Step]) -> FailedStep:
    """Return the step that the error of a failed run is about: the last one that the error names.

    An error that names none comes from the code of the orchestration itself; `name` is its name.
    """
    text = error or ""
    for step in reversed(steps):
        quoted = step.status == "failed" and step.error is not None and step.error in text
        # An answer can be of no use although the agent gave it.
        if quoted or (step.kind == "agent" and f"Agent {step.name!r} " in text):
            return FailedStep(name=step.name, kind=step.kind, attempts=step.attempts, error=step.error or error)
    return FailedStep(name=name, kind="orchestration", attempts=1, error=error)


class _Timeline:
    """Pairs the events that end something with the steps that they end."""

    def __init__(self, agents: Mapping[str, str]) -> None:
        self._agents = agents
        self._steps: list[Step] = []
        self._timers: list[Step] = []  # that are open
        self._waiting: dict[str, Step] = {}  # for the reply of an entity, by the id of the request
        self._failed: list[Step] = []  # calls that failed in the present turn
        self._pauses: list[tuple[Step, Step]] = []  # calls that failed, each with the timer that was set after it

    def read(self, event: Mapping[str, Any], moment: datetime) -> None:
        """Take in one event; those that tell nothing of a step are passed over."""
        match str(event["EventType"]):
            case (
                "TaskCompleted" | "TaskFailed" | "SubOrchestrationInstanceCompleted" | "SubOrchestrationInstanceFailed"
            ):
                self._call_ended(event, moment)
            case "TimerCreated":
                self._timer_created(_time(event["FireAt"]), moment)
            case "TimerFired":
                self._timer_fired(_time(event["FireAt"]), moment)
            case "EventSent":
                self._sent(str(event["InstanceId"]), _json(event.get("Input")), moment)
            case "EventRaised":
                self._raised(str(event["Name"]), _json(event.get("Input")), moment)
            case "ExecutionSuspended" | "ExecutionResumed" | "ExecutionTerminated" as name:
                reason = first_line(event.get("Reason") or event.get("Input"))
                change = name.removeprefix("Execution").lower()
                self._steps.append(Step("run", change, "completed", moment, moment, output=reason))

    def finish(self, is_over: bool) -> list[Step]:
        """Return the steps; the pause after the last attempt of a call is a part of that call."""
        for call, pause in self._pauses:
            if call.attempts > 1:
                self._steps.remove(pause)
        for timer in self._timers if is_over else ():
            timer.status = "canceled"
        return sorted(self._steps, key=lambda step: step.scheduled_at)

    def _call_ended(self, event: Mapping[str, Any], moment: datetime) -> None:
        kind: Kind = "child" if str(event["EventType"]).startswith(_CHILD) else "activity"
        name, scheduled_at = str(event["FunctionName"]), _time(event["ScheduledTime"])
        self._begin_turn(scheduled_at)
        step = self._find_retried(kind, name, scheduled_at)
        if step is None:
            step = Step(kind, name, "", scheduled_at)
            self._steps.append(step)
        else:
            step.attempts += 1
        has_failed = str(event["EventType"]).endswith("Failed")
        result = event.get("Result")
        output = ChildEnd.read(result).child_output if kind == "child" else result
        step.status, step.ended_at, step.output = "failed" if has_failed else "completed", moment, output
        step.error = first_line(event.get("Reason")) if has_failed else None
        if has_failed:
            self._failed.append(step)

    def _find_retried(self, kind: Kind, name: str, scheduled_at: datetime) -> Step | None:
        """Return the failed call that this one repeats; the pause between them is no step of its own any more."""
        for pair in self._pauses:
            call, pause = pair
            is_over = pause.fires_at is not None and pause.fires_at - MOST_EARLY <= scheduled_at
            if (call.kind, call.name, call.status, pause.status) == (kind, name, "failed", "fired") and is_over:
                self._pauses.remove(pair)
                self._steps.remove(pause)
                return call
        return None

    def _timer_created(self, fires_at: datetime, moment: datetime) -> None:
        timer = Step("timer", "", "open", moment, fires_at=fires_at)
        self._steps.append(timer)
        self._timers.append(timer)
        if self._failed:
            self._pauses.append((self._failed.pop(0), timer))

    def _timer_fired(self, fires_at: datetime, moment: datetime) -> None:
        timer = next((timer for timer in self._timers if timer.fires_at == fires_at), None)
        if timer is not None:
            self._timers.remove(timer)
            timer.status, timer.ended_at = "fired", moment
            self._begin_turn(timer.scheduled_at)

    def _begin_turn(self, moment: datetime) -> None:
        """Forget the calls that failed before then: what was scheduled after a failure is not of its turn."""
        self._failed = [call for call in self._failed if call.ended_at is not None and call.ended_at > moment]

    def _sent(self, target: str, request: Any, moment: datetime) -> None:
        entity, _, key = target.removeprefix("@").partition("@")
        agent = self._agents.get(entity)
        step = (
            Step("agent", agent, "running", moment, session=key) if agent else Step("entity", entity, "running", moment)
        )
        self._steps.append(step)
        if not isinstance(request, dict):
            step.status = "sent"
            return
        step.input = _json(request.get("input"))
        if agent and isinstance(step.input, dict):
            step.input = step.input.get("message")
        if request.get("signal"):
            step.status = "sent"
        else:
            self._waiting[str(request.get("id"))] = step

    def _raised(self, name: str, payload: Any, moment: datetime) -> None:
        step = self._waiting.pop(name, None)
        if step is None:
            self._steps.append(Step("event", name, "received", moment, moment, output=payload))
            return
        reply = payload if isinstance(payload, dict) else {}
        step.status, step.ended_at, step.output = "completed", moment, _json(reply.get("result"))
        if "exceptionType" in reply:
            step.status, step.error = "failed", first_line(step.output)
        elif step.kind == "agent" and isinstance(step.output, dict):
            _read_answer(step, step.output)


def _read_answer(step: Step, answer: dict[str, Any]) -> None:
    """Take over what an agent's answer says of itself: its tokens, and whether the model failed."""
    step.usage = answer.get("usage_details") or {}
    try:
        raise_if_failed(step.name, answer)
    except AgentError as error:
        step.status, step.error = "failed", str(error)


def _beginning(payload: Any) -> tuple[Any, bool]:
    """Return the payload, or the beginning of its JSON text if that is long, and whether it is."""
    text = json.dumps(payload)
    return (text[:_SHOWN_CHARACTERS], True) if len(text) > _SHOWN_CHARACTERS else (payload, False)


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
