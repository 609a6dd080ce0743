"""An agent that starts runs and is told what came of them, on a model by rules, which leaves a line for each call."""

import os
from pathlib import Path
from typing import Any

from agent_framework import Agent, tool
from pydantic import BaseModel

from durable_agents import (
    AgentFunctionApp,
    Budget,
    BudgetError,
    HostingSettings,
    Orchestration,
    OrchestrationContext,
    Steps,
    create_run_tools,
)
from durable_agents.testing import ScriptedChatClient, call_tool
from durable_agents.tests.app.limits import read_limits

FOLDER = Path(os.environ["OUTBOX_DIR"])


class Errand(BaseModel):
    way: str
    number: int = 0


class Done(BaseModel):
    text: str


def errand(context: OrchestrationContext, request: Errand) -> Steps[Done]:
    """Do something that takes a while."""
    if request.way == "fails":
        raise ValueError("it rained\nand this line is nobody's business")
    if request.way == "waits":
        yield from context.wait_for("Go")
    if request.way == "rounds" and request.number < 2:
        yield from context.continue_as_new(Errand(way="rounds", number=request.number + 1))
    yield from context.call(work, request)
    return Done(text="x" * 100_000 if request.way == "large" else f"{request.way} {request.number}")


def silent_errand(context: OrchestrationContext, request: Errand) -> Steps[Done]:
    """Do something of which nobody has to be told."""
    return Done(text=request.way)
    yield


def question(context: OrchestrationContext, request: Errand) -> Steps[Done]:
    """Ask the agent once, and fail if that is the way."""
    yield from context.ask("Clerk", "hello")
    if request.way == "fails":
        raise ValueError("it rained\nand this line is nobody's business")
    return Done(text=request.way if request.way.startswith("large") else str(context.usage.model_calls))


def large_family(context: OrchestrationContext, request: Errand) -> Steps[Done]:
    """Have a child whose input and output are too large for a history."""
    child = yield from context.run(question, Errand(way="large" + "x" * 60_000))
    return Done(text=str(len(child.text)))


def family(context: OrchestrationContext, request: Errand) -> Steps[Done]:
    """Ask the agent, have children that ask it too, one of which fails, and go on as long as may be."""
    yield from context.ask("Clerk", "hello")
    yield from context.run(question, Errand(way="ends"))
    try:
        yield from context.run(question, Errand(way="fails"))
    except Exception:
        context.status("a child has failed")
    try:
        yield from context.ask("Clerk", "hello")
        yield from context.ask("Clerk", "hello")
    except BudgetError as error:
        return Done(text=str(error))
    return Done(text="there was no end")


def work(request: Errand) -> Done:
    """Do it."""
    return Done(text="done")


def ask_clerk(context: OrchestrationContext, request: Errand) -> Steps[Done]:
    """Have the agent start a run."""
    return Done(text=(yield from context.ask("Clerk", f"start {request.way}")))


@tool(approval_mode="always_require")
def refund() -> str:
    """Pay back."""
    return "paid back"


class Rules(ScriptedChatClient):
    """A model that does what the last message says."""

    def _next_answer(self, request: Any) -> Any:
        said = request.text.splitlines()[-3 if "[From the app" in request.text else -1 :]
        FOLDER.mkdir(parents=True, exist_ok=True)
        with (FOLDER / "asked").open("a", encoding="utf-8") as lines:
            lines.write(f"{request.messages[-1].role}: {said[0]}\n")
        if (FOLDER / "down").exists():
            return (RuntimeError("the model is down"),)
        match said[0].split():
            case ["start", way]:
                return (call_tool("start_errand", way=way),)
            case ["silently", way]:
                return (call_tool("start_silent_errand", way=way),)
            case ["refund"]:
                return (call_tool("refund"),)
            case ["repeat"]:
                return (f"I was told: {[message.text for message in request.messages]}",)
            case ["[From", *_] if '"chain 0"' in said[1]:
                return (call_tool("start_errand", way="chain"),)
            case ["[From", *_]:
                return (f"{said[0].split('started,')[1]} {said[1]}",)
        return (f"Heard: {said[0]}",)


silent = Orchestration(silent_errand)
errands = Orchestration(errand)
tools: list[Any] = [
    *create_run_tools(errands, ["way"]),
    *create_run_tools(silent, ["way"], brings_result=False),
    refund,
]
app = AgentFunctionApp(
    settings=HostingSettings.from_environ(os.environ),
    agents=[Agent(Rules(), name="Clerk", instructions="Do what you are told.", tools=tools)],
    orchestrations=[
        errands,
        silent,
        ask_clerk,
        question,
        large_family,
        Orchestration(family, budget=Budget(model_calls=4)),
    ],
    **read_limits(os.environ),
)
app.add_activity(work)
