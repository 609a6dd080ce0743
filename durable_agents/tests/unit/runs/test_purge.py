"""What ended long ago is removed run by run, by its id."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.functions as func
from pydantic import BaseModel

from durable_agents.orchestration.registry import Orchestration, OrchestrationRegistry
from durable_agents.runs.purge import RunPurge
from durable_agents.seal import Seal
from durable_agents.storage.claim_check import ClaimCheck
from durable_agents.tests.unit.runs.task_hub_server import TaskHubServer

DAY = timedelta(days=1)


def refund(context: Any, *, get_agent: Any) -> Any:
    yield


class NoTimer(func.TimerRequest):
    """A firing of the timer that tells nothing."""

    @property
    def past_due(self) -> bool:
        return False


async def test_every_deletion_names_one_run(tmp_path: Path) -> None:
    """A deletion by a query is another thing: Azure Storage may take live runs and sessions with it."""
    names = {"r1": "refund", "@dafx-writer@s1": "@dafx-writer", "r2": "refund"}
    times = {"createdTime": "2026-01-01T09:00:00Z", "lastUpdatedTime": "2026-01-01T09:00:01Z"}
    page = [
        {"name": name, "instanceId": instance_id, "runtimeStatus": "Completed", **times}
        for instance_id, name in names.items()
    ]
    orchestrations = OrchestrationRegistry([Orchestration(refund, BaseModel)])
    async with TaskHubServer() as hub:
        hub.script(200, [])  # none goes on
        hub.script(200, page)
        for run in (page[0], page[2]):
            hub.script(200, {**run, "historyEvents": []})
            hub.script(200, {"instancesDeleted": 1})
        claims = ClaimCheck(tmp_path / "payloads", Seal(lambda: [b"key"]), None)
        purge = RunPurge(orchestrations, {}, tmp_path, claims, timedelta(days=1))
        await purge.purge_ended_runs(NoTimer(), hub.client)
        deletions = [(path, query) for method, path, query, _ in hub.requests if method == "DELETE"]
    assert [(path.rpartition("/instances/")[2], query) for path, query in deletions] == [("r1", {}), ("r2", {})]
