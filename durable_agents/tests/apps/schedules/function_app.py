"""A schedule of every hour, and three timers that start what is due every second, as three hosts would do.

Each leaves a line in OUTBOX_DIR when it fires, and so does each execution of the orchestration.
"""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import azure.durable_functions as df
import azure.functions as func
from pydantic import BaseModel

from durable_agents import AgentFunctionApp, HostingSettings, Orchestration, OrchestrationContext, Slot, Steps
from durable_agents.runs.schedules import Schedule

FOLDER = Path(os.environ["OUTBOX_DIR"])
HOURS = range(24)


class Line(BaseModel):
    file: str
    text: str


def note(line: Line) -> Line:
    """Leave a line."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / line.file).open("a", encoding="utf-8") as lines:
        lines.write(f"{line.text}\n")
    return line


def collection(context: OrchestrationContext, slot: Slot) -> Steps[Slot]:
    """Leave a line, and wait for its event."""
    yield from context.call(note, Line(file="executions", text=context.instance_id))
    yield from context.wait_for("Go")
    return slot


hourly = Orchestration(collection)
app = AgentFunctionApp(settings=HostingSettings.from_environ(os.environ), orchestrations=[hourly])
app.add_activity(note)
app.add_schedule(hourly, HOURS)


def add_host(name: str) -> None:
    """Add a timer that starts what is due, with a schedule of its own."""
    schedule = Schedule(hourly, tuple(HOURS))

    async def fire(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
        instance_id = await schedule.start_due(client, datetime.now(UTC))
        note(Line(file="firings", text=f"{name} {instance_id}"))

    fire.__name__ = name
    functions = cast(df.DFApp, app)
    bound = functions.durable_client_input(client_name="client")(fire)
    functions.timer_trigger(arg_name="timer", schedule="* * * * * *")(bound)


for name in ("first", "second", "third"):
    add_host(name)
