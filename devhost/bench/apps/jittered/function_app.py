"""The orchestration that devhost is killed with. DBOS runs the same, see `bench/peers`.

Its activity is a coroutine function, of which as many run at once as host.json says, and that is all runs here. Plain
functions would take turns on the worker's few threads.
"""

from collections.abc import Generator
from typing import Any, cast

import azure.durable_functions as df

from devhost.bench.jitter import jittered_step
from devhost.bench.outcomes import digest

app = df.DFApp()


async def jittered(value: str) -> int:
    """Take a moment that differs from step to step, and log it. The value is the run's id and the step's number."""
    run, step = value.split()
    return await jittered_step(run, int(step))


def jittered_chain(context: df.DurableOrchestrationContext) -> Generator[Any, Any, int]:
    """Run activities one after the other that take their time."""
    results = []
    for step in range(cast(int, context.get_input())):
        results.append((yield context.call_activity(jittered.__name__, f"{context.instance_id} {step}")))
    return digest(results)


app.activity_trigger(input_name="value")(jittered)
app.orchestration_trigger(context_name="context")(jittered_chain)
