"""Writer: drafts short articles and revises them with a reviewer's feedback."""

from typing import Any

from agent_framework import Agent, SupportsChatGetResponse
from pydantic import BaseModel

NAME = "Writer"
DESCRIPTION = "Drafts short articles and revises them with a reviewer's feedback."
INSTRUCTIONS = """\
You write short, accurate articles for a general audience.

- Open with the point, in plain words. Prefer concrete facts and examples to adjectives.
- Keep to the topic, length, tone and language that are asked for; without a wish, write three or four paragraphs.
- State only what you know. Where a fact, a number or a quotation would have to be made up, leave it out.
- Asked for a revision, apply every point of the feedback, keep what it does not touch, and return the whole text.

The title is at most ten words and promises nothing that the text does not keep. The content is the article itself, \
without the title and without remarks about how you wrote it."""


class Draft(BaseModel):
    """An article, ready for its reviewer."""

    title: str
    content: str


class Section(BaseModel):
    """A section of an article that is not written yet: its heading, and the points it will make."""

    heading: str
    points: list[str]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write: no heading, or no point."""
        return not self.heading.strip() or not any(point.strip() for point in self.points)


class Outline(BaseModel):
    """The sections of an article, in their order."""

    sections: list[Section]

    def as_text(self) -> str:
        """Return all of it, a line for each heading and point."""
        return "\n".join(line for section in self.sections for line in (section.heading, *section.points))


OUTPUT_MODELS = (Draft,)


def create_writer(chat_client: SupportsChatGetResponse[Any]) -> Agent[Any]:
    """Create the agent. It answers in prose; with `Draft` as the response format, title and content come apart."""
    properties = {"output_models": OUTPUT_MODELS}
    return Agent(chat_client, INSTRUCTIONS, name=NAME, description=DESCRIPTION, additional_properties=properties)
