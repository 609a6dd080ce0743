"""Play an orchestration turn by turn, without a host.

Each turn sends the whole history, so code that is not deterministic goes wrong here as it would on Azure.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import azure.durable_functions as df
from agent_framework import Agent, AgentResponse, Message, Workflow
from agent_framework_durabletask import DurableAIAgent, workflow_orchestrator_name
from pydantic import BaseModel

from durable_agents.activities.record_decision import record_decision
from durable_agents.app import AgentFunctionApp
from durable_agents.chat_clients.offline.client import OfflineChatClient
from durable_agents.orchestration.registry import Orchestration
from durable_agents.orchestration.spending import ALLOWANCE_FIELD
from durable_agents.runs.orchestration_triggers import OrchestrationTriggers
from durable_agents.settings.hosting import HostingSettings
from durable_agents.storage.claim_check import CALLER, REFERENCE

_RECORD = record_decision.__name__
FAILURE_LABEL = "\n\n$OutOfProcData$:"
ENDED = 1
TIMER = 5
EVENT = 6
ENTITY_CALL = 7
# The actions that the events of a history come from; a call with retries starts as one without.
_SCHEDULED = {4: 0, 7: 2, 10: TIMER, 14: ENTITY_CALL}
_ALIKE = {1: 0, 3: 2, 9: ENTITY_CALL}


class _BrokenError(Exception):
    """The SDK could not go on."""


@dataclass
class Replay:
    """One instance. `state` is what its last turn returned; `open` are the scheduled actions by their id.

    `durations` are what a storage provider says of long timers, as the extension sends it. `audit_log` has what the run
    has written to it, which is done at once unless `keeps_audit_log` says otherwise.
    """

    handle: Callable[[str], str]
    instance_id: str = "run-1"
    now: datetime = datetime(2026, 1, 1, 9, tzinfo=UTC)
    history: list[dict[str, Any]] = field(default_factory=list)
    state: dict[str, Any] = field(default_factory=dict)
    open: dict[int, dict[str, Any]] = field(default_factory=dict)
    durations: dict[str, str] = field(default_factory=dict)
    audit_log: list[dict[str, Any]] = field(default_factory=list)
    keeps_audit_log: bool = True
    _ids: list[int] = field(default_factory=list)
    _next_id: int = 0

    def start(self, run_input: dict[str, Any]) -> "Replay":
        """Run the first turn."""
        self._input = json.dumps(run_input)
        started = {"OrchestrationInstance": {"InstanceId": self.instance_id}, "Name": "orchestration", "Version": ""}
        self._turn({"EventType": 0, **started, "Input": json.dumps(self._input)})
        return self

    def waits_for(self, name: str) -> dict[str, Any]:
        """Return the input of the open activity of this name."""
        payload: dict[str, Any] = _input_of(self._find(name)[1])
        return payload

    def inputs(self, name: str) -> list[Any]:
        """Return the inputs of all open activities of this name, in the order in which they began."""
        return [_input_of(self.open[number]) for number in self._all(name)]

    def action(self, name: str) -> dict[str, Any]:
        """Return the first open activity or child of this name, as the orchestration has asked for it."""
        return self._find(name)[1]

    def complete(self, name: str, result: object) -> None:
        """Let the first open activity or child of this name return `result`."""
        self.complete_number(self._find(name)[0], result)

    def complete_number(self, number: int, result: object) -> None:
        """Let the open activity or child with this id return `result`."""
        del self.open[number]
        self._turn({"EventType": 5, "TaskScheduledId": number, "Result": json.dumps(result)})

    def fail(self, name: str, *, attempts: int = 3) -> None:
        """Let the first open activity or child of this name fail, as often as it is tried again, after its pauses.

        A raw call with the retries of the SDK fails in all of them.
        """
        action = self.action(name)
        if "retryOptions" in action:
            self._fail_with_retries(name, action["retryOptions"]["maxNumberOfAttempts"])
            return
        for left in reversed(range(attempts)):
            before = self.timers()
            self._turn(self._failure(self._close(name)[0]))
            pauses = [timer for timer in self.timers() if timer not in before]
            if not pauses or not left:
                return
            self.fire(pauses[0])

    def _fail_with_retries(self, name: str, attempts: int) -> None:
        """Fail as the SDK has it: it gives the ids of pauses and attempts itself, and pauses after the last too."""
        number, _ = self._close(name)
        for attempt in range(1, attempts + 1):
            self._turn(self._failure(number))
            timer = self._take_id()
            self.history[-1:-1] = [self._event({"EventType": 10, "EventId": timer})]
            self._turn({"EventType": 11, "TimerId": timer})
            if attempt < attempts:
                number = self._take_id()
                self.history[-1:-1] = [self._event({"EventType": 4, "EventId": number, "Name": name})]

    @staticmethod
    def _failure(number: int) -> dict[str, Any]:
        return {"EventType": 6, "TaskScheduledId": number, "Reason": "boom", "Details": "details"}

    def asked(self, agent: str, *, about: str = "") -> dict[str, Any]:
        """Return the request that the agent's entity was sent and has not answered.

        Of several, `about` is a text that is in the message of this one only.
        """
        action = self.open[self._call_of(agent, about)]
        request: dict[str, Any] = {"entity": action["instanceId"], **json.loads(action["input"])}
        return request

    def messages(self, agent: str) -> list[str]:
        """Return the messages that the agent has not answered, in the order in which it was asked."""
        return [json.loads(self.open[number]["input"])["message"] for number in self._calls_of(agent)]

    def answer(self, agent: str, answer: BaseModel | AgentResponse | dict[str, Any], *, about: str = "") -> None:
        """Let the agent answer with a model, or its entity with this very response; `about` is that of `asked`."""
        number = self._call_of(agent, about)
        del self.open[number]
        if isinstance(answer, BaseModel):
            answer = AgentResponse(messages=[Message("assistant", [answer.model_dump_json()])])
        result = answer.to_dict() if isinstance(answer, AgentResponse) else answer
        reply = json.dumps({"result": json.dumps(result)})
        self._turn({"EventType": 15, "Name": f"reply-{number}", "Input": reply})

    def raise_event(self, name: str, payload: object, *, as_text: bool = True) -> None:
        """Raise an external event, as JSON text like the SDK or as an object like the webhook."""
        self._turn({"EventType": 15, "Name": name, "Input": json.dumps(json.dumps(payload) if as_text else payload)})

    def decide(self, *, approved: bool, feedback: str | None = None, **decision: object) -> None:
        """Decide on the approval that the run waits for; `reviewer=` and other fields of a decision may be given."""
        waiting_for = self._approval()
        named = {name: waiting_for[name] for name in ("request_id", "content_hash")}
        self.raise_event(waiting_for["event_name"], {**named, "approved": approved, "feedback": feedback, **decision})

    def fire_timer(self, *, early: timedelta = timedelta()) -> None:
        """Let the one open timer fire: at its time, or `early`, as some task hubs do."""
        (number,) = self.timers()
        self.fire(number, early=early)

    def pass_time(self, duration: timedelta) -> None:
        """Let time pass: each timer that becomes due fires at its time, also one that is made on the way."""
        until = self.now + duration
        while due := sorted((_time(action["fireAt"]), number) for number, action in self.timers().items()):
            if due[0][0] > until:
                break
            self.fire(due[0][1])
        self.now = max(self.now, until)

    def settle(self) -> None:
        """Let the timers fire that are due by now."""
        self.pass_time(timedelta())

    def fire(self, number: int, *, early: timedelta = timedelta()) -> None:
        """Let the open timer with this id fire."""
        action = self.open.pop(number)
        # A turn is a millisecond after the one before; it is the timer's time that the orchestration sees.
        self.now = max(self.now, _time(action["fireAt"]) - early)
        self._turn({"EventType": 11, "TimerId": number, "FireAt": action["fireAt"]})

    def timers(self) -> dict[int, dict[str, Any]]:
        """Return the timers that are open and not cancelled: they would keep the run from ending."""
        return {n: leaf for n, leaf in self.open.items() if leaf["actionType"] == TIMER and not leaf["isCanceled"]}

    @property
    def waiting_for(self) -> dict[str, Any]:
        """What the run waits for according to its custom status."""
        waiting_for: dict[str, Any] = self.state["customStatus"]["waiting_for"]
        return waiting_for

    @property
    def output(self) -> Any:
        """What the run has completed with."""
        assert self.state.get("isDone") and "error" not in self.state, f"The run has not completed: {self.state}"
        return self.state.get("output")

    def _approval(self) -> dict[str, Any]:
        status = self.state.get("customStatus")
        waiting_for = status.get("waiting_for") if isinstance(status, dict) else None
        assert isinstance(waiting_for, dict), f"The run waits for nobody's decision: {self.state}"
        assert waiting_for["kind"] == "approval", f"What the run waits for is no approval: {waiting_for}"
        return waiting_for

    def _call_of(self, agent: str, about: str) -> int:
        """Return the id of the one open call of the agent with this text in its message."""
        calls = [n for n in self._calls_of(agent) if about in json.loads(self.open[n]["input"])["message"]]
        assert len(calls) == 1, f"{len(calls)} of the messages {self.messages(agent)} to {agent!r} have {about!r}."
        return calls[0]

    def _calls_of(self, agent: str) -> list[int]:
        entity = f"@dafx-{agent.lower()}@"
        calls = [number for number, leaf in self.open.items() if leaf["actionType"] == ENTITY_CALL]
        return [number for number in calls if self.open[number]["instanceId"].startswith(entity)]

    def _find(self, name: str) -> tuple[int, dict[str, Any]]:
        number = self._all(name)[0]
        return number, self.open[number]

    def _all(self, name: str) -> list[int]:
        found = [number for number, leaf in self.open.items() if leaf.get("functionName") == name]
        assert found, (
            f"Nothing of the name {name!r} is open, but {[leaf.get('functionName') for leaf in self.open.values()]}."
        )
        return found

    def _close(self, name: str) -> tuple[int, dict[str, Any]]:
        number, action = self._find(name)
        del self.open[number]
        return number, action

    def _take_id(self) -> int:
        self._next_id += 1
        return self._next_id - 1

    def _event(self, event: dict[str, Any]) -> dict[str, Any]:
        stamp = self.now.isoformat().replace("+00:00", "Z")
        return {"EventId": -1, "IsPlayed": False, "Timestamp": stamp, **event}

    def _turn(self, event: dict[str, Any]) -> None:
        """Deliver one event and schedule what the orchestration asks for."""
        self.now += timedelta(milliseconds=1)
        for played in self.history:
            played["IsPlayed"] = True
        self.history += [self._event({"EventType": 12}), self._event(event)]
        try:
            self.state = self.look(self._input)
        except _BrokenError as failure:
            # The SDK itself could not go on; the host fails the run with these words.
            self.state = {**self.state, "error": str(failure)}
            return
        self._schedule([leaf for action in self.state["actions"][0] for leaf in _flatten(action)])
        self.history.append(self._event({"EventType": 13}))
        if self.keeps_audit_log and any(leaf.get("functionName") == _RECORD for leaf in self.open.values()):
            self.audit_log.append(self.waits_for(_RECORD))
            self.complete(_RECORD, {"id": self.audit_log[-1]["id"]})

    def look(self, run_input: Any) -> dict[str, Any]:
        """Return what the orchestration answers to the history as it is.

        Raises:
            _BrokenError: The SDK could not go on.
        """
        request = {
            "history": self.history,
            "input": run_input,
            "instanceId": self.instance_id,
            "isReplaying": len(self.history) > 2,
            "parentInstanceId": None,
            "upperSchemaVersion": 1,
            "upperSchemaVersionNew": 3,
            **self.durations,
        }
        try:
            answer = self.handle(json.dumps(request))
        except Exception as failure:
            _, label, answer = str(failure).rpartition(FAILURE_LABEL)
            if not label:
                raise _BrokenError(answer) from failure
        state: dict[str, Any] = json.loads(answer)
        return state

    def _schedule(self, leaves: list[dict[str, Any]]) -> None:
        """Schedule the new actions; the old ones are repeated in each turn, where a timer may have become cancelled."""
        for number, action in zip(self._ids, leaves, strict=False):
            if number in self.open:
                self.open[number] = action
        for action in leaves[len(self._ids) :]:
            if action["actionType"] == EVENT:
                self._ids.append(-1)
                continue
            number = self._take_id()
            self._ids.append(number)
            self.open[number] = action
            scheduled: dict[str, Any] = {"EventType": 4, "Name": action.get("functionName")}
            if action["actionType"] == TIMER:
                scheduled = {"EventType": 10, "FireAt": action["fireAt"]}
            elif action["actionType"] == ENTITY_CALL:
                scheduled = {"EventType": 14, "Input": json.dumps({"id": f"reply-{number}"})}
            self.history.append(self._event({**scheduled, "EventId": number}))


def replay(
    orchestration: Orchestration,
    run_input: dict[str, Any],
    *,
    workflows: Sequence[Workflow] = (),
    at: datetime | None = None,
) -> Replay:
    """Register an orchestration on an app with these workflows, and run its first turn.

    No agent has to be named: the test says what each one answers. `at` is the time of the start, in UTC.
    """
    handle = _handle_of(orchestration, workflows)
    return (Replay(handle) if at is None else Replay(handle, now=at)).start(run_input)


def replay_history(orchestration: Orchestration, history: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Play an orchestration along a history that a host has recorded, up to where that ends, and return its state.

    `history` has the events as the extension sends them to the worker, and may have the end of the run as well, which
    it does not send. What was too large for it is not in it, so record one of a run with small payloads, or of an app
    with `largest_payload_bytes=None`.

    Raises:
        AssertionError: It does not do what it did then, or a payload is not in the history.
    """
    assert not any(map(_refers, history)), (
        "The history refers to a payload that is kept beside it. Record a smaller one."
    )
    history = [event for event in history if event["EventType"] != ENDED]
    started = next(event for event in history if event["EventType"] == 0)
    instance_id = started["OrchestrationInstance"]["InstanceId"]
    run = Replay(_handle_of(orchestration, ()), instance_id, history=[{**event, "IsPlayed": True} for event in history])
    did = [_kind_of(event) for event in history if event["EventType"] in _SCHEDULED]
    try:
        state = run.look(_without_caller(json.loads(started["Input"])))
    except _BrokenError as failure:
        raise AssertionError(
            f"The history has {did}, with which the orchestration cannot go on: {failure}"
        ) from failure
    leaves = [leaf for action in state["actions"][0] for leaf in _flatten(action)]
    does = [(leaf["actionType"], leaf.get("functionName")) for leaf in leaves if leaf["actionType"] != EVENT]
    does = [(_ALIKE.get(kind, kind), name) for kind, name in does]
    assert does[: len(did)] == did, f"The history has {did}, the orchestration does {does}."
    assert "error" not in state, state["error"]
    return state


