"""Research the parts of a topic side by side, and write one report from those that succeeded.

Use it when the caller knows the parts, there may be many, and a report that lacks one is still worth having: it says
which are missing, and why. Not when the parts have to be found first (`deep_research`), when they are always the same
few (`topic_research`), or when one part needs the result of another.
"""

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, Field, field_validator

from agents.investigators import INVESTIGATOR, SYNTHESIZER, Findings, Report
from durable_agents import AgentError, AnswerError, OrchestrationContext, Steps, StepTimeoutError

Phrase = Annotated[str, Field(min_length=1, max_length=1_000, pattern=r"\S")]
_ANSWER_TIME = timedelta(minutes=5)


class SubtopicResearchInput(BaseModel):
    """What `subtopic_research` starts with: at most `width` subtopics are researched at the same time."""

    topic: Phrase
    subtopics: list[Phrase] = Field(min_length=1, max_length=50)
    width: int = Field(default=3, ge=1, le=10)

    @field_validator("subtopics")
    @classmethod
    def _check_different(cls, subtopics: list[str]) -> list[str]:
        twice = sorted({subtopic for subtopic in subtopics if subtopics.count(subtopic) > 1})
        if twice:
            raise ValueError(f"these are named more than once: {', '.join(twice)}. name each once")
        return subtopics


class SubtopicFindings(BaseModel):
    """What was found out about one subtopic; or without findings, why nothing was."""

    subtopic: str
    findings: Findings | None = None
    reason: str | None = None


class SubtopicResearchOutput(BaseModel):
    """The report, and what it was made of and was not, both in the order of the input."""

    report: Report
    researched: list[SubtopicFindings]
    failed: list[SubtopicFindings]


def subtopic_research(context: OrchestrationContext, request: SubtopicResearchInput) -> Steps[SubtopicResearchOutput]:
    """Research each subtopic, so many at a time, and write a report that says which of them are missing.

    Raises:
        RuntimeError: All of them failed; the message has the reason of each.
        AgentError: The report could not be written.
    """
    context.status("researching", subtopics=len(request.subtopics))
    parts = [_research(context, request.topic, subtopic) for subtopic in request.subtopics]
    results = yield from context.all(parts, width=request.width)
    researched, failed = [one for one in results if one.findings], [one for one in results if not one.findings]
    if not researched:
        reasons = "; ".join(f"{one.subtopic!r}: {one.reason}" for one in failed)
        raise RuntimeError(f"None of the {len(failed)} subtopics could be researched. {reasons}")
    context.status("writing", researched=len(researched), failed=len(failed))
    findings = [f"Part: {one.subtopic}\n{one.findings.as_text()}" for one in researched if one.findings]
    missing = [f"Missing: {one.subtopic}" for one in failed]
    message = "\n\n".join([f"Topic: {request.topic}", *findings, *missing])
    report = yield from context.ask(SYNTHESIZER, message, Report, timeout=_ANSWER_TIME)
    return SubtopicResearchOutput(report=report, researched=researched, failed=failed)


def _research(context: OrchestrationContext, topic: str, subtopic: str) -> Steps[SubtopicFindings]:
    message = f"Topic: {topic}\nPart: {subtopic}"
    try:
        findings = yield from context.ask(INVESTIGATOR, message, Findings, timeout=_ANSWER_TIME)
    except (AgentError, AnswerError, StepTimeoutError) as error:
        return SubtopicFindings(subtopic=subtopic, reason=str(error))
    return SubtopicFindings(subtopic=subtopic, findings=findings)
