"""Functions that end the process they run in, each in its way."""

import ctypes
import os
import time
from pathlib import Path

import azure.durable_functions as df

app = df.DFApp()


@app.orchestration_trigger(context_name="context")
def calls(context):
    """Call an activity, or an entity, and return what it answers."""
    what = context.get_input()
    if what == "exit in an entity":
        return (yield context.call_entity(df.EntityId("Deadly", "one"), "die"))
    return (yield context.call_activity("does", what))


@app.orchestration_trigger(context_name="context")
def ends(context):
    """End the process in a turn."""
    os._exit(3)
    yield context.call_activity("does", "nothing")


@app.orchestration_trigger(context_name="context")
def calls_later(context):
    """Call an activity that is a coroutine."""
    return (yield context.call_activity("does_later", context.get_input()))


@app.activity_trigger(input_name="what")
def does(what: str) -> str:
    """Do it."""
    with Path(os.environ["RUNS"]).open("a") as runs:
        runs.write(f"{what}\n")
    if what == "exit":
        os._exit(3)
    if what == "crash":
        ctypes.string_at(0)
    if what == "take long":
        time.sleep(3)
    return what


@app.activity_trigger(input_name="what")
async def does_later(what: str) -> str:
    """End the process from the event loop."""
    os._exit(3)


@app.entity_trigger(context_name="context", entity_name="Deadly")
def deadly(context):
    """Die, or answer."""
    if context.operation_name == "die":
        os._exit(3)
    context.set_result("lives")
