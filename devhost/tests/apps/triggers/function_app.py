"""A Functions app of timers, MCP tools and functions that take their time. It knows neither devhost nor the template.

Functions write what happens to them to the file that the setting DIARY names, one JSON line each.
"""

import asyncio
import json
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import azure.functions as func
from agent_framework import AgentResponse, AgentSession, Message
from agent_framework_azurefunctions import AgentFunctionApp


class Parrot:
    """An agent that needs no model."""

    id = "parrot"
    name = "Parrot"
    description = "Says it again"

    async def run(self, messages=None, *, stream=False, session=None, **options):
        if stream:
            raise TypeError("the parrot does not stream")
        heard = messages[-1].text if isinstance(messages, list) else str(messages)
        return AgentResponse(messages=[Message("assistant", [f"{heard}, {heard}"])], response_id="again")

    def create_session(self, *, session_id=None):
        return AgentSession(session_id=session_id)

    def get_session(self, service_session_id, *, session_id=None):
        return AgentSession(service_session_id=service_session_id, session_id=session_id)


app = AgentFunctionApp(
    agents=[Parrot()],
    enable_mcp_tool_trigger=True,
    poll_interval_seconds=0.05,
    max_poll_retries=200,
    http_auth_level=func.AuthLevel.ANONYMOUS,
)


def note(what, **more):
    with Path(os.environ["DIARY"]).open("a") as diary:
        diary.write(json.dumps({"what": what, "at": datetime.now(UTC).isoformat(), **more}) + "\n")


# Timers


@app.timer_trigger(arg_name="timer", schedule="%TICK%")
@app.durable_client_input(client_name="client")
async def tick(timer: func.TimerRequest, client):
    note("tick", past_due=timer.past_due, status=timer.schedule_status, schedule=timer.schedule)
    await client.start_new("ticked", client_input=datetime.now(UTC).isoformat())


@app.orchestration_trigger(context_name="context")
def ticked(context):
    return context.get_input()


@app.timer_trigger(arg_name="timer", schedule="%TICK%")
def stumble(timer: func.TimerRequest) -> None:
    note("stumble")
    raise ValueError("stumbled")


@app.timer_trigger(arg_name="timer", schedule="%TICK%")
def dawdle(timer: func.TimerRequest) -> None:
    note("dawdle begins")
    time.sleep(1.5)
    note("dawdle ends")


@app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *", run_on_startup=True)
def at_start(timer: func.TimerRequest) -> None:
    note("at_start", past_due=timer.past_due, status=timer.schedule_status, schedule=timer.schedule)


@app.timer_trigger(arg_name="timer", schedule="00:05:00")
def by_time_span(timer: func.TimerRequest) -> None:
    note("by_time_span")


@app.timer_trigger(arg_name="timer", schedule="%NO_SUCH_SETTING%")
def by_missing_setting(timer: func.TimerRequest) -> None:
    note("by_missing_setting")


# MCP tools


@app.mcp_tool()
def add(first: int, second: int = 1) -> str:
    """Add two numbers."""
    return str(first + second)


@app.mcp_tool()
@app.mcp_tool_property(arg_name="words", description="What to join", as_array=True)
async def join(words: list[str]) -> str:
    """Join words."""
    await asyncio.sleep(0)
    return " ".join(words)


@app.mcp_tool()
def explode(secret: str) -> str:
    """Fail."""
    raise ValueError(secret)


@app.mcp_tool()
def nothing() -> None:
    """Answer nothing."""


@dataclass
class Place:
    name: str
    metres: int
    __mcp_content__ = True


@app.mcp_tool()
def highest() -> Place:
    """Name the highest mountain."""
    return Place("Everest", 8849)


@app.mcp_tool_trigger(
    arg_name="context",
    tool_name="Invocation",
    description="Shows what a tool is given",
    tool_properties=json.dumps(
        [
            {"propertyName": "colour", "propertyType": "string", "isRequired": True, "enumValues": ["red", "blue"]},
            {"propertyName": "sizes", "propertyType": "integer", "description": "All of them", "isArray": True},
        ]
    ),
    metadata=json.dumps({"author": "nobody"}),
)
def invocation(context: str) -> str:
    return context


@app.mcp_tool_trigger(arg_name="context", tool_name="ADD", tool_properties="[]")
def add_again(context: str) -> str:
    return "never"


@app.mcp_tool_trigger(arg_name="context", tool_name="unreadable", tool_properties="{")
def unreadable(context: str) -> str:
    return "never"


# Functions that outlast a short time-out


@app.route(route="slow")
def slow(req: func.HttpRequest) -> str:
    time.sleep(float(req.params["seconds"]))
    note("slow ends")
    return "slept"


@app.route(route="slow-coroutine")
async def slow_coroutine(req: func.HttpRequest) -> str:
    try:
        await asyncio.sleep(float(req.params["seconds"]))
    except asyncio.CancelledError:
        note("slow_coroutine cancelled")
        raise
    return "slept"


@app.route(route="cancels-itself")
async def cancels_itself(req: func.HttpRequest) -> str:
    raise asyncio.CancelledError


@app.activity_trigger(input_name="seconds")
def sleep_activity(seconds: float) -> str:
    time.sleep(seconds)
    return "slept"


@app.orchestration_trigger(context_name="context")
def sleeps_again_and_again(context):
    for seconds in context.get_input():
        yield context.call_activity("sleep_activity", seconds)
    return "slept"


@app.orchestration_trigger(context_name="context")
def sleeper(context):
    return (yield context.call_activity("sleep_activity", context.get_input()))


@app.orchestration_trigger(context_name="context")
def slow_turn(context):
    time.sleep(1.5)
    return "turned"


@app.entity_trigger(context_name="context")
def sloth(context):
    time.sleep(1.5)
    context.set_state("changed")


@app.orchestration_trigger(context_name="context")
def wakes_sloth(context):
    import azure.durable_functions as df

    return (yield context.call_entity(df.EntityId("sloth", "one"), "wake"))


@app.route(route="start/{name}")
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client) -> func.HttpResponse:
    body = req.get_body()
    instance_id = await client.start_new(req.route_params["name"], client_input=json.loads(body) if body else None)
    return client.create_check_status_response(req, instance_id)
