"""Route a question to the specialist for it; what is unclear, or for nobody, goes to the front desk, which asks back.

Use it when inputs fall into a few kinds that need different instructions, tools or models, and a cheap model can tell
them apart. Not when one agent with all the tools answers as well (that is one model call less), nor when what is to be
done is found out on the way (`deep_research`, where a planner decides).
"""

from datetime import timedelta

from pydantic import BaseModel, Field

from agents import support_desk
from agents.support_desk import Category, Classification
from durable_agents import OrchestrationContext, Steps

_SPECIALISTS: dict[Category, str] = {
    "billing": support_desk.BILLING,
    "technical": support_desk.TECHNICAL,
    "general": support_desk.GENERAL,
}
# Somebody waits for the answer; a turn that is tried again may take longer than anybody does.
_PATIENCE = timedelta(minutes=3)


class SupportRoutingInput(BaseModel):
    """What `support_routing` starts with. A specialist answers when the classifier has `min_confidence`, from 0 to 1.

    `customer_number` is what the caller knows of who asks, not what the question says.
    """

    question: str = Field(min_length=1, max_length=10_000, pattern=r"\S")
    customer_number: str | None = Field(default=None, pattern=r"^C-[0-9]{1,10}$")
    min_confidence: float = Field(default=0.7, ge=0, le=1)

    def as_text(self) -> str:
        """Return what a specialist reads of it."""
        return f"{self.question}\n\nCustomer number: {self.customer_number or 'not known'}"


class SupportRoutingOutput(BaseModel):
    """The reply, the agent it is from, and what the classifier said of the question."""

    reply: str
    answered_by: str
    classification: Classification


def support_routing(context: OrchestrationContext, request: SupportRoutingInput) -> Steps[SupportRoutingOutput]:
    """Classify the question, and have whoever it is for answer it: a specialist only with enough confidence.

    Raises:
        AgentError: A model call failed.
        AnswerError: The classifier's answer does not have the form it was asked for.
        StepTimeoutError: An agent did not answer in time.
    """
    context.status("classifying")
    found = yield from context.ask(support_desk.CLASSIFIER, request.question, Classification, timeout=_PATIENCE)
    is_sure = found.confidence >= request.min_confidence
    agent = _SPECIALISTS.get(found.category, support_desk.FRONT_DESK) if is_sure else support_desk.FRONT_DESK
    context.status("answering", agent=agent)
    reply = yield from context.ask(agent, request.as_text(), timeout=_PATIENCE)
    return SupportRoutingOutput(reply=reply, answered_by=agent, classification=found)
