"""Two agents, asked the same at the same time."""

from pydantic import BaseModel, Field

from agents import researcher, writer
from durable_agents import OrchestrationContext, Steps


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


def parallel_answers(context: OrchestrationContext, request: ParallelAnswersInput) -> Steps[ParallelAnswersOutput]:
    """Ask Writer and Researcher at the same time, each in a session of its own, and return both answers.

    Raises:
        AgentError: A model call failed.
        AnswerError: An answer does not have the form that was asked for.
    """
    agents = (writer.NAME, researcher.NAME)
    written, researched = yield from context.all([context.ask(agent, request.question, Answer) for agent in agents])
    return ParallelAnswersOutput(writer=written.text, researcher=researched.text)
