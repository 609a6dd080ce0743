"""One run for each slot, however many timers start what is due."""

import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from durable_agents.testing import Api

APP = Path(__file__).parents[1] / "apps" / "schedules"
TIMERS = ("first", "second", "third")
WAIT_SECONDS = 30


def lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def wait_for_firings(outbox: Path, count: int) -> set[str]:
    """Return the ids of the runs that were due, when each of the timers has fired so often."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        firings = [line.split() for line in lines(outbox / "firings")]
        fired = Counter(timer for timer, _ in firings)
        if all(fired[timer] >= count for timer in TIMERS):
            return {instance_id for _, instance_id in firings}
        assert time.monotonic() < deadline, fired
        time.sleep(0.05)


def test_timers_that_race_for_a_slot_start_one_run(start_host: Callable[..., Any], api_of: Callable[..., Api]) -> None:
    host = start_host(APP)
    api = api_of(host)
    # Two, where the full hour strikes in the meantime.
    due = wait_for_firings(host.outbox, 2)
    assert 1 <= len(due) <= 2
    for instance_id in due:
        slot = api.wait(instance_id, lambda run: run["waiting_for"] is not None)["input"]
        until = datetime.fromisoformat(slot["until"])
        assert instance_id == f"collection-{until:%Y-%m-%dT%H}"
        assert (until - datetime.fromisoformat(slot["since"])).total_seconds() == 3_600
        assert api.http.post(f"/api/runs/{instance_id}/events/Go", json={}).status_code == 202
        api.finish(instance_id)
    # Nor is a run that is over started again.
    due |= wait_for_firings(host.outbox, 4)
    assert Counter(lines(host.outbox / "executions")) == Counter(due)
    assert {run["instance_id"] for run in api.http.get("/api/runs").json()["runs"]} == due
