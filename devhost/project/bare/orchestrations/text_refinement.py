"""One agent, asked twice in one session: draft, then improve the draft."""

from typing import Any

import azure.durable_functions as df
from pydantic import BaseModel, Field

from agents import writer
from agents.writer import Draft
from durable_agents.orchestration.ask import GetAgent, Steps, ask


class TextRefinementInput(BaseModel):
    """What `text_refinement` starts with."""

    topic: str = Field(min_length=1, max_length=4_000, pattern=r"\S")


class TextRefinementOutput(BaseModel):
    """The first version and the improved one."""

    first: Draft
    improved: Draft


def text_refinement(context: df.DurableOrchestrationContext, *, get_agent: GetAgent) -> Steps[dict[str, Any]]:
    """Have the Writer draft a paragraph, and improve it in the same session, where it knows the draft.

    Raises:
        AgentError: A model call failed.
        AnswerError: The answer does not have the form that was asked for.
    """
    request = TextRefinementInput.model_validate(context.get_input())
    agent = get_agent(context, writer.NAME)
    session = agent.create_session()
    first = yield from ask(agent, f"Write one short paragraph about: {request.topic}", Draft, session)
    improved = yield from ask(agent, "Improve your paragraph; at most 25 words in each sentence.", Draft, session)
    return TextRefinementOutput(first=first, improved=improved).model_dump(mode="json")
