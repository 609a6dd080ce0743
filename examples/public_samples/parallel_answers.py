"""Two agents, asked the same at the same time."""

from typing import Any

import azure.durable_functions as df
from pydantic import BaseModel, Field

from agents import researcher, writer
from durable_agents.orchestration.ask import GetAgent, Steps, ask_together


class ParallelAnswersInput(BaseModel):
    """What `parallel_answers` starts with."""

    question: str = Field(min_length=1, max_length=4_000, pattern=r"\S")


class Answer(BaseModel):
    """What one of the agents has to say."""

    text: str


class ParallelAnswersOutput(BaseModel):
    """The answer of each agent, by its role."""

    writer: str
    researcher: str


def parallel_answers(context: df.DurableOrchestrationContext, *, get_agent: GetAgent) -> Steps[dict[str, Any]]:
    """Ask Writer and Researcher at the same time, each in a session of its own, and return both answers.

    Raises:
        AgentError: A model call failed.
        AnswerError: An answer does not have the form that was asked for.
    """
    request = ParallelAnswersInput.model_validate(context.get_input())
    agents = [get_agent(context, writer.NAME), get_agent(context, researcher.NAME)]
    written, researched = yield from ask_together(context, agents, request.question, Answer)
    return ParallelAnswersOutput(writer=written.text, researcher=researched.text).model_dump(mode="json")
