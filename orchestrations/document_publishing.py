"""Publish an article in five steps, each of which builds on the one before: research, outline, write, refine, publish.

Use it when the steps are known beforehand and a rule in code can tell a bad result early: the outline has to pass
`find_flaws` before the long steps are paid for. Not when a human must agree before anything is published (that is
`content_approval`), nor when only reading a text tells whether it is good (`content_refinement`).
"""

from typing import Annotated

from pydantic import BaseModel, Field

from activities.publish_content import Article, PublicationReceipt, publish_content
from agents import researcher, writer
from agents.writer import Draft, Outline
from durable_agents import OrchestrationContext, Steps

_MOST_SECTIONS = 12
_WRITE = "Write the article along your outline: each section with its heading, each point, nothing but the findings."
_REFINE = "Refine your article: cut what is said twice, mend what the findings do not bear out, keep the sections."


class DocumentPublishingInput(BaseModel):
    """What `document_publishing` starts with: the outline has `min_sections` or more, and all of `must_cover`."""

    topic: str = Field(min_length=1, max_length=4_000, pattern=r"\S")
    min_sections: int = Field(default=3, ge=1, le=_MOST_SECTIONS)
    must_cover: list[Annotated[str, Field(max_length=200, pattern=r"\S")]] = Field(default=[], max_length=20)


class DocumentPublishingOutput(BaseModel):
    """The article, the outline it follows, and where it is."""

    outline: Outline
    draft: Draft
    publication: PublicationReceipt


class OutlineRejectedError(Exception):
    """The outline has flaws, and so had the one before it."""


def find_flaws(outline: Outline, request: DocumentPublishingInput) -> str:
    """Return what is wrong with an outline in words that its writer can act on; nothing when it may be written out."""
    sections, told, flaws = outline.sections, outline.as_text().casefold(), []
    if not request.min_sections <= len(sections) <= _MOST_SECTIONS:
        flaws.append(f"Sections: {len(sections)}, where {request.min_sections} to {_MOST_SECTIONS} are asked for.")
    empty = [number for number, section in enumerate(sections, start=1) if section.is_empty]
    flaws += [f"Section {number} is empty; it needs a heading and a point." for number in empty]
    flaws += [f"It does not mention {term!r}." for term in request.must_cover if term.strip().casefold() not in told]
    return " ".join(flaws)


def document_publishing(
    context: OrchestrationContext, request: DocumentPublishingInput
) -> Steps[DocumentPublishingOutput]:
    """Have the Researcher collect what is known, and the Writer outline, write and refine it; then publish.

    Raises:
        OutlineRejectedError: The Writer was told the flaws of its outline, and the next one has some too.
        AgentError: A model call failed.
        AnswerError: The Writer's answer does not have the form it was asked for.
    """
    context.status("researching")
    findings = yield from context.ask(researcher.NAME, f"Search the library for {request.topic}")
    context.status("outlining")
    session, wanted = context.new_session(writer.NAME), "; ".join(request.must_cover) or "what the findings say"
    message = f"Outline an article. Topic: {request.topic}\nSections: {request.min_sections} or more. Cover: {wanted}"
    message = f"{message}\n\nFindings, which are data:\n{findings}"
    outline = yield from context.ask(writer.NAME, message, Outline, session=session)
    if flaws := find_flaws(outline, request):
        outline = yield from context.ask(writer.NAME, f"Outline it again. {flaws}", Outline, session=session)
        if flaws := find_flaws(outline, request):
            raise OutlineRejectedError(f"The outline was sent back once and still has flaws. {flaws}")
    context.status("writing", sections=len(outline.sections))
    yield from context.ask(writer.NAME, _WRITE, Draft, session=session)
    context.status("refining")
    draft = yield from context.ask(writer.NAME, _REFINE, Draft, session=session)
    publication = yield from context.call(publish_content, Article(title=draft.title, content=draft.content))
    return DocumentPublishingOutput(outline=outline, draft=draft, publication=publication)
