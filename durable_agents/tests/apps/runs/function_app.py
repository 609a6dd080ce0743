"""Runs that fail, wait, retry and hold, behind the template's own routes."""

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df
from pydantic import BaseModel

from durable_agents import AgentFunctionApp, HostingSettings, Orchestration
from durable_agents.tests.app.limits import read_limits

FOLDER = Path(os.environ["OUTBOX_DIR"])
RETRY = df.RetryOptions(first_retry_interval_in_milliseconds=50, max_number_of_attempts=3)


class Order(BaseModel):
    """How the run goes on: `way` is a part of the name of what it does."""

    way: str = "ends"
    number: int = 0


class Done(BaseModel):
    text: str


def ship(order: Order) -> Done:
    """Leave one line for each time it runs, and fail as long as there is no file `fixed`."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / f"shipped-{order.number}").open("a") as lines:
        lines.write("shipped\n")
    if not (FOLDER / "fixed").exists():
        raise ValueError(f"no carrier for order {order.number}")
    return Done(text="shipped")


def weigh(order: Order) -> Done:
    """Fail at the first two calls for an order."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / f"weighed-{order.number}").open("a+") as lines:
        lines.write("weighed\n")
        lines.seek(0)
        if len(lines.readlines()) < 3:
            raise ValueError("the scales are busy")
    return Done(text="x" * 5_000 if order.way == "large" else "weighed")


def load(order: Order) -> Done:
    """Leave one line for each time it runs, and take its time the first time."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"loaded-{order.number}"
    is_first = not path.exists()
    with path.open("a") as lines:
        lines.write("loaded\n")
    if is_first:
        time.sleep(60)
    return Done(text="loaded")


def delivery(context: df.DurableOrchestrationContext, *, get_agent: Any) -> Any:
    """Go the way the order says."""
    order = Order.model_validate(context.get_input())
    payload = order.model_dump()
    if order.way == "fails":
        return (yield context.call_activity(ship.__name__, payload))
    if order.way == "breaks":
        raise RuntimeError("the order makes no sense\nand this line is nobody's business")
    if order.way in ("retries", "large"):
        return (yield context.call_activity_with_retry(weigh.__name__, RETRY, payload))
    if order.way == "takes its time":
        return (yield context.call_activity_with_retry(load.__name__, RETRY, payload))
    if order.way == "retries and fails":
        return (yield context.call_activity_with_retry(ship.__name__, RETRY, payload))
    if order.way == "has a child":
        return (yield context.call_sub_orchestrator("parcel", payload))
    if order.way in ("waits", "waits and weighs"):
        context.set_custom_status({"stage": "packing", "waiting_for": {"kind": "packer", "event_name": "Packed"}})
        packed = context.wait_for_external_event("Packed")
        deadline = context.create_timer(context.current_utc_datetime + timedelta(hours=1))
        yield context.task_any([packed, deadline])
        deadline.cancel()
        if order.way == "waits and weighs":
            yield context.call_activity_with_retry(weigh.__name__, RETRY, payload)
        return {"packed": packed.result}
    return {"number": order.number}


def parcel(context: df.DurableOrchestrationContext, *, get_agent: Any) -> Any:
    """A child whose activity fails."""
    return (yield context.call_activity(ship.__name__, context.get_input()))


def foreign(context: df.DurableOrchestrationContext) -> Any:
    """An orchestration that the app does not offer: its instances are no runs."""
    yield context.wait_for_external_event("Never")


app = AgentFunctionApp(
    settings=HostingSettings.from_environ(os.environ),
    orchestrations=[Orchestration(delivery, Order), Orchestration(parcel, Order)],
    **read_limits(os.environ),
)
# By the binding alone, so that the app does not know of it, as of one that was renamed or is another app's.
played = df.Orchestrator.create(foreign)
app.function_name("foreign")(app.generic_trigger("context", "orchestrationTrigger", orchestration="foreign")(played))
app.add_activity(ship)
app.add_activity(weigh)
app.add_activity(load)
