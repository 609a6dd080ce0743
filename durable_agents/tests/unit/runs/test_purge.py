"""What ended long ago is removed run by run, by its id."""

import asyncio
import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest
from aiohttp import web
from pydantic import BaseModel

from durable_agents.orchestration.registry import Orchestration, OrchestrationRegistry
from durable_agents.runs.purge import RunPurge
from durable_agents.seal import Seal
from durable_agents.storage.claim_check import ClaimCheck
from durable_agents.tests.unit.runs.task_hub_server import TaskHubServer


def refund(context: Any, *, get_agent: Any) -> Any:
    yield


class NoTimer(func.TimerRequest):
    """A firing of the timer that tells nothing."""

    @property
    def past_due(self) -> bool:
        return False


TIMES = {"createdTime": "2026-01-01T09:00:00Z", "lastUpdatedTime": "2026-01-01T09:00:01Z"}


class HubOfRuns(TaskHubServer):
    """A task hub with so many instances, each of which takes a while to remove; `stuck` cannot be removed."""

    def __init__(self, names: dict[str, str], stuck: str = "", seconds: float = 0.0) -> None:
        super().__init__()
        self.left = dict(names)
        self.most_at_once = 0
        self._at_once = 0
        self._stuck = stuck
        self._seconds = seconds

    async def _respond(self, request: web.Request) -> web.Response:
        instance_id = request.path.rpartition("/instances/")[2]
        self.requests.append((request.method, request.path, dict(request.query), None))
        if not instance_id and "Completed" not in request.query["runtimeStatus"]:
            return web.json_response([])
        if not instance_id:
            return self._list(int(request.query["top"]), request.headers.get("x-ms-continuation-token") or "")
        if request.method == "GET":
            return web.json_response({**_status(instance_id, self.left[instance_id]), "historyEvents": []})
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        await asyncio.sleep(self._seconds)
        self._at_once -= 1
        if instance_id == self._stuck:
            return web.json_response({}, status=500)
        del self.left[instance_id]
        return web.json_response({"instancesDeleted": 1})

    def _list(self, top: int, after: str) -> web.Response:
        later = sorted(one for one in self.left if one > after)
        shown, token = later[:top], later[top - 1] if len(later) > top else None
        headers = {} if token is None else {"x-ms-continuation-token": token}
        return web.json_response([_status(one, self.left[one]) for one in shown], headers=headers)


def _status(instance_id: str, name: str) -> dict[str, Any]:
    return {"name": name, "instanceId": instance_id, "runtimeStatus": "Completed", **TIMES}


def purge_into(folder: Path, **options: Any) -> RunPurge:
    """Return what removes runs that ended a day ago."""
    claims = ClaimCheck(folder / "payloads", Seal(lambda: [b"key"]), None)
    orchestrations = OrchestrationRegistry([Orchestration(refund, BaseModel)])
    return RunPurge(orchestrations, {}, folder, claims, timedelta(days=1), **options)


async def test_every_deletion_names_one_run(tmp_path: Path) -> None:
    """A deletion by a query is another thing: Azure Storage may take live runs and sessions with it."""
    async with HubOfRuns({"r1": "refund", "@dafx-writer@s1": "@dafx-writer", "r2": "refund"}) as hub:
        await purge_into(tmp_path).purge_ended_runs(NoTimer(), hub.client)
        deletions = [(path, query) for method, path, query, _ in hub.requests if method == "DELETE"]
    assert sorted((path.rpartition("/instances/")[2], query) for path, query in deletions) == [("r1", {}), ("r2", {})]
    assert set(hub.left) == {"@dafx-writer@s1"}


async def test_one_firing_removes_as_many_as_there_are_and_one_that_is_stuck_is_no_obstacle(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with HubOfRuns({f"r{number:03}": "refund" for number in range(430)}, stuck="r003") as hub:
        await purge_into(tmp_path).purge_ended_runs(NoTimer(), hub.client)
    assert set(hub.left) == {"r003"}
    assert 1 < hub.most_at_once <= 8
    assert "r003 cannot be removed now" in caplog.text
    assert "More runs have ended" not in caplog.text


async def test_what_is_not_removed_in_time_is_told_and_left_to_the_next_firing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with HubOfRuns({f"r{number:03}": "refund" for number in range(250)}, seconds=0.02) as hub:
        purge = purge_into(tmp_path, longest_seconds=0.1)
        await purge.purge_ended_runs(NoTimer(), hub.client)
        assert 0 < len(hub.left) < 250
        assert "More runs have ended than were removed" in caplog.text
        while hub.left:
            await purge.purge_ended_runs(NoTimer(), hub.client)


async def test_payloads_of_a_run_that_does_not_exist_go_after_a_day(tmp_path: Path) -> None:
    claims = ClaimCheck(tmp_path, Seal(lambda: [b"key"]), 10)
    for run in ("lives", "lost", "new", "x" * 300, "_results"):
        claims.shorten(run, "a long text")
    two_days_ago = time.time() - 2 * 86_400
    for path in (one for folder in tmp_path.iterdir() if folder.name != "new" for one in (*folder.iterdir(), folder)):
        os.utime(path, (two_days_ago, two_days_ago))
    before = {folder.name for folder in tmp_path.iterdir()}
    purge = RunPurge(OrchestrationRegistry([]), {}, tmp_path, claims, None)
    async with TaskHubServer() as hub:
        hub.script(
            200,
            {
                "name": "refund",
                "instanceId": "lives",
                "runtimeStatus": "Running",
                "createdTime": "2026-01-01T09:00:00Z",
                "lastUpdatedTime": "2026-01-01T09:00:01Z",
            },
        )
        hub.script(404, {})
        await purge.purge_lost_payloads(NoTimer(), hub.client)
        asked = [path.rpartition("/instances/")[2] for _, path, _, _ in hub.requests]
    assert asked == ["lives", "lost"]
    assert before - {folder.name for folder in tmp_path.iterdir()} == {"lost"}
