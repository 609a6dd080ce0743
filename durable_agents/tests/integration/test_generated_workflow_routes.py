"""devhost runs a workflow as the agents package hosts it, with the routes that it generates."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

APP = Path(__file__).parents[1] / "apps" / "workflow"


def wait(http: httpx.Client, instance_id: str, reached: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """Return the status of the run as soon as `reached` holds for it."""
    deadline = time.monotonic() + 20
    while True:
        status: dict[str, Any] = http.get(f"/api/workflow/purchase/status/{instance_id}").json()
        if reached(status):
            return status
        assert time.monotonic() < deadline, status
        time.sleep(0.02)


@pytest.mark.kills
def test_a_human_answers_after_a_kill_and_the_run_ends(start_host: Any) -> None:
    host = start_host(APP)
    with host.client() as http:
        started = http.post("/api/workflow/purchase/run", content="tea")
        assert started.status_code == 202, started.text
        instance_id = started.json()["instanceId"]
        (request,) = wait(http, instance_id, lambda status: "pendingHumanInputRequests" in status)[
            "pendingHumanInputRequests"
        ]
        assert request["requestData"] == {"price": 3}
    host.restart()
    with host.client() as http:
        path = f"/api/workflow/purchase/respond/{instance_id}/{request['requestId']}"
        assert http.post(path, json=True).status_code == 200
        status = wait(http, instance_id, lambda status: status["runtimeStatus"] != "Running")
        assert (status["runtimeStatus"], status["output"]) == ("Completed", ["tea: 3"])
