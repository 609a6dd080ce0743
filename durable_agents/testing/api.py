"""The API of an app on a host, as a client of runs asks it."""

import time
from collections.abc import Callable
from typing import Any

import httpx

WAIT_SECONDS = 30


class Api:
    """The API of the app on one host. Each method fails the test when the answer is not the one that is meant."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def start(self, orchestration: str, body: dict[str, Any], **headers: str) -> str:
        """Start a run and return its id."""
        response = self.http.post(f"/api/runs/{orchestration}", json=body, headers=headers)
        assert response.status_code == 202, response.text
        instance_id: str = response.json()["instance_id"]
        return instance_id

    def run(self, instance_id: str) -> dict[str, Any]:
        """Return the status of a run."""
        response = self.http.get(f"/api/runs/{instance_id}")
        assert response.status_code == 200, response.text
        run: dict[str, Any] = response.json()
        return run

    def wait(self, instance_id: str, reached: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the status of a run as soon as `reached` holds for it."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not reached(run := self.run(instance_id)):
            assert time.monotonic() < deadline, f"not reached within {WAIT_SECONDS} s: {run}"
            time.sleep(0.02)
        return run

    def finish(self, instance_id: str) -> dict[str, Any]:
        """Return the output of a run when it is completed."""
        run = self.wait(instance_id, lambda run: run["runtime_status"] not in ("Pending", "Running", "Suspended"))
        assert run["runtime_status"] == "Completed", run
        output: dict[str, Any] = run["output"]
        return output

    def draft(self, instance_id: str, attempt: int = 1) -> dict[str, Any]:
        """Return what the run waits with, when it is this attempt."""
        run = self.wait(instance_id, lambda run: (run["waiting_for"] or {}).get("attempt") == attempt)
        waiting_for: dict[str, Any] = run["waiting_for"]
        return waiting_for

    def decide(self, instance_id: str, request_id: str, **decision: Any) -> httpx.Response:
        """Send a decision and return the answer, whatever it is."""
        return self.http.post(f"/api/approval/{instance_id}", json={"request_id": request_id, **decision})
