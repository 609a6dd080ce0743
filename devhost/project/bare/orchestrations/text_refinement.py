"""One agent, asked twice in one session: draft, then improve the draft."""

from pydantic import BaseModel, Field

from agents import writer
from agents.writer import Draft
from durable_agents import OrchestrationContext, Steps


class TextRefinementInput(BaseModel):
    """What `text_refinement` starts with."""

    topic: str = Field(min_length=1, max_length=4_000, pattern=r"\S")


class TextRefinementOutput(BaseModel):
    """The first version and the improved one."""

    first: Draft
    improved: Draft


def text_refinement(context: OrchestrationContext, request: TextRefinementInput) -> Steps[TextRefinementOutput]:
    """Have the Writer draft a paragraph, and improve it in the same session, where it knows the draft.

    Raises:
        AgentError: A model call failed.
        AnswerError: The answer does not have the form that was asked for.
    """
    session = context.new_session(writer.NAME)
    message = f"Write one short paragraph about: {request.topic}"
    first = yield from context.ask(writer.NAME, message, Draft, session=session)
    message = "Improve your paragraph; at most 25 words in each sentence."
    improved = yield from context.ask(writer.NAME, message, Draft, session=session)
    return TextRefinementOutput(first=first, improved=improved)
