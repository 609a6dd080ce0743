"""A graph that asks three humans at once, each under a policy of its own; the times are short."""

from datetime import timedelta
from typing import Never

from agent_framework import Executor, Workflow, WorkflowBuilder, WorkflowContext, handler, response_handler
from pydantic import BaseModel

from durable_agents import AgentFunctionApp, RequestPolicy


class Plan(BaseModel):
    topic: str
    with_law: bool = False


class Question(BaseModel):
    topic: str


class Budget(Question):
    pass


class Law(Question):
    pass


class Colour(Question):
    pass


class Vote(BaseModel):
    is_approved: bool
    at_most: int | None = None


class Begin(Executor):
    @handler
    async def begin(self, plan: Plan, ctx: WorkflowContext[Never, str]) -> None:
        await ctx.request_info(Budget(topic=plan.topic), Vote, request_id="budget")
        await ctx.request_info(Colour(topic=plan.topic), str, request_id="colour")
        if plan.with_law:
            await ctx.request_info(Law(topic=plan.topic), Vote, request_id="law")

    @response_handler
    async def budget(self, question: Budget, vote: Vote, ctx: WorkflowContext[Never, str]) -> None:
        await ctx.yield_output(f"budget {vote.is_approved} {vote.at_most}")

    @response_handler
    async def law(self, question: Law, vote: Vote, ctx: WorkflowContext[Never, str]) -> None:
        await ctx.yield_output(f"law {vote.is_approved}")

    @response_handler
    async def colour(self, question: Colour, colour: str, ctx: WorkflowContext[Never, str]) -> None:
        await ctx.yield_output(f"colour {colour}")


def plans() -> Workflow:
    return WorkflowBuilder(name="plans", start_executor=Begin("begin")).build()


app = AgentFunctionApp(
    workflows=[plans()],
    request_policies=[
        {Budget: RequestPolicy(reviewers=["ada", "bob"]), Law: RequestPolicy(expires_after=timedelta(seconds=1))},
        {Colour: RequestPolicy(expires_after=timedelta(seconds=1), otherwise="blue")},
    ],
)
