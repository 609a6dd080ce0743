"""Turns an orchestrator's actions into history events and work, in the order in which the extension awaits them."""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from devhost.engine.execution import Execution, Kind, Note, Progress, Task
from devhost.functions import FunctionTable, TriggerType
from devhost.hub.rows import OPERATION, ActivityItem, Changes, HistoryRow, Instance, Message, Parent
from devhost.hub.rows import Status as InstanceStatus
from devhost.protocol import failures, history, ids
from devhost.protocol.answer import Action, ActionType, Answer
from devhost.protocol.entities import EntityId, Request
from devhost.protocol.history import Event, EventType
from devhost.protocol.json_text import compact

HTTP_ACTIVITY = "BuiltIn::HttpActivity"

_REQUEST_IDS = uuid.UUID("8a1c7f62-0f7e-5f8b-9c55-0d1b7a5f3e21")
KINDS = {
    ActionType.CALL_ACTIVITY: Kind.ACTIVITY,
    ActionType.CALL_ACTIVITY_WITH_RETRY: Kind.ACTIVITY,
    ActionType.CALL_HTTP: Kind.ACTIVITY,
    ActionType.CALL_SUB_ORCHESTRATOR: Kind.CHILD,
    ActionType.CALL_SUB_ORCHESTRATOR_WITH_RETRY: Kind.CHILD,
    ActionType.CREATE_TIMER: Kind.TIMER,
    ActionType.CALL_ENTITY: Kind.MESSAGE,
    ActionType.SIGNAL_ENTITY: Kind.MESSAGE,
}
"""What task each action makes; the others make none."""

_CALLED = {
    Kind.ACTIVITY: (TriggerType.ACTIVITY, "activity"),
    Kind.CHILD: (TriggerType.ORCHESTRATION, "orchestrator"),
    Kind.MESSAGE: (TriggerType.ENTITY, "entity"),
}


class SchedulingError(Exception):
    """The orchestrator asked for something that ends it; the text is its output."""


class UnknownFunctionError(SchedulingError):
    """The orchestrator called a function the app does not have; on Azure the run would hang."""


@dataclass(slots=True)
class Walk:
    """How far the actions went: which top-level action is not complete yet, and whether the last continues as new."""

    waits_for: Action | None = None
    held_back: int = 0
    continue_as_new: Action | None = None


@dataclass(frozen=True, slots=True)
class Child:
    """A child to start when the turn is committed. Where its id is taken then, its parent gets `refusal` instead."""

    start: Changes
    refusal: Message


