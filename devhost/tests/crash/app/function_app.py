"""The reference app, and functions that write down each time they have an effect."""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Generator
from functools import partial
from pathlib import Path
from threading import get_ident
from typing import Any

import azure.durable_functions as df
import azure.functions as func

from devhost.testing.kills.kill_plan import KillPlan, Point, When
from devhost.tests.crash.errands import TWICE, Order, count, run

REFERENCE = Path(__file__).resolve().parents[2] / "conformance" / "app" / "function_app.py"
EFFECTS = Path(os.environ["CRASH_EFFECTS"])
MENDED = Path(os.environ["CRASH_MENDED"])

plan = KillPlan.of_this_process()
played: dict[str, int] = {}


def leave_mark(order: Order) -> str:
    """Leave one mark and return its key."""
    time.sleep(order["ms"] / 1000)
    leave(order["run"], order["key"], Point.IN_ACTIVITY)
    return order["key"]


def stumble(order: Order) -> None:
    """Leave a mark, then fail."""
    raise ValueError(leave_mark(order))


def fragile(order: Order) -> str:
    """Leave a mark, then fail until somebody has mended it."""
    key = leave_mark(order)
    if not MENDED.exists():
        raise ValueError(f"{key} is broken")
    return key


def leave(owner: str, key: str, point: Point) -> None:
    """Append a line to the file of effects, in one system call."""
    plan.passing([point], When.BEFORE)
    file = os.open(EFFECTS, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, f"{owner}\t{key}\n".encode())
    finally:
        os.close(file)
    plan.passing([point], When.AFTER)


def tally(context: df.DurableEntityContext) -> None:
    """Leave a mark and count the operation."""
    leave(str(context.entity_key), str(context.get_input()), Point.IN_ENTITY)
    count(context)


def errands(context: df.DurableOrchestrationContext) -> Generator[Any, Any, list[Any] | None]:
    """Run the steps of the input."""
    plan.passing([Point.IN_ORCHESTRATOR], When.BEFORE)
    results: list[Any] | None = yield from alone(context.instance_id, run(context))
    plan.passing([Point.IN_ORCHESTRATOR], When.AFTER)
    return results


def alone(instance_id: str, steps: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Run an orchestrator's steps, and leave a mark if another thread is in those of the same instance."""
    go_on = partial(steps.send, None)
    while True:
        if played.setdefault(instance_id, get_ident()) != get_ident():
            leave(TWICE, instance_id, Point.IN_ORCHESTRATOR)
        try:
            task = go_on()
        except StopIteration as end:
            return end.value
        finally:
            played.pop(instance_id, None)
        try:
            go_on = partial(steps.send, (yield task))
        except Exception as error:
            go_on = partial(steps.throw, error)


async def blocks(req: func.HttpRequest) -> func.HttpResponse:
    """Hold up the event loop, as a coroutine does that reads a file."""
    time.sleep(0.004)
    return func.HttpResponse("free again")


def reference_app() -> Any:
    """Load the reference app, whose `program` the random run plays."""
    spec = importlib.util.spec_from_file_location("reference_app", REFERENCE)
    if spec is None or spec.loader is None:
        raise ImportError(f"{REFERENCE} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.app


app = reference_app()
for activity in (leave_mark, stumble, fragile):
    app.activity_trigger(input_name="order")(activity)
app.entity_trigger(context_name="context")(tally)
app.orchestration_trigger(context_name="context")(errands)
app.route("blocks", auth_level=func.AuthLevel.ANONYMOUS)(blocks)
