"""What the sweep of runs tells the operator."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from azure.durable_functions import OrchestrationRuntimeStatus
from pydantic import BaseModel

from durable_agents.orchestration.registry import Orchestration, OrchestrationRegistry
from durable_agents.runs.run_metrics import measure_runs
from durable_agents.tests.support.recorded_telemetry import recorded_telemetry
from durable_agents.tests.unit.runs.task_hub_server import TaskHubServer


def refund(context: Any, *, get_agent: Any) -> Any:
    yield


ORCHESTRATIONS = OrchestrationRegistry([Orchestration(refund, BaseModel)])


def run(state: str, *waits: Mapping[str, Any]) -> dict[str, Any]:
    assert state in OrchestrationRuntimeStatus.__members__
    times = {"createdTime": "2026-01-01T09:00:00Z", "lastUpdatedTime": "2026-01-01T09:00:01Z"}
    shown = {"waiting_for": waits[0], "requests": list(waits)} if waits else None
    return {"name": "refund", "instanceId": "r", "runtimeStatus": state, "customStatus": shown, **times}


def asked(kind: str, hours: float, event_name: str = "e") -> dict[str, Any]:
    asked_at = (datetime.now(UTC) - timedelta(hours=hours)).isoformat()
    return {"kind": kind, "event_name": event_name, "requested_at": asked_at}


async def test_runs_are_counted_by_state_and_approvals_by_age() -> None:
    recorded = recorded_telemetry()
    async with TaskHubServer() as hub:
        hub.script(200, [run("Running"), run("Running", asked("approval", 3))], token="more")
        others = [run("Pending"), run("Running", asked("event", 50), asked("approval", 5, "e2"))]
        hub.script(200, [*others, {**run("Running"), "name": "@dafx-writer"}])
        recorded.empty()
        await measure_runs(hub.client, ORCHESTRATIONS)
        (first, second) = hub.requests
    assert first[2]["runtimeStatus"] == "Pending,Running,Suspended"
    assert second[3] == "more"
    counted = recorded.metrics()
    assert counted["durable_agents.runs"] == [
        ({"orchestration": "refund", "state": "Pending"}, 1),
        ({"orchestration": "refund", "state": "Running"}, 3),
        ({"orchestration": "refund", "state": "Suspended"}, 0),
    ]
    assert counted["durable_agents.approvals.waiting"] == [({"orchestration": "refund"}, 2)]
    ((_, oldest),) = counted["durable_agents.approvals.oldest"]
    assert abs(oldest - 5 * 3600) < 60
    # Another instance may count next: what this one counted is not said again.
    assert recorded.metrics() == {}


async def test_what_nobody_waits_with_any_more_is_zero() -> None:
    recorded = recorded_telemetry()
    async with TaskHubServer() as hub:
        hub.script(200, [])
        recorded.empty()
        await measure_runs(hub.client, ORCHESTRATIONS)
    counted = recorded.metrics()
    assert {count for _, count in counted["durable_agents.runs"]} == {0}
    assert counted["durable_agents.approvals.oldest"] == [({"orchestration": "refund"}, 0.0)]


async def test_a_workflow_that_asks_twice_waits_twice() -> None:
    recorded = recorded_telemetry()
    requests = [{"requested_at": asked("", hours)["requested_at"]} for hours in (1, 2)]
    async with TaskHubServer() as hub:
        hub.script(200, [run("Running", {"kind": "human_input", "requests": [*requests, {}]})])
        recorded.empty()
        await measure_runs(hub.client, ORCHESTRATIONS)
    counted = recorded.metrics()
    assert counted["durable_agents.approvals.waiting"] == [({"orchestration": "refund"}, 3)]
    ((_, oldest),) = counted["durable_agents.approvals.oldest"]
    assert abs(oldest - 2 * 3600) < 60


async def test_a_task_hub_that_refuses_leaves_the_sweep_to_go_on() -> None:
    async with TaskHubServer() as hub:
        hub.script(500, "no")
        recorded_telemetry().empty()
        await measure_runs(hub.client, ORCHESTRATIONS)
    assert recorded_telemetry().metrics() == {}