class Scheduler:
    """Schedules the new actions of one turn, recording their events in the execution.

    What it schedules is added to `changes`, but for children: whether they can start, only the task hub knows.
    """

    def __init__(
        self,
        execution: Execution,
        functions: FunctionTable,
        now: datetime,
        changes: Changes,
        children: list[Child],
    ) -> None:
        self._execution = execution
        self._functions = functions
        self._now = now
        self._changes = changes
        self._children = children
        self._next_task = 0
        self._waits: defaultdict[str, int] = defaultdict(int)
        self._is_held = False

    def walk(self, answer: Answer) -> Walk:
        """Visit the answer's actions in order, up to and including the first that is not complete.

        The extension awaits them one after the other, so what follows an incomplete one is not scheduled yet. Where the
        answer has the new actions only, the walk goes on from the first that was not complete.

        While the execution is suspended nothing is scheduled.

        Raises:
            SchedulingError: The actions do not agree with the history, or name a function the app does not have.
        """
        execution = self._execution
        progress = execution.progress if answer.is_tail else Progress()
        self._next_task, self._waits, self._is_held = progress.tasks, progress.waits.copy(), False
        self._cancel_tasks(answer.canceled or frozenset())
        actions = [*progress.unfinished, *answer.actions]
        for position, action in enumerate(actions):
            tasks, waits = self._next_task, self._waits.copy()
            if action.kind is ActionType.CONTINUE_AS_NEW:
                progress.continue_as_new = action
            elif not self._visit(action) or self._is_held:
                execution.progress = Progress(actions[position:], tasks, waits)
                return Walk(action, len(actions) - position - 1)
        execution.progress = Progress([], self._next_task, self._waits, progress.continue_as_new)
        if self._next_task < len(execution.tasks):
            task = execution.tasks[self._next_task]
            raise SchedulingError(failures.not_scheduled(task.task_id, task.kind.value, task.name))
        return Walk(continue_as_new=progress.continue_as_new)

    def waits(self, name: str) -> int:
        """Return how often the actions visited so far wait for an external event, ignoring case."""
        return self._waits[name.casefold()]

    def retry(self, task: Task) -> None:
        """Start the next attempt of a task whose retry timer has fired."""
        kind = ActionType.CALL_ACTIVITY if task.kind is Kind.ACTIVITY else ActionType.CALL_SUB_ORCHESTRATOR
        self._start(Action(kind, task.name, task.child_id, task.input), Note(retry_of=task.task_id))

    def retry_later(self, task: Task, fire_at: datetime) -> None:
        """Start the timer after a failed attempt of a task."""
        self._start(Action(ActionType.CREATE_TIMER, fire_at=history.timestamp(fire_at)), Note(retry_of=task.task_id))

    def _visit(self, action: Action) -> bool:
        """Schedule an action unless it is, and return whether it is complete."""
        match action.kind:
            case ActionType.WHEN_ALL:
                return all([self._visit(child) for child in action.children])
            case ActionType.WHEN_ANY:
                return any([self._visit(child) for child in action.children]) or not action.children
            case ActionType.WAIT_FOR_EXTERNAL_EVENT:
                name = action.name.casefold()
                self._waits[name] += 1
                return self._execution.raised[name] >= self._waits[name]
            case _:
                return self._visit_task(action)

    def _visit_task(self, action: Action) -> bool:
        if self._next_task < len(self._execution.tasks):
            task = self._execution.tasks[self._next_task]
            self._check_same(task, action)
        elif self._execution.is_suspended:
            self._is_held = True
            return False
        else:
            task = self._start(action, _note(action, self._execution))
        if (action.canceled or self._next_task in self._execution.canceled) and not task.is_done:
            self._cancel(task)
        self._next_task += 1
        return task.is_done

    def _cancel_tasks(self, places: frozenset[int]) -> None:
        """Cancel timers by their places among the tasks; one that is held back is canceled when its turn comes."""
        self._execution.canceled |= places
        for place in places:
            if place < len(self._execution.tasks) and not self._execution.tasks[place].is_done:
                self._cancel(self._execution.tasks[place])

    def _check_same(self, task: Task, action: Action) -> None:
        kind, name = KINDS[action.kind], _task_name(action)
        if kind is not task.kind:
            raise SchedulingError(failures.scheduled_other_kind(task.task_id, task.kind.value, task.name, kind.value))
        if name.casefold() != task.name.casefold():
            raise SchedulingError(failures.scheduled_another(task.task_id, kind.value, task.name, name))

    def _cancel(self, task: Task) -> None:
        instance = self._execution.instance
        task.is_done = True
        self._execution.pending.pop(task.task_id, None)
        self._changes.messages = [
            one for one in self._changes.messages if (one.task_id, one.kind) != (task.task_id, EventType.TIMER_FIRED)
        ]
        self._changes.canceled_timers.append((instance.instance_id, instance.execution_id, task.task_id))

    def _start(self, action: Action, note: Note) -> Task:
        task_id = self._execution.next_id
        kind = KINDS[action.kind]
        self._check_known(kind, action)
        self._check_id(kind, action)
        match kind:
            case Kind.ACTIVITY:
                event = self._start_activity(task_id, action)
            case Kind.CHILD:
                event = self._start_child(task_id, action)
            case Kind.TIMER:
                event = self._start_timer(task_id, action)
            case Kind.MESSAGE:
                event = self._send_operation(task_id, action, str(note.request_id))
        self._execution.record(event, HistoryRow(history.dump(event), note.dump()), note)
        return self._execution.tasks[-1]

    def _check_known(self, kind: Kind, action: Action) -> None:
        if kind not in _CALLED or action.kind is ActionType.CALL_HTTP:
            return
        trigger, word = _CALLED[kind]
        name = EntityId.parse(str(action.target)).name if kind is Kind.MESSAGE else action.name
        if self._functions.find(trigger, name) is None:
            text = failures.unknown_function(name, word, self._functions.names(trigger))
            raise UnknownFunctionError(failures.orchestrator_failed(self._execution.instance.name, text))

    def _check_id(self, kind: Kind, action: Action) -> None:
        """Let no id pass that the task hub cannot hold, or that would be taken for one of another kind."""
        if not action.target:
            return
        if kind is Kind.CHILD:
            what, text, fault = "instance id", action.target, ids.fault_of_instance(action.target)
        else:
            key = EntityId.parse(action.target).key
            what, text, fault = "entity key", key, ids.fault_of(key)
        if fault is not None:
            error = f"The {what} {text!r} of '{action.name}' cannot be used: {fault}."
            raise SchedulingError(failures.orchestrator_failed(self._execution.instance.name, error))

    def _start_activity(self, task_id: int, action: Action) -> Event:
        instance = self._execution.instance
        name = _task_name(action)
        self._changes.activities.append(
            ActivityItem(instance.instance_id, instance.execution_id, task_id, name, _task_input(action))
        )
        return history.task_scheduled(self._now, task_id, name)

    def _start_child(self, task_id: int, action: Action) -> Event:
        instance = self._execution.instance
        child_id = action.target or f"{instance.execution_id}:{task_id:x}"
        started = start_changes(
            child_id,
            action.name,
            None if action.input is None else compact(action.input),
            self._now,
            Parent(instance.instance_id, instance.execution_id, task_id),
        )
        text = f"An orchestration with id '{child_id}' already exists and is running."
        refused = history.sub_orchestration_failed(self._now, task_id, text, None)
        self._children.append(Child(started, to_execution(instance, refused, task_id)))
        return history.sub_orchestration_created(self._now, task_id, action.name, child_id)

    def _start_timer(self, task_id: int, action: Action) -> Event:
        fired = history.timer_fired(self._now, task_id, action.fire_at)
        message = to_execution(self._execution.instance, fired, task_id)
        message.due = history.parse_timestamp(action.fire_at)
        self._changes.messages.append(message)
        return history.timer_created(self._now, task_id, action.fire_at)

    def _send_operation(self, task_id: int, action: Action, request_id: str) -> Event:
        instance = self._execution.instance
        request = Request(
            operation=action.name,
            request_id=request_id,
            input=None if action.input is None else compact(action.input),
            is_signal=action.kind is ActionType.SIGNAL_ENTITY,
            parent=instance.instance_id,
            parent_execution=instance.execution_id,
        ).dump(self._now)
        self._changes.messages.append(Message(str(action.target), OPERATION, request))
        return history.event_sent(self._now, task_id, str(action.target), request)


