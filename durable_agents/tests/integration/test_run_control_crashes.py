"""kill -9 around the changes of a run's state: what was answered stays, what was not is done or not, never half."""

import contextlib
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

APP = Path(__file__).parents[1] / "apps" / "runs"


def start_runs(http: httpx.Client, way: str, count: int) -> list[str]:
    """Start runs and return their ids once they wait or are over."""
    ids = [http.post("/api/runs/delivery", json={"way": way}).json()["instance_id"] for _ in range(count)]
    deadline = time.monotonic() + 20
    for instance_id in ids:
        while (run := http.get(f"/api/runs/{instance_id}").json())["stage"] is None:
            if run["runtime_status"] == "Completed":
                break
            assert time.monotonic() < deadline, run
    return ids


def answer_of(http: httpx.Client, method: str, url: str) -> int | None:
    """Send a request and return its status, None if the host was killed before it answered."""
    with contextlib.suppress(httpx.TransportError):
        return http.request(method, url).status_code
    return None


@pytest.mark.kills
@pytest.mark.parametrize("operation", ["cancel", "suspend"])
def test_a_change_that_was_answered_outlives_a_kill(start_host: Any, operation: str) -> None:
    host = start_host(APP)
    with host.client() as http:
        (instance_id,) = start_runs(http, "waits", 1)
        changed = http.post(f"/api/runs/{instance_id}/{operation}").json()["runtime_status"]
    host.restart()
    with host.client() as http:
        assert http.get(f"/api/runs/{instance_id}").json()["runtime_status"] == changed
        assert http.post(f"/api/runs/{instance_id}/{operation}").status_code == 200


@pytest.mark.kills
@pytest.mark.parametrize(("way", "method", "path"), [("waits", "POST", "/cancel"), ("ends", "DELETE", "")])
def test_kills_while_runs_are_changed_leave_none_in_between(start_host: Any, way: str, method: str, path: str) -> None:
    host = start_host(APP)
    with host.client() as http:
        ids = start_runs(http, way, 12)
    answers: dict[str, int | None] = {}

    def change_all() -> None:
        with host.client() as http:
            for instance_id in ids:
                answers[instance_id] = answer_of(http, method, f"/api/runs/{instance_id}{path}")

    thread = threading.Thread(target=change_all)
    thread.start()
    time.sleep(0.05)
    host.restart()
    thread.join(30)
    with host.client() as http:
        for instance_id in ids:
            run = http.get(f"/api/runs/{instance_id}")
            is_changed = run.status_code == 404 or run.json()["runtime_status"] == "Terminated"
            assert is_changed or answers[instance_id] is None
            # Asked for again, it ends the same for all of them.
            repeated = http.request(method, f"/api/runs/{instance_id}{path}").status_code
            assert repeated in ((200,) if path else (204, 404))
        listed = http.get("/api/runs?status=Running,Completed&limit=200").json()["runs"]
        assert listed == []
