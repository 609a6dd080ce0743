"""host.json: the scheduler as provider, traces that are not lost, and as much at a time as there is room for."""

import asyncio
import threading

from durable_agents.threads import in_thread
from infra.tests.infrastructure import Infrastructure


def test_the_scheduler_is_the_provider(project: Infrastructure) -> None:
    durable = project.host["extensions"]["durableTask"]
    assert durable["storageProvider"] == {
        "type": "azureManaged",
        "connectionStringName": "DURABLE_TASK_SCHEDULER_CONNECTION_STRING",
    }
    # Without the percent signs all environments would share one hub of this name.
    assert durable["hubName"] == "%TASKHUB_NAME%"
    # One operation at a time: what a crash repeats of a batch is a paid model call.
    assert durable["maxEntityOperationBatchSize"] == 1


def test_the_bundle_has_what_the_app_uses(project: Infrastructure) -> None:
    bundle = project.host["extensionBundle"]
    assert bundle["id"] == "Microsoft.Azure.Functions.ExtensionBundle"
    lowest, highest = bundle["version"].strip("[)").split(", ")
    # 4.30 is the first with the scheduler's provider, 4.32 with all MCP triggers.
    assert tuple(map(int, lowest.split("."))) >= (4, 32, 0) and highest == "5.0.0"


def test_spans_of_runs_are_kept(project: Infrastructure) -> None:
    # With local authentication off, the older telemetry of the host loses them in silence.
    assert project.host["telemetryMode"] == "OpenTelemetry"
    assert project.host["extensions"]["durableTask"]["tracing"] == {"distributedTracingEnabled": True, "version": "V2"}


def test_a_turn_that_hangs_does_not_end_its_neighbours_before_its_deadline(project: Infrastructure) -> None:
    assert project.host["functionTimeout"] == "00:30:00"


def test_turns_and_activities_do_not_wait_for_each_others_threads(project: Infrastructure) -> None:
    durable = project.host["extensions"]["durableTask"]
    at_a_time = durable["maxConcurrentEntityFunctions"] + durable["maxConcurrentActivityFunctions"]
    all_there = threading.Barrier(at_a_time, timeout=2)

    async def work() -> list[int | BaseException]:
        return await asyncio.gather(*(in_thread(all_there.wait) for _ in range(at_a_time)), return_exceptions=True)

    kept_out = [one for one in asyncio.run(work()) if isinstance(one, threading.BrokenBarrierError)]
    assert kept_out == [], f"{at_a_time} at a time are more than there are threads"
