"""Which slot is due, and what time its run is about."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel

from durable_agents import AgentFunctionApp, HostingSettings, Orchestration, OrchestrationContext, Slot, Steps
from durable_agents.runs.schedules import Schedule
from durable_agents.tests.unit.runs.task_hub_server import TaskHubServer

NONE: tuple[int, Any] = (404, {})


class Order(Slot):
    place: str


class Unrelated(BaseModel):
    place: str = "here"


def digest(context: OrchestrationContext, slot: Slot) -> Steps[None]:
    yield from context.sleep(slot.until - slot.since)


def at_place(context: OrchestrationContext, order: Order) -> Steps[None]:
    yield from context.sleep(order.until - order.since)


def unscheduled(context: OrchestrationContext, request: Unrelated) -> Steps[None]:
    yield from context.wait_for("Go")


def run(slot: str, status: str, since: str = "2026-02-01T00:00:00Z") -> tuple[int, Any]:
    """Return what the task hub says of a run."""
    times = {"createdTime": "2026-02-01T09:00:00Z", "lastUpdatedTime": "2026-02-01T09:00:01Z"}
    stored = {"since": since, "until": f"{slot}:00:00Z"}
    return 200, {"name": "digest", "instanceId": f"digest-{slot}", "runtimeStatus": status, "input": stored, **times}


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-03-01T07:00:00Z", "digest-2026-03-01T07"),
        # A timer that fires early, and one that comes late.
        ("2026-03-01T06:59:59.900Z", "digest-2026-03-01T07"),
        ("2026-03-01T09:13:00Z", "digest-2026-03-01T07"),
        ("2026-03-01T06:58:00Z", "digest-2026-02-28T19"),
        ("2026-03-01T08:30:00+02:00", "digest-2026-02-28T19"),
        ("2026-03-01T19:00:01Z", "digest-2026-03-01T19"),
    ],
)
async def test_the_id_is_that_of_the_slot_that_began_last(now: str, due: str) -> None:
    schedule = Schedule(Orchestration(digest), (19, 7))
    async with TaskHubServer() as hub:
        for answer in (run("2026-02-27T07", "Completed"), run(due.removeprefix("digest-"), "Running")):
            hub.script(*answer)
        assert await schedule.start_due(hub.client, datetime.fromisoformat(now)) == due
        # It runs already.
        assert {method for method, _, _, _ in hub.requests} == {"GET"}


def test_its_timer_fires_at_these_hours() -> None:
    assert Schedule(Orchestration(digest), (19, 7, 7)).cron == "0 0 7,19 * * *"


async def since(*answers: tuple[int, Any]) -> str:
    """Return since when the run of a day is about, as the task hub has these earlier ones, the newest first."""
    schedule = Schedule(Orchestration(digest), (7,))
    async with TaskHubServer() as hub:
        for status, body in answers:
            hub.script(status, body)
        found = await schedule._since(hub.client, datetime(2026, 3, 10, 7, tzinfo=UTC))
        return f"{found:%Y-%m-%dT%H}"


async def test_the_first_run_is_about_one_slot() -> None:
    assert await since(*[NONE] * 31) == "2026-03-09T07"


async def test_a_run_goes_on_where_the_last_one_ended_also_after_missed_slots() -> None:
    assert await since(run("2026-03-09T07", "Completed")) == "2026-03-09T07"
    assert await since(run("2026-03-09T07", "Running")) == "2026-03-09T07"
    assert await since(NONE, NONE, run("2026-03-07T07", "Completed")) == "2026-03-07T07"


@pytest.mark.parametrize("status", ["Failed", "Terminated"])
async def test_a_run_that_failed_leaves_its_time_to_the_next(status: str) -> None:
    assert await since(NONE, run("2026-03-08T07", status, since="2026-03-05T07:00:00Z")) == "2026-03-05T07"


@pytest.mark.parametrize(
    ("orchestration", "hours", "problem"),
    [
        (Orchestration(digest), (), "A schedule needs hours from 0 to 23, and these are []."),
        (Orchestration(digest), (7, 24), "A schedule needs hours from 0 to 23, and these are [7, 24]."),
        (Orchestration(unscheduled), (7,), "The input of 'unscheduled' must derive from Slot"),
        (Orchestration(at_place), (7,), "A schedule cannot start 'at_place': "),
    ],
)
def test_what_could_never_be_started_is_refused(
    orchestration: Orchestration, hours: tuple[int, ...], problem: str
) -> None:
    with pytest.raises(ValueError) as caught:
        Schedule(orchestration, hours)
    assert problem in str(caught.value)


def test_what_else_the_input_needs_comes_from_the_deployment() -> None:
    assert Schedule(Orchestration(at_place, fixed={"place": "Rome"}), (7,)).cron


def test_an_app_schedules_what_is_its_own() -> None:
    listed = Orchestration(digest)
    app = AgentFunctionApp(settings=HostingSettings.from_environ({}), orchestrations=[listed])
    app.add_schedule(listed, [7])
    with pytest.raises(ValueError, match="The app has no orchestration 'at_place'"):
        app.add_schedule(Orchestration(at_place, fixed={"place": "Rome"}), [7])
