"""The orchestrations that devhost is measured with. The other engines run the same, see `bench/peers`."""

from collections.abc import Generator
from typing import Any, cast

import azure.durable_functions as df

from bench.jitter import jittered_step

app = df.DFApp()


def noop(value: int) -> int:
    """Return the argument."""
    return value


async def jittered(value: str) -> int:
    """Take a moment that differs from step to step, and log it. The value is the run's id and the step's number."""
    run, step = value.split()
    return await jittered_step(run, int(step))


def chain(context: df.DurableOrchestrationContext) -> Generator[Any, Any, str]:
    """Run activities one after the other."""
    for step in range(_size(context)):
        yield context.call_activity(noop.__name__, step)
    return "done"


def fan_out(context: df.DurableOrchestrationContext) -> Generator[Any, Any, int]:
    """Run activities side by side."""
    results = yield context.task_all([context.call_activity(noop.__name__, n) for n in range(_size(context))])
    return len(results)


def wait_for_go(context: df.DurableOrchestrationContext) -> Generator[Any, Any, str]:
    """Wait for an event, without an end."""
    yield context.wait_for_external_event("go")
    return "done"


def jittered_chain(context: df.DurableOrchestrationContext) -> Generator[Any, Any, str]:
    """Run activities one after the other that take their time."""
    for step in range(_size(context)):
        yield context.call_activity(jittered.__name__, f"{context.instance_id} {step}")
    return "done"


def _size(context: df.DurableOrchestrationContext) -> int:
    return cast(int, context.get_input())


for activity in (noop, jittered):
    app.activity_trigger(input_name="value")(activity)
for orchestration in (chain, fan_out, wait_for_go, jittered_chain):
    app.orchestration_trigger(context_name="context")(orchestration)