def _handle_of(orchestration: Orchestration, workflows: Sequence[Workflow]) -> Callable[[str], str]:
    app = _Rehearsal(
        settings=HostingSettings.from_environ({}),
        orchestrations=[] if orchestration.name in _names_of(workflows) else [orchestration],
        workflows=workflows,
        largest_payload_bytes=None,
    )
    # AgentFunctionApp declares only a part of what it inherits.
    functions = cast(df.DFApp, app).get_functions()
    (function,) = [f for f in functions if f.get_function_name() == orchestration.name]
    handle: Callable[[str], str] = function.get_user_function()
    return handle


def _refers(event: dict[str, Any]) -> bool:
    """Say whether a payload of the event is a reference, whatever the spaces and quotes of its JSON text."""
    text = f"{event.get('Input')} {event.get('Result')}".replace("\\", "").replace(" ", "")
    return f'"{REFERENCE}":{{"run":' in text


def _without_caller(run_input: Any) -> Any:
    """Return the input of a child without the run that has called it: its seal is one of the app that was recorded."""
    if isinstance(run_input, str):
        with suppress(ValueError):
            return json.dumps(_without_caller(json.loads(run_input)))
    if isinstance(run_input, dict):
        return {name: value for name, value in run_input.items() if name != CALLER}
    return run_input


