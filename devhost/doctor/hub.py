"""The task hub of devhost: whether it can be read, who has it open, and its runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice

from devhost.doctor import runs
from devhost.doctor.finding import Finding, fault, note, warning
from devhost.doctor.place import Place
from devhost.doctor.runs import OpenRun, Task
from devhost.hub.file import HubFileError, HubVersionError, NotATaskHubError
from devhost.hub.lock import holder
from devhost.hub.rows import Instance, Status
from devhost.hub.snapshot import OF_DAMAGE, HubSnapshot
from devhost.inspection import Step, inspect

LIMIT = 50
_UNREADABLE = (HubFileError, HubVersionError, NotATaskHubError, *OF_DAMAGE)
_KINDS = frozenset({"activity", "child", "entity", "timer"})
_OTHER_WAITS = ("the pause", "a host to process")
_NON_DETERMINISTIC = "non-deterministic workflow detected"


def unusable_hub(place: Place) -> Iterator[Finding]:
    """A damaged file, that of a newer devhost, or something else than a task hub."""
    if not place.hub.exists():
        return
    another = "Name another file with --db, or delete this one with all its runs: python3 dev.py reset"
    try:
        with HubSnapshot(place.hub) as snapshot:
            if damage := snapshot.damage():
                yield fault("hub-damaged", f"the task hub is damaged: {damage}", str(place.hub), another)
    except HubVersionError as ex:
        yield fault("hub-newer", str(ex), str(place.hub), "Run the devhost that wrote it: python3 dev.py upgrade.")
    except NotATaskHubError as ex:
        yield fault("hub-other", str(ex), str(place.hub), "Name the task hub's file with --db.")
    except HubFileError as ex:
        yield fault("hub-file", str(ex), str(place.hub), "Make the file readable for this user.")
    except OF_DAMAGE as ex:
        yield fault("hub-damaged", f"the task hub is damaged: {ex}", str(place.hub), another)


def held_hub(place: Place) -> Iterator[Finding]:
    """One host has the hub; another one is refused, and runs go on in the first."""
    try:
        process = holder(place.hub)
    except OSError as ex:
        yield fault(
            "hub-lock", f"the lock of the task hub cannot be opened: {ex.strerror}", str(place.hub), "Make it writable."
        )
        return
    if process is not None:
        what = f"process {process} serves this task hub: runs go on there, and another host on it is refused"
        fix = f"Nothing, if that is yours. To end it: kill {process}"
        yield note("hub-held", what, str(place.hub), fix)


def nobody_serves(place: Place) -> Iterator[Finding]:
    """Work in a hub that no host has open waits."""
    try:
        with HubSnapshot(place.hub) as snapshot:
            waiting = snapshot.work(datetime.now(UTC))
        if waiting and holder(place.hub) is None:
            what = f"{waiting} message(s) and activities wait, and no host serves this task hub"
            yield warning("not-processed", what, str(place.hub), "python3 dev.py start goes on with them.")
    except (*_UNREADABLE, OSError):
        return  # told by `unusable_hub`, or there is none


def departing_runs(place: Place) -> Iterator[Finding]:
    """Open runs that the code as it is now would take off their histories."""
    for told in place.report.departures:
        what = f"{told.rstrip('.')}. A non-determinism error means: {runs.NON_DETERMINISM}"
        if "leave its history" in told:
            yield fault("non-determinism", what, str(place.hub), runs.DETERMINE)
        else:
            yield fault(
                "would-fail",
                told,
                str(place.hub),
                "Put it right before the run goes on; python3 dev.py inspect shows it.",
            )


def failed_by_non_determinism(place: Place) -> Iterator[Finding]:
    """Runs that have failed so, among the newest failures."""
    try:
        with HubSnapshot(place.hub) as snapshot:
            failed = snapshot.newest_instances(status=Status.FAILED, name=None, limit=LIMIT)
    except _UNREADABLE:
        return
    counted = Counter(one.name for one in failed if _NON_DETERMINISTIC in (one.output or "").casefold())
    for name, number in sorted(counted.items()):
        what = f"{number} run(s) of {name!r} failed with a non-determinism error: {runs.NON_DETERMINISM}"
        yield warning("non-determinism", what, f"the orchestration {name}", runs.DETERMINE)


def open_runs(place: Place) -> Iterator[Finding]:
    """What each open run waits for, the oldest first."""
    try:
        with HubSnapshot(place.hub) as snapshot:
            # The rest of the same age or younger is counted, not read.
            found = [_open_run(snapshot, one) for one in islice(snapshot.open_instances(), LIMIT)]
            number = sum(snapshot.open_runs().values())
    except _UNREADABLE:
        return
    yield from about(found, place.report.functions)
    if number > LIMIT:
        what = f"{number} runs are open; looked at are the {LIMIT} oldest"
        yield note("more-runs", what, str(place.hub), "python3 dev.py inspect --status running lists them.")


def about(found: list[OpenRun], functions: runs.Functions) -> Iterator[Finding]:
    """Yield all that is to be said of open runs."""
    now = datetime.now(UTC)
    yield from runs.of_no_orchestration(found, functions)
    yield from runs.waits_for_nobody(found, functions)
    yield from runs.suspended(found)
    yield from runs.pending(found, now)
    yield from runs.waits_for_an_event(found, now)
    yield from runs.waits_for_others(found, functions)


def _open_run(snapshot: HubSnapshot, instance: Instance) -> OpenRun:
    one = inspect(snapshot, instance)
    tasks = [_task(step) for step in one.steps if not step.result and step.kind in _KINDS]
    tasks += [
        Task("", wait.what, instance.updated, wait.due) for wait in one.waits if wait.what.startswith(_OTHER_WAITS)
    ]
    since = instance.created if instance.status is Status.PENDING else instance.updated
    return OpenRun(
        instance.instance_id, instance.name, instance.status, since, instance.custom_status, tasks, one.has_returned
    )


def _task(step: Step) -> Task:
    name = step.name.partition(" ")[0]
    if step.kind == "entity":
        name = name.removeprefix("@").partition("@")[0]
    return Task(step.kind, name, step.began, step.due)
