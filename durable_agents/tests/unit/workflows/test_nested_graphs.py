"""A workflow inside a workflow runs in the same orchestration: its executors, its agents and its requests to humans."""

import asyncio
import json
from typing import Any, Never

import pytest
from agent_framework import (
    Agent,
    AgentExecutorResponse,
    Executor,
    Workflow,
    WorkflowBuilder,
    WorkflowContext,
    WorkflowExecutor,
    handler,
    response_handler,
)
from pydantic import BaseModel

from durable_agents.chat_clients.offline.client import OfflineChatClient
from durable_agents.tests.unit.workflows.graph_replay import GraphReplay


class Order(BaseModel):
    article: str


class Question(BaseModel):
    text: str


class Verdict(BaseModel):
    is_approved: bool
    note: str | None = None


class Split(Executor):
    """Sends an order on once for each word of it."""

    @handler
    async def split(self, order: Order, ctx: WorkflowContext[Order]) -> None:
        for word in order.article.split():
            await ctx.send_message(Order(article=word))


class Ask(Executor):
    @handler
    async def ask(self, order: Order, ctx: WorkflowContext[Never, str]) -> None:
        ctx.set_state("article", order.article)
        await ctx.request_info(Question(text=f"Buy {order.article}?"), Verdict)

    @response_handler
    async def decide(self, question: Question, verdict: Verdict, ctx: WorkflowContext[Never, str]) -> None:
        await ctx.yield_output(f"{ctx.get_state('article')}: {verdict.is_approved}")


class Gather(Executor):
    @handler
    async def gather(self, text: str, ctx: WorkflowContext[Never, str]) -> None:
        await ctx.yield_output(text)


class Describe(Executor):
    @handler
    async def describe(self, order: Order, ctx: WorkflowContext[str]) -> None:
        await ctx.send_message(f"What is {order.article}?")


class Read(Executor):
    @handler
    async def read(self, answer: AgentExecutorResponse, ctx: WorkflowContext[Never, str]) -> None:
        await ctx.yield_output(answer.agent_response.text)


def asking() -> Workflow:
    return WorkflowBuilder(name="asking", start_executor=Ask("ask")).build()


def around(inner: Workflow, **options: Any) -> Workflow:
    split, node, gather = Split("split"), WorkflowExecutor(inner, id="buy", **options), Gather("gather")
    graph = WorkflowBuilder(name="orders", start_executor=split)
    return graph.add_edge(split, node).add_edge(node, gather).build()


def test_a_request_inside_is_answered_by_the_id_that_leads_to_it() -> None:
    run = GraphReplay(around(asking()), {"article": "tea"})
    run.work()
    (request,) = run.requests
    way, number, bare = request["request_id"].split("~")
    assert (way, number, request["source_executor_id"]) == ("buy", "0", "ask")
    assert request["data"] == {"text": "Buy tea?"}
    assert run.states() == {"split": "done", "buy": "waiting", "buy~0~ask": "waiting"}
    run.run.raise_event(bare, {"is_approved": True})
    assert run.requests == [request]
    run.run.raise_event(request["request_id"], {"isApproved": True})
    run.work()
    assert run.run.output == ["tea: True"]
    assert run.states() == {"split": "done", "buy": "done", "buy~0~ask": "done", "gather": "done"}


def test_several_messages_are_as_many_walks_and_each_is_waited_for_from_its_start() -> None:
    run = GraphReplay(around(asking()), {"article": "tea milk"})
    run.work()
    ids = [request["request_id"] for request in run.requests]
    assert [one.split("~")[:2] for one in ids] == [["buy", "0"], ["buy", "1"]]
    run.run.raise_event(ids[1], {"is_approved": False})
    assert [request["request_id"] for request in run.requests] == ids[:1]
    run.work()
    run.run.raise_event(ids[0], {"is_approved": True})
    run.work()
    assert run.run.output == ["tea: True", "milk: False"]


def test_a_workflow_two_levels_down_has_the_whole_way_in_its_ids() -> None:
    middle = WorkflowBuilder(name="middle", start_executor=WorkflowExecutor(asking(), id="deep")).build()
    run = GraphReplay(around(middle), {"article": "tea"})
    run.work()
    (request,) = run.requests
    assert request["request_id"].startswith("buy~0~deep~0~")
    run.run.raise_event(request["request_id"], {"is_approved": True})
    run.work()
    # What the middle one has yielded goes on only if it is a message, as in this process.
    assert run.run.state["isDone"]


def test_an_executor_inside_learns_the_address_of_the_whole_run() -> None:
    run = GraphReplay(around(asking()), {"article": "tea"})
    run.work_on("dafx-orders-split")
    payload = json.loads(json.loads(run.run.action("dafx-asking-ask")["input"]))
    assert payload["host_context"] == {
        "instance_id": "run-1",
        "workflow_name": "orders",
        "request_path_prefix": "buy~0~",
    }


def test_an_agent_inside_answers_in_a_session_of_its_own_walk() -> None:
    describe = Describe("describe")
    inner = WorkflowBuilder(name="describing", start_executor=describe)
    agent = Agent(OfflineChatClient(), name="Clerk")
    workflow = around(inner.add_chain([describe, agent, Read("read")]).build())
    run = GraphReplay(workflow, {"article": "tea"}, workflows=[])
    run.work()
    assert run.run.asked("describing-Clerk")["message"] == "What is tea?"
    run.run.answer("describing-Clerk", Question(text="a plant"))
    run.work()
    assert run.run.output == ['{"text":"a plant"}']


def test_an_executor_that_fails_inside_fails_the_run() -> None:
    run = GraphReplay(around(asking()), {"article": "tea"})
    run.work_on("dafx-orders-split")
    run.run.fail("dafx-asking-ask", attempts=3)
    assert "boom" in run.run.state["error"]
    assert run.states() == {"split": "done", "buy": "failed", "buy~0~ask": "failed"}


@pytest.mark.parametrize("direct", [True, False])
async def test_the_outcome_is_that_of_the_same_graph_in_this_process(direct: bool) -> None:
    workflow = around(asking(), allow_direct_output=direct, propagate_request=True)
    asked = await workflow.run(Order(article="tea"))
    (event,) = asked.get_request_info_events()
    result = await workflow.run(responses={event.request_id: Verdict(is_approved=True)})

    def run_durably() -> Any:
        run = GraphReplay(around(asking(), allow_direct_output=direct), {"article": "tea"})
        run.work()
        run.run.raise_event(run.requests[0]["request_id"], {"is_approved": True})
        run.work()
        return run.run.output

    assert await asyncio.to_thread(run_durably) == result.get_outputs() == ["tea: True"]
