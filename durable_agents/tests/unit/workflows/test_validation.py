"""What a graph must look like to be hosted; each mistake is told apart when the app starts."""

from typing import Any, Never

import pytest
from agent_framework import (
    Executor,
    Workflow,
    WorkflowBuilder,
    WorkflowContext,
    WorkflowExecutor,
    handler,
    response_handler,
)
from pydantic import BaseModel

from durable_agents.app import AgentFunctionApp
from durable_agents.chat_clients.offline.client import OfflineChatClient
from durable_agents.settings.hosting import HostingSettings
from durable_agents.tests.app.agents import create_writer
from durable_agents.workflows.validation import (
    agents_of,
    check_workflows,
    input_model_of,
    name_workflows,
    response_models_of,
)


class Order(BaseModel):
    number: int


class Verdict(BaseModel):
    approved: bool


class Take(Executor):
    @handler
    async def take(self, order: Order, ctx: WorkflowContext[str, str]) -> None:
        await ctx.request_info("Ship it?", Verdict)

    @response_handler
    async def decide(self, request: str, verdict: Verdict, ctx: WorkflowContext[str, str]) -> None:
        await ctx.yield_output(str(verdict.approved))


class Print(Executor):
    @handler
    async def print(self, text: str, ctx: WorkflowContext[Never, str]) -> None:
        await ctx.yield_output(text)


class AskForText(Executor):
    @handler
    async def ask(self, order: Order, ctx: WorkflowContext[Never, str]) -> None:
        await ctx.request_info("How?", str)

    @response_handler
    async def note(self, request: str, answer: str, ctx: WorkflowContext[Never, str]) -> None:
        await ctx.yield_output(answer)


def graph(name: str = "orders", first: Executor | None = None, *rest: Any) -> Workflow:
    start = first or Take("take")
    builder = WorkflowBuilder(name=name, start_executor=start)
    return builder.add_chain([start, *rest]).build() if rest else builder.build()


def test_models_and_agents_are_read_from_the_graph() -> None:
    workflow = graph("orders", Take("take"), create_writer(OfflineChatClient()))
    check_workflows([workflow], ["Writer"])
    assert input_model_of(workflow) is Order
    assert response_models_of(workflow) == {f"{__name__}:Verdict": Verdict}
    assert agents_of(workflow) == ["orders-Writer"]


@pytest.mark.parametrize("name", ["start", "status", "respond", "Start"])
def test_a_name_of_the_frameworks_routes_is_reserved(name: str) -> None:
    with pytest.raises(ValueError, match=rf"Executor '{name}' of workflow 'orders' would be function.*Rename it"):
        check_workflows([graph("orders", Take(name))], [])


@pytest.mark.parametrize("name", ["take it", "take.it", "7th", "ümlaut"])
def test_a_name_that_no_function_can_have(name: str) -> None:
    with pytest.raises(ValueError, match=r"has an impossible name\. Use a letter, then letters"):
        check_workflows([graph("orders", Take(name))], [])


def test_a_name_that_is_too_long_for_a_function() -> None:
    with pytest.raises(ValueError, match="too long for a function"):
        check_workflows([graph("o" * 63, Take("t" * 60))], [])


def test_a_workflow_must_be_named() -> None:
    start = Take("take")
    with pytest.raises(ValueError, match="auto-generated"):
        check_workflows([WorkflowBuilder(start_executor=start).build()], [])


@pytest.mark.parametrize(
    ("workflows", "agents", "both"),
    [
        ([graph("Writer")], ["Writer"], "workflow 'Writer' and agent 'Writer'"),
        ([graph("orders")], ["Orders-take"], "executor 'take' of workflow 'orders' and agent 'Orders-take'"),
        ([graph("a"), graph("a-take")], [], "workflow 'a-take' and executor 'take' of workflow 'a'"),
        ([graph("a", Take("take"), Print("Take"))], [], "executor 'Take' of workflow 'a' and executor 'take'"),
    ],
)
def test_two_functions_of_one_name_name_their_owners(workflows: list[Workflow], agents: list[str], both: str) -> None:
    with pytest.raises(ValueError, match=f"{both}.* would both be function"):
        check_workflows(workflows, agents)


class Opaque:
    """A class that pydantic does not know."""


class TakeOpaque(Executor):
    @handler
    async def take(self, thing: Opaque, ctx: WorkflowContext[Never, str]) -> None:
        await ctx.request_info("How?", Opaque)

    @response_handler
    async def note(self, request: str, answer: Opaque, ctx: WorkflowContext[Never, str]) -> None:
        await ctx.yield_output("")


class AskForOpaque(Executor):
    @handler
    async def take(self, order: Order, ctx: WorkflowContext[Never, str]) -> None:
        await ctx.request_info("How?", Opaque)

    @response_handler
    async def note(self, request: str, answer: Opaque, ctx: WorkflowContext[Never, str]) -> None:
        await ctx.yield_output("")


def test_requests_are_checked_so_the_first_executor_takes_what_can_be() -> None:
    check_workflows([graph("orders", Print("print"))], [])
    with pytest.raises(ValueError, match="Executor 'take', the first of workflow 'orders', takes Opaque"):
        check_workflows([graph("orders", TakeOpaque("take"))], [])


def test_answers_are_checked_so_what_humans_are_asked_for_can_be() -> None:
    assert list(response_models_of(graph("orders", AskForText("ask")))) == ["builtins:str"]
    with pytest.raises(ValueError, match="Executor 'ask' of workflow 'orders' asks humans for Opaque"):
        check_workflows([graph("orders", AskForOpaque("ask"))], [])


def test_a_workflow_without_a_name_gets_that_of_its_first_executor() -> None:
    workflow = WorkflowBuilder(start_executor=Print("print")).build()
    name_workflows([workflow])
    assert workflow.name == "print"
    with pytest.raises(ValueError, match=r"WorkflowBuilder\(name="):
        name_workflows([WorkflowBuilder(start_executor=Print("print it")).build()])


def test_a_workflow_in_a_workflow_is_checked_like_its_own() -> None:
    inner = graph("inner", AskForText("how"), create_writer(OfflineChatClient()))
    outer = graph("orders", WorkflowExecutor(inner, id="ship"), Print("print"))
    check_workflows([outer, inner], [])
    assert input_model_of(outer) is Order
    assert list(response_models_of(outer)) == ["builtins:str"]
    assert agents_of(outer) == ["inner-Writer"]
    with pytest.raises(ValueError, match="Executor 'take it' of workflow 'inner' has an impossible name"):
        check_workflows([graph("orders", WorkflowExecutor(graph("inner", Take("take it")), id="ship"))], [])


def test_a_workflow_in_a_workflow_gets_a_name_too() -> None:
    inner = WorkflowBuilder(start_executor=Print("print")).build()
    name_workflows([graph("orders", Print("p"), WorkflowExecutor(inner, id="ship"))])
    assert inner.name == "print"


def test_the_app_does_not_start_with_a_workflow_that_cannot_be_hosted() -> None:
    with pytest.raises(ValueError, match="are reserved"):
        AgentFunctionApp(settings=HostingSettings.from_environ({}), workflows=[graph("orders", Take("start"))])
