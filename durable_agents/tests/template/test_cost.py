"""What docs/deployment.md says that a wait of a day costs is counted in real runs."""

import re
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from devhost.testing.host_process import REPOSITORY
from devhost.testing.plugin import NewHost

DEPLOYMENT = REPOSITORY / "docs" / "deployment.md"
PAGE = DEPLOYMENT.read_text(encoding="utf-8") if DEPLOYMENT.exists() else ""

# How many messages the scheduler hands to the app for an event that a history shows.
ACTIONS = {"ExecutionStarted": 1, "TaskCompleted": 2, "EventSent": 1, "EventRaised": 1, "TimerFired": 1}

pytestmark = [
    pytest.mark.devhost_only("counts events as devhost shows them, without waiting for a lease"),
    pytest.mark.skipif(not PAGE, reason="this project has no docs/deployment.md"),
]


def documented(run: str) -> int:
    """Return the number of actions in the row of a run; its parts add up to it."""
    (row,) = re.findall(rf"^\| {re.escape(run)} \| (\d+).*?: (.*) \|$", PAGE, re.MULTILINE)
    assert int(row[0]) == sum(map(int, re.findall(r" (\d+)", row[1])))
    return int(row[0])


def start(http: httpx.Client) -> str:
    """Start a run and return its id."""
    answer = http.post("/api/runs/content_approval", json={"topic": "Tea"})
    if answer.status_code == 404:
        pytest.skip("this app has no content_approval")
    run: str = answer.json()["instance_id"]
    return run


def until(http: httpx.Client, run: str, condition: str) -> dict[str, Any]:
    """Wait until a run is over, or waits for somebody, and return its status with its history."""
    deadline = time.monotonic() + 30
    while True:
        status: dict[str, Any] = http.get(
            f"/runtime/webhooks/durabletask/instances/{run}", params={"showHistory": "true"}
        ).json()
        if status["runtimeStatus"] == condition or (status["customStatus"] or {}).get("waiting_for"):
            return status
        assert time.monotonic() < deadline, status
        time.sleep(0.1)


def actions(http: httpx.Client, run: str) -> int:
    """Count what the scheduler would have handed to the app in a run that is over."""
    deadline = time.monotonic() + 30
    while (status := until(http, run, "Completed"))["runtimeStatus"] != "Completed":
        assert time.monotonic() < deadline, status
        time.sleep(0.1)
    counted = Counter(event["EventType"] for event in status["historyEvents"])
    return sum(number * counted[kind] for kind, number in ACTIONS.items())


def test_a_run_that_is_approved(tmp_path: Path, new_host: NewHost) -> None:
    with new_host(tmp_path, app_root=REPOSITORY) as host, host.client() as http:
        run = start(http)
        until(http, run, "Completed")
        assert http.post(f"/api/approval/{run}", json={"approved": True}).status_code == 200
        assert actions(http, run) == documented("approved after one draft")


def test_a_run_on_which_nobody_decides(tmp_path: Path, new_host: NewHost) -> None:
    with new_host(tmp_path, app_root=REPOSITORY, APPROVAL_TIMEOUT_HOURS="0.0003") as host, host.client() as http:
        assert actions(http, start(http)) == documented("nobody decides, no second reviewer")


def test_a_revision(tmp_path: Path, new_host: NewHost) -> None:
    with new_host(tmp_path, app_root=REPOSITORY) as host, host.client() as http:
        run = start(http)
        until(http, run, "Completed")
        refused = {"approved": False, "feedback": "Shorter."}
        first = http.post(f"/api/approval/{run}", json=refused).json()["request_id"]
        deadline = time.monotonic() + 30
        while (asked := until(http, run, "Completed")["customStatus"].get("waiting_for") or {}).get("request_id") in (
            None,
            first,
        ):
            assert time.monotonic() < deadline, asked
            time.sleep(0.1)
        decision = {"approved": True, "request_id": asked["request_id"], "content_hash": asked["content_hash"]}
        answer = http.post(f"/api/approval/{run}", json=decision)
        assert answer.status_code == 200, answer.text
        assert actions(http, run) == documented("approved after one draft") + documented("each revision")
