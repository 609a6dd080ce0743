"""What is said of an open run, wherever its state was read."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from devhost.doctor import runs
from devhost.doctor.finding import Level
from devhost.doctor.runs import OpenRun, Task
from devhost.tests.unit.doctor.sick_app import only

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
FUNCTIONS = {"orchestrationTrigger": ["story"], "activityTrigger": ["draft"], "entityTrigger": ["dafx-Writer"]}


def run(status: str = "Running", custom_status: str | None = None, *tasks: Task, name: str = "story") -> OpenRun:
    return OpenRun("r-1", name, status, NOW - HOUR, custom_status, tasks)


def told(run: OpenRun) -> Iterator[str]:
    """Yield the checks that find something."""
    found = [
        *runs.of_no_orchestration([run], FUNCTIONS),
        *runs.waits_for_nobody([run], FUNCTIONS),
        *runs.suspended([run]),
        *runs.pending([run], NOW),
        *runs.waits_for_an_event([run], NOW),
        *runs.waits_for_others([run], FUNCTIONS),
    ]
    yield from (one.check for one in found)


def test_an_orchestration_that_the_app_has_not() -> None:
    found = only(runs.of_no_orchestration([run(name="renamed"), run(name="renamed")], FUNCTIONS))
    assert found.level is Level.FAULT and found.what.startswith("2 open run(s) of 'renamed'")


def test_an_activity_an_agent_and_a_child_that_nobody_has_registered() -> None:
    for kind, name in (("activity", "polish"), ("child", "gone"), ("entity", "dafx-editor")):
        found = only(runs.waits_for_nobody([run("Running", None, Task(kind, name, NOW))], FUNCTIONS))
        assert found.level is Level.FAULT and f"{name!r}, which the app does not have" in found.what
        assert "since 2026-01-05 12:00:00Z" in found.what
    for kind, name in (("activity", "Draft"), ("child", "STORY"), ("entity", "dafx-writer"), ("timer", "")):
        assert [*runs.waits_for_nobody([run("Running", None, Task(kind, name, NOW))], FUNCTIONS)] == []
    assert [*runs.waits_for_nobody([run("Running", None, Task("activity", "polish", NOW))], None)] == []


def test_a_run_that_is_suspended() -> None:
    assert [*told(run("Suspended"))] == ["suspended"]
    assert "resume" in only(runs.suspended([run("Suspended")])).fix


def test_a_run_that_no_worker_takes() -> None:
    found = only(runs.pending([run("Pending")], NOW))
    assert found.level is Level.FAULT and "no worker has taken it" in found.what
    assert [*runs.pending([run("Pending")], NOW - HOUR)] == []


def test_an_event_that_nobody_sends() -> None:
    named = run("Running", '{"waiting_for": {"event_name": "Go"}}')
    found = only(runs.waits_for_an_event([named], NOW))
    assert found.level is Level.NOTE and "the external event 'Go'" in found.what and "raiseEvent/Go" in found.fix
    assert only(runs.waits_for_an_event([named], NOW + 30 * HOUR)).level is Level.WARNING
    unnamed = only(runs.waits_for_an_event([run()], NOW))
    assert unnamed.level is Level.WARNING and "does not say for which" in unnamed.what and "dev.py start" in unnamed.fix
    assert 'says "the packer"' in only(runs.waits_for_an_event([run("Running", '"the packer"')], NOW)).what


def test_an_event_with_a_time_out_is_told_as_the_event() -> None:
    waits = run("Running", '{"waiting_for": {"event_name": "Go"}}', Task("timer", "", NOW, NOW + HOUR))
    assert [*told(waits)] == ["waits-for-event"]


def test_a_timer_and_an_activity_that_take_their_time() -> None:
    waits = run("Running", None, Task("timer", "", NOW, NOW + HOUR), Task("activity", "draft", NOW))
    found = only(runs.waits_for_others([waits], FUNCTIONS))
    assert "timer until 2026-01-05 13:00:00Z; activity draft since 2026-01-05 12:00:00Z" in found.what
    assert [*told(waits)] == ["waits"]


def test_a_run_that_has_returned_and_stays_for_a_timer() -> None:
    returned = OpenRun("r-1", "story", "Running", NOW, None, [Task("timer", "", NOW, NOW + HOUR)], has_returned=True)
    found = only(runs.waits_for_others([returned], FUNCTIONS))
    assert found.level is Level.WARNING and "timer.cancel()" in found.fix
    assert [*told(returned)] == ["has-returned"]
