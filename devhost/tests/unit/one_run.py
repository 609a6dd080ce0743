"""One orchestration instance on a task hub in memory, taken turn by turn with answers written by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from devhost.engine.execution import Execution, Task
from devhost.engine.scheduling import start_changes
from devhost.engine.turn import Turn, TurnResult
from devhost.functions import Function, FunctionTable, TriggerType
from devhost.hub.rows import ActivityItem, Changes, Instance, Message, Parent, Status
from devhost.hub.store import TaskHub
from devhost.protocol import history
from devhost.protocol.answer import Answer
from devhost.protocol.history import Event, EventType
from devhost.tests.unit.commit import commit
from devhost.tests.unit.fake_clock import FakeClock

RUN = "run"
LATER = datetime(2026, 1, 6, tzinfo=UTC)
"""A time after all that the fake clock shows."""


def function_table(
    activities: tuple[str, ...] = ("hello", "bye"),
    orchestrations: tuple[str, ...] = ("main", "child"),
    entities: tuple[str, ...] = ("Counter",),
) -> FunctionTable:
    """Return a table of functions that exist by name alone."""
    names = {
        TriggerType.ACTIVITY: activities,
        TriggerType.ORCHESTRATION: orchestrations,
        TriggerType.ENTITY: entities,
    }
    return FunctionTable(Function(name, name, kind, "x", {}) for kind, group in names.items() for name in group)


class OneRun:
    """An instance `run` of the orchestration `main`.

    Every turn is committed, and the execution that goes on in memory is compared with one replayed from the task hub:
    a host that was killed would ask the worker the same and go on the same way.
    """

    def __init__(self, *, name: str = "main", value: Any = None, parent: Parent | None = None) -> None:
        self.hub = TaskHub(None)
        self.clock = FakeClock()
        self.functions = function_table()
        commit(self.hub, start_changes(RUN, name, json.dumps(value), self.clock.now(), parent))
        self._canceled: list[int] = []
        self._execution = self._replayed()

    @property
    def kinds(self) -> list[str]:
        """The names of the events in the stored history."""
        return [EventType(json.loads(row.event)["EventType"]).name for row in self.hub.history(RUN)]

    @property
    def instance(self) -> Instance:
        """The instance as it is stored."""
        instance = self.hub.instance(RUN)
        assert instance is not None
        return instance

    @property
    def pending(self) -> dict[int, Task]:
        """The tasks the run waits for, by the id of the activity, child, timer or request that is under way."""
        return self._execution.pending

    @property
    def activities(self) -> list[ActivityItem]:
        """The activities that were scheduled and have not finished."""
        return list(self.hub.pending_activities())

    @property
    def timers(self) -> list[Message]:
        """The messages that wait for their time."""
        return [message for message in self.hub.pending_messages() if message.due is not None]

    @property
    def sent(self) -> list[Message]:
        """The messages for other instances and for entities."""
        return [message for message in self.hub.pending_messages() if message.target != RUN]

    def stored_events(self) -> list[Event]:
        """Return the stored history."""
        return [json.loads(row.event) for row in self.hub.history(RUN)]

    def events(self, kind: EventType) -> list[Event]:
        """Return the stored history's events of a kind."""
        return [event for event in self.stored_events() if event["EventType"] == kind]

    def restart(self) -> None:
        """Go on as a host does that was killed: with what the task hub holds."""
        self._canceled = []
        self._execution = self._replayed()

    def due(self) -> list[Message]:
        """Return the messages for this execution that can be delivered now."""
        now = self.clock.now()
        execution_ids = (None, self.instance.execution_id)
        return [
            message
            for message in self.hub.pending_messages()
            if message.target == RUN
            and message.execution_id in execution_ids
            and (message.due is None or message.due <= now)
        ]

    def turn(self, answer: Answer, messages: list[Message] | None = None) -> TurnResult:
        """Take one turn on these messages, or on all that are due, commit it, and check that it replays."""
        messages = self.due() if messages is None else messages
        replayed_request = self.request(messages)
        turn = Turn(self._execution, self.functions, self.clock.now())
        assert turn.begin(messages)
        assert json.loads(turn.request()) == replayed_request
        return self._commit(turn.finish(answer), messages)

    def lost_turn(self, answer: Answer) -> TurnResult:
        """Take a turn that is never committed, as when the host is killed in it."""
        turn = Turn(self._replayed(), self.functions, self.clock.now())
        assert turn.begin(self.due())
        return turn.finish(answer)

    def request(self, messages: list[Message] | None = None) -> dict[str, Any]:
        """Return what the worker would be asked on these messages, or on those that are due; the turn is not taken."""
        turn = Turn(self._replayed(), self.functions, self.clock.now())
        assert turn.begin(self.due() if messages is None else messages)
        request: dict[str, Any] = json.loads(turn.request())
        return request

    def ignore(self) -> None:
        """Take the messages that are due, none of which may be news."""
        turn = Turn(self._execution, self.functions, self.clock.now())
        messages = self.due()
        assert not turn.begin(messages)
        self._commit(turn.nothing_new(), messages)

    def suspend(self, answer: Answer, reason: str | None = None) -> TurnResult:
        """Suspend the instance, which its orchestrator is told of."""
        return self._control(history.execution_suspended(self.clock.now(), reason), answer)

    def resume(self, answer: Answer, reason: str | None = None) -> TurnResult:
        """Resume the instance, which its orchestrator is told of."""
        return self._control(history.execution_resumed(self.clock.now(), reason), answer)

    def _control(self, event: Event, answer: Answer) -> TurnResult:
        message = Message(RUN, event["EventType"], history.dump(event))
        commit(self.hub, Changes(messages=[message]))
        return self.turn(answer, [message])

    def terminate(self, reason: str | None) -> TurnResult:
        """End the instance from outside."""
        event = history.execution_terminated(self.clock.now(), reason)
        message = Message(RUN, EventType.EXECUTION_TERMINATED, history.dump(event))
        commit(self.hub, Changes(messages=[message]))
        turn = Turn(self._execution, self.functions, self.clock.now())
        return self._commit(turn.terminate(message), [message])

    def complete(self, task_id: int, result: Any = None) -> None:
        """Finish an activity."""
        self._finish_activity(task_id, history.task_completed(self.clock.now(), task_id, json.dumps(result)))

    def fail(self, task_id: int, reason: str = "Activity function 'hello' failed: ValueError: no") -> None:
        """Let an activity fail."""
        self._finish_activity(task_id, history.task_failed(self.clock.now(), task_id, reason, "details"))

    def end_child(self, task_id: int, result: Any = None) -> None:
        """Let a child complete."""
        self._send(history.sub_orchestration_completed(self.clock.now(), task_id, json.dumps(result)), task_id)

    def fail_child(self, task_id: int, reason: str = "Orchestrator function 'child' failed: no") -> None:
        """Let a child fail."""
        self._send(history.sub_orchestration_failed(self.clock.now(), task_id, reason, "details"), task_id)

    def end_instance(self, instance_id: str, status: Status) -> None:
        """Mark another instance as ended."""
        instance = self.hub.instance(instance_id)
        assert instance is not None
        commit(self.hub, Changes(instances=[replace(instance, status=status)]))

    def raise_event(self, name: str, value: Any = None) -> None:
        """Raise an external event, or deliver an entity's reply under its request id."""
        event = history.event_raised(self.clock.now(), name, json.dumps(value))
        commit(self.hub, Changes(messages=[Message(RUN, EventType.EVENT_RAISED, history.dump(event))]))

    def deliver(self, message: Message) -> None:
        """Deliver a message, once more or late."""
        commit(self.hub, Changes(messages=[message]))

    def _finish_activity(self, task_id: int, event: Event) -> None:
        item = next(item for item in self.activities if item.task_id == task_id)
        self._send(event, task_id, Changes(finished_activity=item.id))

    def _send(self, event: Event, task_id: int, changes: Changes | None = None) -> None:
        changes = changes or Changes()
        message = Message(RUN, event["EventType"], history.dump(event), self.instance.execution_id, task_id)
        changes.messages.append(message)
        commit(self.hub, changes)

    def _commit(self, result: TurnResult, messages: list[Message]) -> TurnResult:
        commit(self.hub, result.complete(messages, self.hub.instance))
        self._canceled += [task_id for _, _, task_id in result.changes.canceled_timers]
        if result.instance.execution_id != self._execution.instance.execution_id:
            self._canceled = []
            self._execution = self._replayed()
            return result
        if result.instance.status.is_final:
            return result
        replayed = self._replayed()
        for task_id in self._canceled:  # not in the history: every answer of the SDK says it again
            task = replayed.pending.pop(task_id, None)
            if task is not None:
                task.is_done = True
        for name in (
            "instance",
            "rows",
            "tasks",
            "pending",
            "requests",
            "raised",
            "next_id",
            "clock",
            "has_returned",
            "withheld",
        ):
            assert getattr(self._execution, name) == getattr(replayed, name), name
        return result

    def _replayed(self) -> Execution:
        return Execution.replay(self.instance, self.hub.history(RUN))
