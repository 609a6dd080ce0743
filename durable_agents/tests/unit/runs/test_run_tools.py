"""What the model sees of the tools; that they start and find runs is shown over HTTP."""

import asyncio
import json
from pathlib import Path

import pytest
from agent_framework import FunctionInvocationContext
from pydantic import BaseModel, Field

from durable_agents.orchestration.registry import Orchestration
from durable_agents.runs.run_tools import create_run_tools
from durable_agents.seal import Seal
from durable_agents.sessions.entity import DURABLE_CLIENT, SESSION
from durable_agents.sessions.entity_function import HubClient
from durable_agents.storage.claim_check import ClaimCheck
from durable_agents.tests.unit.runs.task_hub_server import TaskHubServer


class Order(BaseModel):
    article: str = Field(min_length=1)
    warehouse: str
    count: int = 1


def order_article() -> None:
    """Order an article.

    More than the model has to know.
    """


ORDERS = Orchestration(order_article, Order, defaults={"warehouse": "Bonn"})


def test_the_model_is_told_what_it_can_start_and_with_what() -> None:
    start, check = create_run_tools(ORDERS, ["article", "count"])
    assert (start.name, check.name) == ("start_order_article", "check_order_article")
    assert start.description.endswith("Order an article.")
    assert list(start.parameters()["properties"]) == ["article", "count"]
    assert start.parameters()["required"] == ["article"]
    assert check.parameters()["required"] == ["run_id"]


async def test_input_that_does_not_fit_is_no_start() -> None:
    start, _ = create_run_tools(ORDERS, ["article"])
    context = FunctionInvocationContext(function=start, arguments={"article": ""}, metadata={})
    (result,) = await start.invoke(arguments={"article": ""}, context=context)
    assert "article: String should have at least 1 character" in str(result.text)


async def test_a_field_that_is_not_offered_is_refused_although_the_orchestration_has_it() -> None:
    start, _ = create_run_tools(ORDERS, ["article"])
    given = {"article": "tea", "warehouse": "Ghent"}
    context = FunctionInvocationContext(function=start, arguments=given, metadata={})
    with pytest.raises(TypeError, match="warehouse"):
        await start.invoke(arguments=given, context=context)


async def test_an_output_that_is_not_in_the_history_is_told_to_the_model(tmp_path: Path) -> None:
    _, check = create_run_tools(ORDERS, ["article"])
    claims = ClaimCheck(tmp_path, Seal(lambda: [b"key"]), 100)
    run = {
        "name": "order_article",
        "instanceId": "r-1",
        "runtimeStatus": "Completed",
        "createdTime": "2026-01-01T09:00:00Z",
        "input": {"started_by": "s-1", **claims.shorten("r-1", {"article": "x" * 200})},
        "output": claims.shorten("r-1", "tea " * 100),
    }
    async with TaskHubServer() as server:
        server.script(200, run)
        hub = HubClient(server.client, asyncio.get_running_loop(), claims)
        metadata = {SESSION: "s-1", DURABLE_CLIENT: hub}
        context = FunctionInvocationContext(function=check, arguments={"run_id": "r-1"}, metadata=metadata)
        (result,) = await check.invoke(arguments={"run_id": "r-1"}, context=context)
    assert json.loads(str(result.text))["output"] == "tea " * 100


@pytest.mark.parametrize("fields", [["warehouse"], ["article", "colour"], ["article", "count"]])
def test_a_tool_that_could_not_start_or_offers_what_is_not_its_to_offer_is_refused(fields: list[str]) -> None:
    fixed = Orchestration(order_article, Order, defaults={"warehouse": "Bonn"}, fixed={"count": 2})
    with pytest.raises(ValueError, match="cannot offer"):
        create_run_tools(fixed, fields)
