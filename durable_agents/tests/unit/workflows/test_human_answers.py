"""What becomes of an answer whose run changes in the meantime, with a task hub that says so."""

import json
from collections.abc import AsyncIterator
from typing import Any, Never

import pytest
from agent_framework import Executor, Workflow, WorkflowBuilder, WorkflowContext, handler, response_handler
from azure.durable_functions.models.utils.http_utils import _close_session
from pydantic import BaseModel

from durable_agents.http.problems import ProblemError
from durable_agents.orchestration.registry import OrchestrationRegistry
from durable_agents.runs.reviewers import Reviewer
from durable_agents.tests.unit.runs.task_hub_server import TaskHubServer
from durable_agents.workflows.graph import graph_orchestration
from durable_agents.workflows.human_answers import Reply, respond
from durable_agents.workflows.workflow_registry import HostedWorkflow, WorkflowRegistry

MOMENT = "2026-01-01T00:00:00Z"
REQUEST = "r-1"
YES = {"approved": True}


class Order(BaseModel):
    number: int


class Verdict(BaseModel):
    approved: bool


class Ask(Executor):
    @handler
    async def ask(self, order: Order, ctx: WorkflowContext[Never, bool]) -> None:
        await ctx.request_info("Ship it?", Verdict)

    @response_handler
    async def decide(self, request: str, verdict: Verdict, ctx: WorkflowContext[Never, bool]) -> None:
        await ctx.yield_output(verdict.approved)


def graph() -> Workflow:
    return WorkflowBuilder(name="orders", start_executor=Ask("ask")).build()


@pytest.fixture(autouse=True)
async def _connections() -> AsyncIterator[None]:
    """The SDK keeps its connections for the process; the event loop they belong to ends with the test."""
    yield
    await _close_session()


@pytest.fixture
def orders() -> HostedWorkflow:
    workflow = graph()
    return WorkflowRegistry([workflow], OrchestrationRegistry([graph_orchestration(workflow)])).find("Orders")


def run(state: str = "Running", *, waits: bool = True, answer: Any = None) -> dict[str, Any]:
    """Return the instance as the task hub shows it: it has asked, perhaps waits, and perhaps has an answer."""
    asked = {"request_id": REQUEST, "response_type": f"{__name__}:Verdict"}
    result = json.dumps({"pending_request_info_events": [asked]})
    history = [{"EventType": "TaskCompleted", "FunctionName": "dafx-orders-ask", "Result": json.dumps(result)}]
    if answer is not None:
        history.append({"EventType": "EventRaised", "Name": REQUEST, "Input": json.dumps(json.dumps(answer))})
    request = {**asked, "source_executor_id": "ask", "data": "Ship it?", "request_type": "builtins:str"}
    waiting_for = {"waiting_for": {"kind": "human_input", "requests": [request]}} if waits else {}
    return {
        "name": "dafx-orders",
        "instanceId": "o-1",
        "runtimeStatus": state,
        "createdTime": MOMENT,
        "lastUpdatedTime": MOMENT,
        "customStatus": {"stage": "running", **waiting_for},
        "historyEvents": [{"Timestamp": MOMENT, "ScheduledTime": MOMENT, **event} for event in history],
    }


async def refuse(hub: TaskHubServer, orders: HostedWorkflow) -> str:
    """Answer the request and return the kind of the refusal."""
    with pytest.raises(ProblemError) as caught:
        await respond(hub.client, orders, "o-1", REQUEST, Reply(YES, Reviewer(None)))
    assert caught.value.status == 409
    return caught.value.kind


def raised(hub: TaskHubServer) -> list[str]:
    return [path for method, path, _, _ in hub.requests if method == "POST"]


async def test_an_answer_counts_when_the_history_has_it(orders: HostedWorkflow) -> None:
    async with TaskHubServer() as hub:
        for status, body in ((200, run()), (202, None), (200, run()), (200, run(answer=YES))):
            hub.script(status, body)
        assert await respond(hub.client, orders, "o-1", REQUEST, Reply(YES, Reviewer(None))) is True
        assert raised(hub) == [f"/rpc/instances/o-1/raiseEvent/{REQUEST}"]


async def test_an_answer_before_the_run_waits_is_not_sent(orders: HostedWorkflow) -> None:
    async with TaskHubServer() as hub:
        hub.script(200, run(waits=False))
        assert await refuse(hub, orders) == "not-awaited-yet"
        assert raised(hub) == []


async def test_of_two_answers_the_one_that_came_first_stands(orders: HostedWorkflow) -> None:
    async with TaskHubServer() as hub:
        for status, body in ((200, run()), (202, None), (200, run(answer={"approved": False}))):
            hub.script(status, body)
        assert await refuse(hub, orders) == "already-answered"


async def test_a_run_that_ends_in_between_says_so(orders: HostedWorkflow) -> None:
    async with TaskHubServer() as hub:
        for status, body in ((200, run()), (410, None), (200, run("Terminated"))):
            hub.script(status, body)
        assert await refuse(hub, orders) == "run-is-over"


async def test_a_repeat_that_meets_the_end_of_the_run_gets_the_first_answer(orders: HostedWorkflow) -> None:
    async with TaskHubServer() as hub:
        for status, body in ((200, run()), (410, None), (200, run("Completed", answer=YES))):
            hub.script(status, body)
        assert await respond(hub.client, orders, "o-1", REQUEST, Reply(YES, Reviewer(None))) is True


async def test_an_answer_that_the_task_hub_refuses_is_not_told_as_delivered(orders: HostedWorkflow) -> None:
    async with TaskHubServer() as hub:
        for status, body in ((200, run()), (500, None), (200, run())):
            hub.script(status, body)
        with pytest.raises(Exception, match="500"):
            await respond(hub.client, orders, "o-1", REQUEST, Reply(YES, Reviewer(None)))


def test_a_workflow_that_nothing_would_run_stops_the_start() -> None:
    with pytest.raises(ValueError, match=r"Workflow 'orders' has no orchestration\. Add graph_orchestration"):
        WorkflowRegistry([graph()], OrchestrationRegistry([]))
