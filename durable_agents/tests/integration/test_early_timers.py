"""What waits for a time holds with timers that fire up to a second early, as those of Azure Storage do."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devhost.testing.host_process import DevhostProcess

pytestmark = pytest.mark.devhost_only("the Functions host has the timers of its storage")

FLAGS = ("--early-timers",)
TESTS = Path(__file__).parents[1]
SOON = 1.5 / 3600


@pytest.fixture
def host(tmp_path: Path) -> Iterator[DevhostProcess]:
    """The whole app, whose drafts wait one and a half seconds for a decision."""
    settings = {"REVIEWERS": "ada", "APPROVAL_TIMEOUT_HOURS": str(SOON), "SECOND_REVIEWER": "eve"}
    with DevhostProcess(tmp_path, TESTS / "app", FLAGS, **settings) as process:
        yield process


def test_a_draft_waits_its_whole_time_before_it_goes_to_the_second_reviewer(host: DevhostProcess, api_of: Any) -> None:
    api = api_of(host)
    instance_id = api.start("content_approval", {"topic": "tea"})
    first = api.draft(instance_id)
    second = api.wait(instance_id, lambda run: (run["waiting_for"] or {}).get("escalated"))["waiting_for"]
    assert second["reviewers"] == ["eve"]
    assert second["requested_at"] >= first["expires_at"]
    assert api.decide(instance_id, second["request_id"], approved=True, reviewer="eve").status_code == 200
    assert api.finish(instance_id)["outcome"] == "published"


def test_attempts_of_an_activity_are_one_step_however_early_the_pauses_end(tmp_path: Path) -> None:
    with DevhostProcess(tmp_path, TESTS / "apps" / "runs", FLAGS) as host, host.client() as http:
        run = http.post("/api/runs/delivery?wait=10", json={"way": "retries", "number": 10}).json()
        (step,) = http.get(f"{run['links']['self']}/history").json()["steps"]
        assert (step["name"], step["status"], step["attempts"]) == ("weigh", "completed", 3)
        failed = http.post("/api/runs/delivery?wait=10", json={"way": "retries and fails", "number": 2}).json()
        assert failed["failed_step"]["attempts"] == 3
