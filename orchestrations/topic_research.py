"""Have three researchers look at a topic from different sides at the same time, and their findings summed up.

Use it when the sides of a question are known beforehand and do not depend on each other: it takes as long as the
slowest one. Not when the parts come with the input (`subtopic_research`) or from a model (`deep_research`), nor when
one builds on the other (`document_publishing`).
"""

from datetime import timedelta

from pydantic import BaseModel, Field

from agents import research_team
from agents.research_team import Summary
from durable_agents import AgentError, OrchestrationContext, Steps, StepTimeoutError

_QUESTIONS = {
    research_team.BACKGROUND: "What is it, how does it work, and how did it come about? The topic:",
    research_team.PRACTICE: "Who does it in practice, with what effort, and what comes of it? The topic:",
    research_team.RISK: "What speaks against it, and what is done about that? The topic:",
}
# One side may be missing; a summary of a single one would be taken for a view of the whole.
_ENOUGH = 2
_PATIENCE = timedelta(minutes=5)


class TopicResearchInput(BaseModel):
    """What `topic_research` starts with."""

    topic: str = Field(min_length=1, max_length=4_000, pattern=r"\S")


class Finding(BaseModel):
    """What one researcher has found, or why it has not."""

    researcher: str
    text: str | None = None
    failure: str | None = None

    def as_text(self) -> str:
        """Return what the summarizer reads of it."""
        return f"{self.researcher}:\n{self.text or 'Nothing: this side of the topic is missing.'}"


class TopicResearchOutput(BaseModel):
    """The summary, what it was made of, and the researchers whose side is missing from it."""

    summary: Summary
    findings: list[Finding]
    missing: list[str]


class TooLittleFoundError(Exception):
    """Fewer than two researchers have found anything."""


def topic_research(context: OrchestrationContext, request: TopicResearchInput) -> Steps[TopicResearchOutput]:
    """Ask all researchers at once, then the summarizer. One that fails is reported, and its side said to be missing.

    Raises:
        TooLittleFoundError: More than one researcher failed.
        AgentError: The summarizer's model call failed.
        AnswerError: The summarizer's answer does not have the form it was asked for.
    """
    context.status("researching", researchers=list(_QUESTIONS))
    findings = yield from context.all([_find(context, researcher, request.topic) for researcher in _QUESTIONS])
    missing = [finding.researcher for finding in findings if finding.text is None]
    if len(findings) - len(missing) < _ENOUGH:
        raise TooLittleFoundError(" ".join(finding.failure for finding in findings if finding.failure))
    context.status("summing up", missing=missing)
    texts = "\n\n".join(finding.as_text() for finding in findings)
    summary = yield from context.ask(research_team.SUMMARIZER, f"Topic: {request.topic}\n\n{texts}", Summary)
    return TopicResearchOutput(summary=summary, findings=findings, missing=missing)


def _find(context: OrchestrationContext, researcher: str, topic: str) -> Steps[Finding]:
    try:
        text = yield from context.ask(researcher, f"{_QUESTIONS[researcher]} {topic}", timeout=_PATIENCE)
    except (AgentError, StepTimeoutError) as error:
        return Finding(researcher=researcher, failure=str(error))
    return Finding(researcher=researcher, text=text)
