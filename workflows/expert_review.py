"""Have a question of science answered from two sides at the same time.

    parse_question -+-> Physicist -+-> aggregate
                    +-> Chemist ---+

Use it as the form of a fan-out and fan-in: the experts know nothing of each other, and `aggregate` gets what all of
them have said once the last one has. A run begins with the question as plain text.
"""

from typing import Any, Literal, Never

from agent_framework import (
    AgentExecutorResponse,
    Executor,
    SupportsAgentRun,
    SupportsChatGetResponse,
    Workflow,
    WorkflowBuilder,
    WorkflowContext,
    handler,
)
from pydantic import BaseModel

from agents.science_experts import create_chemist, create_physicist

NAME = "expert_review"
# In the state of a run, which all its executors share.
_QUESTION = "question"
_LONGEST_QUESTION = 4_000


class ExpertAnswer(BaseModel):
    """What one expert says."""

    expert: str
    answer: str


class ReviewedQuestion(BaseModel):
    """The question, and what each expert says; a question that is none is not put to them."""

    question: str
    outcome: Literal["answered", "no_question"]
    answers: list[ExpertAnswer] = []


class ParseQuestion(Executor):
    """Takes the blanks off the question, and keeps it in the state of the run."""

    def __init__(self) -> None:
        super().__init__("parse_question")

    @handler
    async def parse(self, text: str, ctx: WorkflowContext[str, ReviewedQuestion]) -> None:
        """Put the question to the experts, if it is one."""
        question = " ".join(text.split())
        if not question or len(question) > _LONGEST_QUESTION:
            await ctx.yield_output(ReviewedQuestion(question=question[:_LONGEST_QUESTION], outcome="no_question"))
            return
        ctx.set_state(_QUESTION, question)
        await ctx.send_message(question)


class Aggregate(Executor):
    """Puts together what the experts have said."""

    def __init__(self) -> None:
        super().__init__("aggregate")

    @handler
    async def aggregate(
        self, responses: list[AgentExecutorResponse], ctx: WorkflowContext[Never, ReviewedQuestion]
    ) -> None:
        """Read the answers of all experts, in the order of the experts."""
        answers = [ExpertAnswer(expert=one.executor_id, answer=one.agent_response.text) for one in responses]
        await ctx.yield_output(ReviewedQuestion(question=ctx.get_state(_QUESTION), outcome="answered", answers=answers))


def create_expert_review(chat_client: SupportsChatGetResponse[Any]) -> Workflow:
    """Build the graph."""
    parse, aggregate = ParseQuestion(), Aggregate()
    experts: list[Executor | SupportsAgentRun] = [create_physicist(chat_client), create_chemist(chat_client)]
    description = "Answers a question of science as a physicist and as a chemist."
    graph = WorkflowBuilder(name=NAME, description=description, start_executor=parse, output_from=[parse, aggregate])
    return graph.add_fan_out_edges(parse, experts).add_fan_in_edges(experts, aggregate).build()
