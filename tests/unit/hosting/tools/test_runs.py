"""What the model sees of the tools; that they start and find runs is shown over HTTP."""

from agent_framework import FunctionInvocationContext
from pydantic import BaseModel, Field

from hosting.registration import Orchestration
from hosting.tools.runs import create_run_tools


class Order(BaseModel):
    article: str = Field(min_length=1)
    warehouse: str
    count: int = 1


def order_article() -> None:
    """Order an article.

    More than the model has to know.
    """


def test_the_model_is_told_what_it_can_start_and_with_what() -> None:
    start, check = create_run_tools(Orchestration(order_article, Order, defaults={"warehouse": "Bonn"}))
    assert (start.name, check.name) == ("start_order_article", "check_order_article")
    assert start.description.endswith("Order an article.")
    assert list(start.parameters()["properties"]) == ["article", "warehouse", "count"]
    assert start.parameters()["required"] == ["article"]
    assert check.parameters()["required"] == ["run_id"]


async def test_input_that_does_not_fit_is_no_start() -> None:
    start, _ = create_run_tools(Orchestration(order_article, Order, defaults={"warehouse": "Bonn"}))
    context = FunctionInvocationContext(function=start, arguments={"article": ""}, metadata={})
    (result,) = await start.invoke(arguments={"article": ""}, context=context)
    assert "article: String should have at least 1 character" in str(result.text)
