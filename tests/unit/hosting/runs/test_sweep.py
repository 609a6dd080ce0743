"""The sweep removes each run by its id."""

from datetime import timedelta
from typing import Any

import azure.functions as func
from pydantic import BaseModel

from hosting.registration import Orchestration, OrchestrationTable
from hosting.runs.sweep import sweep_runs
from setting_groups.runs import RunSettings
from tests.unit.hosting.runs.task_hub_server import TaskHubServer


def refund(context: Any, *, get_agent: Any) -> Any:
    yield


class NoTimer(func.TimerRequest):
    """A firing of the timer that tells nothing."""

    @property
    def past_due(self) -> bool:
        return False


async def test_every_deletion_names_one_run() -> None:
    """A deletion by a query is another thing: Azure Storage may take live runs and sessions with it."""
    names = {"r1": "refund", "@dafx-writer@s1": "@dafx-writer", "r2": "refund"}
    times = {"createdTime": "2026-01-01T09:00:00Z", "lastUpdatedTime": "2026-01-01T09:00:01Z"}
    page = [
        {"name": name, "instanceId": instance_id, "runtimeStatus": "Completed", **times}
        for instance_id, name in names.items()
    ]
    orchestrations = OrchestrationTable([Orchestration(refund, BaseModel)])
    kept = RunSettings(retention=timedelta(days=1), sweep_schedule="0 * * * * *")
    async with TaskHubServer() as hub:
        hub.script(200, page)
        for _ in range(2):
            hub.script(200, {"instancesDeleted": 1})
        await sweep_runs(NoTimer(), hub.client, orchestrations=orchestrations, kept=kept)
        deletions = [(path.rpartition("/instances/")[2], query) for method, path, query, _ in hub.requests[1:]]
        assert {method for method, *_ in hub.requests[1:]} == {"DELETE"}
    assert deletions == [("r1", {}), ("r2", {})]
