"""An app of the agents package alone, with a graph workflow and the routes that the package generates for it."""

import asyncio
from typing import Never

from agent_framework import Executor, Workflow, WorkflowBuilder, WorkflowContext, handler, response_handler
from agent_framework_azurefunctions import AgentFunctionApp


class Order(Executor):
    """Notes what is wanted."""

    @handler
    async def order(self, article: str, ctx: WorkflowContext[str]) -> None:
        ctx.set_state("article", article)
        await ctx.send_message(article)


class Inquire(Executor):
    """Asks one shop, which takes its time."""

    def __init__(self, id: str, price: int, seconds: float) -> None:
        super().__init__(id)
        self._price, self._seconds = price, seconds

    @handler
    async def inquire(self, article: str, ctx: WorkflowContext[int]) -> None:
        await asyncio.sleep(self._seconds)
        await ctx.send_message(self._price)


class Choose(Executor):
    """Asks a human whether to buy at the best price."""

    @handler
    async def choose(self, prices: list[int], ctx: WorkflowContext[Never, str]) -> None:
        await ctx.request_info({"price": min(prices)}, bool)

    @response_handler
    async def decide(self, request: dict, approved: bool, ctx: WorkflowContext[Never, str]) -> None:
        price = request["price"] if approved else "not bought"
        await ctx.yield_output(f"{ctx.get_state('article')}: {price}")


def purchase() -> Workflow:
    order, choose = Order("order"), Choose("choose")
    shops = [Inquire("near", 5, 0.0), Inquire("far", 3, 0.1)]
    graph = WorkflowBuilder(name="purchase", start_executor=order)
    return graph.add_fan_out_edges(order, shops).add_fan_in_edges(shops, choose).build()


app = AgentFunctionApp(workflows=[purchase()])