def _kind_of(event: dict[str, Any]) -> tuple[int, str | None]:
    kind = _SCHEDULED[event["EventType"]]
    return kind, event["Name"] if kind in (0, 2) else None


class _RehearsedTriggers(OrchestrationTriggers):
    def is_registered(self, kind: str, name: str) -> bool:
        return True

    def check(self, functions: Iterable[Any], names: Mapping[str, frozenset[str]], agents: Iterable[str]) -> None:
        """Check nothing: the app that hosts them does."""


class _Rehearsal(AgentFunctionApp):
    """An app that has every agent, activity and child its orchestrations ask for."""

    _triggers_of = _RehearsedTriggers

    def get_agent(self, context: Any, agent_name: str, workflow_name: str | None = None) -> DurableAIAgent[Any]:
        if workflow_name is None and agent_name not in super().agents:
            self.add_agent(Agent(OfflineChatClient(), name=agent_name))
        return super().get_agent(context, agent_name, workflow_name)


def _names_of(workflows: Sequence[Workflow]) -> set[str]:
    return {workflow_orchestrator_name(workflow.name) for workflow in workflows}


def _input_of(action: dict[str, Any]) -> Any:
    """Return the input of an activity or a child, without what the library has added to it."""
    payload = json.loads(action["input"])
    if isinstance(payload, dict):
        payload.pop(ALLOWANCE_FIELD, None)
    return payload


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _flatten(action: dict[str, Any]) -> list[dict[str, Any]]:
    if "compoundActions" not in action:
        return [action]
    return [leaf for child in action["compoundActions"] for leaf in _flatten(child)]
