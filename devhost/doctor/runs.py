"""Why a run stays Running: what it waits for and since when, from whichever host its state was read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from devhost.doctor.finding import Finding, fault, note, warning

NON_DETERMINISM = (
    "replayed over its history, the orchestration asked for something else than it had: its code was changed while the "
    "run was open, or it looks at the clock, random numbers, the environment or a service itself"
)
DETERMINE = (
    "Give the old code back and rewind the run, or give changed code a new name; take time and ids from the context. "
    "python3 dev.py start --verify finds what is not the same twice."
)
_LONG = timedelta(days=1)
_PENDING = timedelta(minutes=1)
_TRIGGERS = {"activity": "activityTrigger", "child": "orchestrationTrigger", "entity": "entityTrigger"}
_WORDS = {"activity": "activity", "child": "orchestration", "entity": "entity (an agent's session is one)"}


@dataclass(frozen=True, slots=True)
class Task:
    """Something that a run has begun and that has not ended: kind (activity, child, entity, timer) and name."""

    kind: str
    name: str
    since: datetime
    due: datetime | None = None


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run that has not ended. Without `tasks`, it waits for an external event, if it is Running."""

    instance_id: str
    name: str
    status: str
    since: datetime
    custom_status: str | None = None
    tasks: Sequence[Task] = field(default_factory=tuple)
    has_returned: bool = False


Functions = Mapping[str, Sequence[str]] | None
"""The names of the app's functions by trigger; None where they are not known."""


def of_no_orchestration(runs: Sequence[OpenRun], functions: Functions) -> Iterator[Finding]:
    """Runs whose orchestration was renamed or removed can never go on."""
    names = sorted({run.name for run in runs if _is_missing(functions, "child", run.name)})
    for name in names:
        ids = [run.instance_id for run in runs if run.name == name]
        what = f"{len(ids)} open run(s) of {name!r}, and the app has no such orchestration: none goes on ({ids[0]})"
        yield fault(
            "no-orchestration", what, f"the orchestration {name}", "Register it under its old name, or terminate them."
        )


def waits_for_nobody(runs: Sequence[OpenRun], functions: Functions) -> Iterator[Finding]:
    """An activity, agent or child that the app does not have never answers."""
    for run in runs:
        for task in run.tasks:
            if _is_missing(functions, task.kind, task.name):
                what = (
                    f"{_shown(run)} waits since {_time(task.since)} for the {_WORDS[task.kind]} {task.name!r}, which "
                    "the app does not have"
                )
                fix = f"Register it under this name, or terminate the run. {_known(functions, task.kind)}"
                yield fault("not-registered", what, f"the run {run.instance_id}", fix)


def suspended(runs: Sequence[OpenRun]) -> Iterator[Finding]:
    """Somebody has suspended it, and nobody resumed it."""
    for run in runs:
        if run.status == "Suspended":
            what = f"{_shown(run)} is suspended since {_time(run.since)}: what arrives is kept, new work does not start"
            fix = f"POST /runtime/webhooks/durabletask/instances/{run.instance_id}/resume, or the app's own route."
            yield warning("suspended", what, f"the run {run.instance_id}", fix)


def pending(runs: Sequence[OpenRun], now: datetime) -> Iterator[Finding]:
    """A run that was scheduled and not begun: no host takes work from this hub."""
    for run in runs:
        if run.status == "Pending" and now - run.since > _PENDING:
            what = f"{_shown(run)} is Pending since {_time(run.since)}: it was scheduled, and no worker has taken it"
            fix = (
                "Does a host run, with 1 function or more? Do starter and worker name the same hub and connection, has "
                "the app its role on the hub? Is another app on it?"
            )
            yield fault("not-processed", what, f"the run {run.instance_id}", fix)


def waits_for_an_event(runs: Sequence[OpenRun], now: datetime) -> Iterator[Finding]:
    """A human, or another system, has to say something."""
    for run in runs:
        event = _event_of(run)
        if event is not None or (run.status == "Running" and not run.tasks and not run.has_returned):
            yield _event(run, event or "", now)


def waits_for_others(runs: Sequence[OpenRun], functions: Functions) -> Iterator[Finding]:
    """Work that goes on, and timers that keep a run open."""
    for run in runs:
        if run.status != "Running" or _event_of(run):
            continue
        tasks = [task for task in run.tasks if not _is_missing(functions, task.kind, task.name)]
        if not tasks:
            continue
        waits = "; ".join(f"{task.kind} {task.name}".strip() + _since(task) for task in tasks[:3])
        more = f"; and {len(tasks) - 3} more" if len(tasks) > 3 else ""
        if run.has_returned:
            what = f"{_shown(run)} has returned, and stays Running until what it started has ended: {waits}{more}"
            fix = "Cancel timers that lost their race in the orchestration: timer.cancel()."
            yield warning("has-returned", what, f"the run {run.instance_id}", fix)
        else:
            fix = "Nothing, if that takes so long; else look into the log of the host for what it does."
            yield note("waits", f"{_shown(run)} waits for {waits}{more}", f"the run {run.instance_id}", fix)


def _event(run: OpenRun, event: str, now: datetime) -> Finding:
    named = f"the external event {event!r}" if event else f"an external event{_told(run)}"
    what = f"{_shown(run)} waits since {_time(run.since)} for {named}"
    address = f"/runtime/webhooks/durabletask/instances/{run.instance_id}/raiseEvent/{event or '<event>'}"
    fix = f"Send it: POST {address}, or decide by the app's own route; names are told apart by their spelling."
    if not event and run.custom_status is None:
        fix += " python3 dev.py start fails a run at once that calls what is not there, and names it."
    # A run that says what it waits for is as it should be, for a day.
    build = note if event and now - run.since <= _LONG else warning
    return build("waits-for-event", what, f"the run {run.instance_id}", fix)


def _event_of(run: OpenRun) -> str | None:
    """Return the name of the event that a run says it waits for, in `waiting_for.event_name` of its custom status."""
    try:
        found: Any = json.loads(run.custom_status or "null")
    except ValueError:
        return None
    for name in ("waiting_for", "event_name"):
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, str) and found else None


def _told(run: OpenRun) -> str:
    if run.custom_status is None:
        return (
            ", and its custom status does not say for which. With func start and on Azure, a run that has called an "
            "activity, agent or child that the app does not have looks the same: nothing of it is in the history"
        )
    text = " ".join(run.custom_status.split())
    return f"; its custom status says {text[:120]}"


def _since(task: Task) -> str:
    return f" until {_time(task.due)}" if task.due is not None else f" since {_time(task.since)}"


def _is_missing(functions: Functions, kind: str, name: str) -> bool:
    if functions is None or kind not in _TRIGGERS:
        return False
    return name.casefold() not in {one.casefold() for one in functions.get(_TRIGGERS[kind], ())}


def _known(functions: Functions, kind: str) -> str:
    names = sorted((functions or {}).get(_TRIGGERS[kind], ()))
    return f"It has: {', '.join(names[:10])}{' ...' if len(names) > 10 else ''}." if names else "It has none."


def _shown(run: OpenRun) -> str:
    return f"{run.instance_id!r} of {run.name!r}"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%SZ}"
