"""`start --check`: what is wrong with an app and its open runs, found without serving or changing anything."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path

from devhost import fast_timestamps
from devhost.app import App, load_app
from devhost.app_settings import load_host_settings, prepare_environment
from devhost.engine.execution import SCHEDULING, Execution, Kind, Task
from devhost.engine.scheduling import HTTP_ACTIVITY, KINDS, Scheduler, SchedulingError
from devhost.engine.turn import Turn
from devhost.functions import Function, FunctionTable, TriggerType
from devhost.hub.rows import Changes
from devhost.hub.snapshot import HubSnapshot
from devhost.protocol.answer import Action, Answer, ProtocolError, parse_answer, parse_failure
from devhost.protocol.history import EventType
from devhost.user_log import silenced
from devhost.worker import FunctionFailedError, Worker

_WORDS = {Kind.ACTIVITY: "activity", Kind.CHILD: "orchestration", Kind.MESSAGE: "entity"}


def check(app_root: Path, hub_path: Path | None, port: int, *, fast: bool) -> list[str]:
    """Return what is wrong, a sentence each, with the app in a folder and the open runs of a task hub, if there is one.

    Raises:
        SettingsError: host.json or local.settings.json cannot be used.
        AppLoadError: function_app.py cannot be loaded.
    """
    prepare_environment(app_root, port, os.environ)
    settings = load_host_settings(app_root, os.environ)
    if fast:
        fast_timestamps.install()
    worker = Worker(settings.function_timeout)
    app = load_app(worker, app_root, settings.route_prefix, os.environ)
    found = [*zero_functions(app), *refusals(app)]
    if hub_path is not None and hub_path.exists():
        with HubSnapshot(hub_path) as snapshot:
            found += unknown_orchestrations(snapshot.open_runs(), app.functions)
            found += departures(snapshot, app.functions, worker)
    worker.close()
    return found


def zero_functions(app: App) -> Iterator[str]:
    """Say that one function that cannot be indexed leaves the whole app without functions on Azure."""
    for one in app.unindexed:
        yield f"On Azure: 0 functions. {one.name!r} cannot be indexed, and the app is left with none: {one.reason}"


def unknown_orchestrations(open_runs: Mapping[str, int], functions: FunctionTable) -> Iterator[str]:
    """Say which open runs, counted by their orchestration, are of one that the app does not have."""
    for name, number in sorted(open_runs.items()):
        if functions.find(TriggerType.ORCHESTRATION, name) is None:
            runs = "1 run of {!r} is open" if number == 1 else f"{number:,} runs of {{!r}} are open"
            yield f"{runs.format(name)}, and the app has none: renamed?"


def refusals(app: App) -> Iterator[str]:
    """Say which functions the Functions host would refuse."""
    for one in app.refused:
        if not one.works_on_azure:
            yield f"{one.name!r} is not served: {one.reason}"


def departures(snapshot: HubSnapshot, functions: FunctionTable, worker: Worker) -> Iterator[str]:
    """Replay each open run with the app's code and say where it would leave its history, or fail.

    The code of orchestrations runs, and nothing that they ask for.
    """
    for instance in snapshot.open_instances():
        function = functions.find(TriggerType.ORCHESTRATION, instance.name)
        rows = snapshot.history(instance.instance_id)
        if function is None or not rows:
            continue
        reason = _departure(Execution.replay(instance, rows), function, functions, worker)
        if reason is not None:
            yield f"Instance {instance.instance_id!r} of {instance.name!r} {reason}"


def _departure(execution: Execution, function: Function, functions: FunctionTable, worker: Worker) -> str | None:
    now = datetime.now(UTC)
    try:
        answer = _replayed(worker, function, Turn(execution, functions, now))
        difference = _difference(execution, answer) if answer.is_known else None
        if difference is None and answer.is_known:
            # It also looks whether the app has what is called.
            Scheduler(execution, functions, now, Changes(), []).walk(answer)
    except (ProtocolError, SchedulingError) as ex:
        return f"would fail: {ex}"
    if difference is not None:
        return f"would leave its history {difference}."
    if answer.error is not None and not execution.has_returned:
        return f"would fail: {answer.error}"
    return None


def _replayed(worker: Worker, function: Function, turn: Turn) -> Answer:
    try:
        with silenced():
            text = worker.call(function, turn.request())
    except FunctionFailedError as ex:
        return parse_failure(ex.text)
    if text is None:
        raise ProtocolError("The orchestrator gave no answer.")
    return parse_answer(text)


def _difference(execution: Execution, answer: Answer) -> str | None:
    """Return where the tasks that an answer has are first others than those recorded; more than these are none."""
    leaves = [leaf for action in answer.actions for leaf in action.leaves() if leaf.kind in KINDS]
    for task, leaf in zip_longest(execution.tasks, leaves):
        if task is None:
            return None
        recorded, called = _recorded(task), "nothing" if leaf is None else _called(leaf)
        if recorded.casefold() != called.casefold():
            return f"at event {_event_number(execution, task)}: recorded {recorded}, code called {called}"
    return None


def _recorded(task: Task) -> str:
    return f"{_WORDS[task.kind]} {task.name!r}" if task.kind in _WORDS else "a timer"


def _called(action: Action) -> str:
    kind = KINDS[action.kind]
    if kind is Kind.TIMER:
        return "a timer"
    if kind is Kind.MESSAGE:
        return f"{_WORDS[kind]} {action.target!r}"
    return f"{_WORDS[kind]} {(HTTP_ACTIVITY if action.http is not None else action.name)!r}"


def _event_number(execution: Execution, task: Task) -> int:
    """Return the place of the event that scheduled a task, counted from 1."""
    for number, row in enumerate(execution.rows, 1):
        event = json.loads(row.event)
        if EventType(event["EventType"]) in SCHEDULING and event["EventId"] == task.task_id:
            return number
    raise ValueError(f"no event schedules task {task.task_id}")
