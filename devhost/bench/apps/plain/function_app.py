"""The orchestrations that devhost is measured with. The other engines run the same, see `bench/peers`."""

from collections.abc import Generator
from typing import Any, cast

import azure.durable_functions as df

from devhost.bench.outcomes import EVENTS, digest
from devhost.bench.progress import END, event_name, short_step, steps_before

app = df.DFApp()


def noop(value: int) -> int:
    """Return the argument."""
    return value


def short(value: str) -> int:
    """Do a little I/O. The value is the run's id and the step's number."""
    run, step = value.split()
    return short_step(run, int(step))


def chain(context: df.DurableOrchestrationContext) -> Generator[Any, Any, int]:
    """Run activities one after the other."""
    results = []
    for step in range(_size(context)):
        results.append((yield context.call_activity(noop.__name__, step)))
    return digest(results)


def fan_out(context: df.DurableOrchestrationContext) -> Generator[Any, Any, int]:
    """Run activities side by side."""
    results = yield context.task_all([context.call_activity(noop.__name__, n) for n in range(_size(context))])
    return digest(results)


def wait_for_go(context: df.DurableOrchestrationContext) -> Generator[Any, Any, str]:
    """Wait for an event, without an end."""
    go = yield context.wait_for_external_event("go")
    return cast(str, go)


def listening_chain(context: df.DurableOrchestrationContext) -> Generator[Any, Any, list[int]]:
    """Run activities one after the other, and wait for each event when it is due."""
    size, results, events = _size(context), [], list[int]()
    for step in range(size):
        while len(events) < EVENTS and steps_before(len(events), size) <= step:
            events.append((yield context.wait_for_external_event(event_name(len(events)))))
        results.append((yield context.call_activity(short.__name__, f"{context.instance_id} {step}")))
    yield context.wait_for_external_event(END)
    return [digest(results), *events]


def deaf_chain(context: df.DurableOrchestrationContext) -> Generator[Any, Any, list[int]]:
    """Run activities one after the other, and wait for the last event only."""
    results = []
    for step in range(_size(context)):
        results.append((yield context.call_activity(short.__name__, f"{context.instance_id} {step}")))
    yield context.wait_for_external_event(END)
    return [digest(results)]


def _size(context: df.DurableOrchestrationContext) -> int:
    return cast(int, context.get_input())


for activity in (noop, short):
    app.activity_trigger(input_name="value")(activity)
for orchestration in (chain, fan_out, wait_for_go, listening_chain, deaf_chain):
    app.orchestration_trigger(context_name="context")(orchestration)