def start_children(
    children: Iterable[Child], changes: Changes, find_instance: Callable[[str], Instance | None]
) -> None:
    """Add the starts of a turn's children to its changes, or the refusals of those whose ids are in use."""
    for child in children:
        instance_id = child.start.instances[0].instance_id
        present = find_instance(instance_id)
        is_new = all(one.instance_id != instance_id for one in changes.instances)
        if is_new and (present is None or present.status.is_final):
            changes.instances += child.start.instances
            changes.forget_history += child.start.forget_history
            changes.messages += child.start.messages
        else:
            changes.messages.append(child.refusal)


def to_execution(instance: Instance, event: Event, task_id: int | None) -> Message:
    """Return the message that delivers an event to an instance's present execution and no other."""
    return event_message(instance.instance_id, instance.execution_id, event, task_id)


def event_message(instance_id: str, execution_id: str | None, event: Event, task_id: int | None) -> Message:
    """Return the message that delivers an event; without an execution, to whichever runs then."""
    return Message(instance_id, event["EventType"], history.dump(event), execution_id, task_id, event=event)


def start_changes(
    instance_id: str, name: str, input_text: str | None, now: datetime, parent: Parent | None = None
) -> Changes:
    """Return what starting an instance changes; whatever ended under this id before is replaced."""
    execution_id = str(uuid.uuid4())
    instance = Instance(
        instance_id, execution_id, name, InstanceStatus.PENDING, now, now, input=input_text, parent=parent
    )
    event = history.execution_started(now, instance_id, execution_id, name, input_text)
    return Changes(instances=[instance], forget_history=[instance_id], messages=[to_execution(instance, event, None)])


def _note(action: Action, execution: Execution) -> Note:
    if KINDS[action.kind] is Kind.MESSAGE:
        # Derived, so that a turn repeated after a crash sends the same request.
        request_id = str(uuid.uuid5(_REQUEST_IDS, f"{execution.instance.execution_id}/{execution.next_id}"))
        return Note(request_id=request_id, is_signal=action.kind is ActionType.SIGNAL_ENTITY)
    return Note(retry=action.retry, input=_task_input(action), child_id=action.target)


def _task_input(action: Action) -> str | None:
    return action.input if action.http is None else json.dumps(action.http)


def _task_name(action: Action) -> str:
    match KINDS[action.kind]:
        case Kind.MESSAGE:
            return str(action.target)
        case Kind.ACTIVITY if action.http is not None:
            return HTTP_ACTIVITY
        case _:
            return action.name
