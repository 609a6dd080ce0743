"""Do one research task: ask its questions at the same time, and follow up on what each answer leaves open.

Use it as a child, for work that is retried and recorded by itself: it has its own history, its own retries, and it is
done as a whole or fails as a whole, which is its parent's to judge. Not for a single question: ask the agent.
"""

from datetime import timedelta

from pydantic import BaseModel

from agents.investigators import INVESTIGATOR, Findings, ResearchTask
from durable_agents import OrchestrationContext, Retry, Steps

_RETRY = Retry(attempts=3, pause=timedelta(minutes=1))
_ANSWER_TIME = timedelta(minutes=15)


class Answer(BaseModel):
    """A question and what was found out about it."""

    question: str
    findings: Findings


class ResearchTaskOutput(BaseModel):
    """The answers, in the order of the questions."""

    goal: str
    answers: list[Answer]

    def as_text(self) -> str:
        """Return what the synthesizer reads of it."""
        return "\n\n".join(f"{answer.question}\n{answer.findings.as_text()}" for answer in self.answers)


def research_task(context: OrchestrationContext, request: ResearchTask) -> Steps[ResearchTaskOutput]:
    """Answer all questions of the task, each in a conversation of its own.

    Raises:
        AgentError: One of them could not be answered, in all attempts.
        StepTimeoutError: One of them took too long.
    """
    answers = yield from context.all([_answer(context, request.goal, question) for question in request.questions])
    return ResearchTaskOutput(goal=request.goal, answers=answers)


def _answer(context: OrchestrationContext, goal: str, question: str) -> Steps[Answer]:
    session, message = context.new_session(INVESTIGATOR), f"Topic: {goal}\nPart: {question}"
    for _ in range(2):
        findings = yield from context.ask(
            INVESTIGATOR, message, Findings, session=session, timeout=_ANSWER_TIME, retry=_RETRY
        )
        if not findings.open_points:
            break
        message = "\n".join(["Your open points:", *findings.open_points])
    return Answer(question=question, findings=findings)
