"""Orchestrations by decorator, in an app that changed one import: no settings are given, and names clash with ours."""

from datetime import timedelta
from typing import Any

import azure.durable_functions as df
from agent_framework import Agent
from pydantic import BaseModel

from durable_agents import AgentFunctionApp, HostingSettings, OrchestrationContext, Steps, create_chat_client

chat = create_chat_client(HostingSettings.from_environ({}).model)
app = AgentFunctionApp(agents=[Agent(chat, "You write short texts.", name="Poet")])
app.add_agent(Agent(chat, "You judge texts.", name="Critic"))


class Name(BaseModel):
    name: str


class Greeting(BaseModel):
    text: str


@app.orchestration_trigger(context_name="context")
def echo(context: df.DurableOrchestrationContext) -> Any:
    """Return the input, and what it looks like from inside."""
    given = context.get_input()
    return {"given": given, "type": type(given).__name__}


@app.orchestration_trigger(context_name="context")
def verse(context: df.DurableOrchestrationContext) -> Any:
    """Ask an agent twice in one conversation."""
    poet = app.get_agent(context, "Poet")
    session = poet.create_session()
    first = yield poet.run(messages=f"Write about {context.get_input()}.", session=session)
    second = yield poet.run(messages=f"Improve this: {first.text}", session=session)
    return second.text


@app.orchestration_trigger(context_name="context", orchestration="waiting_room")
def wait_and_see(context: df.DurableOrchestrationContext) -> Any:
    """Wait for one event, and give up after the seconds in the input."""
    seconds = (context.get_input() or {}).get("seconds", 3600)
    decision = context.wait_for_external_event("Decision")
    deadline = context.create_timer(context.current_utc_datetime + timedelta(seconds=seconds))
    winner = yield context.task_any([decision, deadline])
    if winner == deadline:
        return "too late"
    deadline.cancel()
    return {"approved": decision.result.get("approved"), "got": decision.result}


@app.orchestration_trigger(context_name="context")
def two_keys(context: df.DurableOrchestrationContext) -> Any:
    """Wait for two events at once, with a status of its own beside them."""
    context.set_custom_status({"stage": "turning", "keys": 2})
    keys = yield context.task_all([context.wait_for_external_event("Left"), context.wait_for_external_event("Right")])
    context.set_custom_status({"stage": "open"})
    yield context.wait_for_external_event("Close")
    return keys


@app.orchestration_trigger(context_name="context")
def own_words(context: df.DurableOrchestrationContext) -> Any:
    """Show a status that is no object while it waits."""
    context.set_custom_status("Requesting human feedback")
    return (yield context.wait_for_external_event("Feedback"))


@app.orchestration_trigger(context_name="context")
def storytelling(context: OrchestrationContext, request: Name) -> Steps[Greeting]:
    """An orchestration with the library's context, by decorator as well."""
    answer = yield from context.wait_for("Answer", str)
    return Greeting(text=f"{request.name}: {answer}")


@app.orchestration_trigger(context_name="context")
def publication(context: df.DurableOrchestrationContext) -> Any:
    """Call an activity whose name the library has, too."""
    return (yield context.call_activity("notify_reviewer", context.get_input()))


@app.activity_trigger(input_name="draft")
def notify_reviewer(draft: str) -> str:
    """Tell nobody."""
    return f"told of {draft}"


@app.function_name("renamed")
@app.orchestration_trigger(context_name="context")
def original(context: df.DurableOrchestrationContext) -> Any:
    """An orchestration that is known by the name of its function in the host."""
    yield context.create_timer(context.current_utc_datetime)
    return "done"


blueprint = df.Blueprint()


@blueprint.orchestration_trigger(context_name="context")
def from_blueprint(context: df.DurableOrchestrationContext) -> Any:
    """An orchestration of a blueprint."""
    return (yield context.wait_for_external_event("Go"))


app.register_functions(blueprint)
