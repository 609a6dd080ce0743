"""Two orchestrations: one asks two agents and acts once, one has a draft decided on, again and again."""

from typing import Literal

from pydantic import BaseModel, Field

from durable_agents import AuditEntry, OrchestrationContext, ReviewPolicy, ReviewReceipt, Steps
from durable_agents.mail import HeaderLine, MailboxText
from durable_agents.tests.app.agents import Draft, EmailReply, SpamVerdict
from durable_agents.tests.app.effects import Article, Letter, Receipt, escalate, publish, quarantine, send_reply


class Email(BaseModel):
    sender: MailboxText
    subject: HeaderLine = Field(default="", max_length=1_000)
    body: str = Field(default="", max_length=100_000)

    def as_text(self) -> str:
        return f"From: {self.sender}\nSubject: {self.subject}\n\n{self.body}"


class EmailTriageInput(BaseModel):
    email: Email
    spam_threshold: float = Field(ge=0, le=1)


class EmailTriageOutput(BaseModel):
    outcome: Literal["quarantined", "replied"]
    verdict: SpamVerdict
    reply: EmailReply | None = None
    receipt: Receipt


def email_triage(context: OrchestrationContext, request: EmailTriageInput) -> Steps[EmailTriageOutput]:
    """Have an e-mail judged, and file or answer it."""
    email = request.email
    verdict = yield from context.ask("SpamDetector", email.as_text(), SpamVerdict)
    if verdict.is_spam and verdict.confidence > request.spam_threshold:
        letter = Letter(address=email.sender, body=email.body, reason=verdict.reason)
        receipt = yield from context.call(quarantine, letter)
        return EmailTriageOutput(outcome="quarantined", verdict=verdict, receipt=receipt)
    reply = yield from context.ask("EmailAssistant", email.as_text(), EmailReply)
    receipt = yield from context.call(send_reply, Letter(address=email.sender, **reply.model_dump()))
    return EmailTriageOutput(outcome="replied", verdict=verdict, reply=reply, receipt=receipt)


class ContentApprovalInput(ReviewPolicy):
    topic: str = Field(min_length=1, max_length=4_000, pattern=r"\S")
    max_revisions: int = Field(ge=0, le=100)


class ContentApprovalOutput(BaseModel):
    outcome: Literal["published", "rejected", "escalated"] = "rejected"
    decisions: list[AuditEntry] = []
    notifications: list[ReviewReceipt] = []
    publication: Receipt | None = None
    escalation: Receipt | None = None


def content_approval(context: OrchestrationContext, request: ContentApprovalInput) -> Steps[ContentApprovalOutput]:
    """Have a text written, and decided on by its reviewers, then by the second one, until it is published or not."""
    output, session = ContentApprovalOutput(), context.new_session("Writer")
    message = f"Write an article about: {request.topic}"
    for attempt in range(1, request.max_revisions + 2):
        context.status("drafting", attempt=attempt)
        draft = yield from context.ask("Writer", message, Draft, session=session)
        review = yield from context.approve(draft.title, draft.content, request, attempt=attempt)
        output.decisions += review.decisions
        output.notifications += review.notifications
        article = Article(**draft.model_dump())
        if review.decision is None:
            output.outcome, output.escalation = "escalated", (yield from context.call(escalate, article))
        elif review.is_approved:
            output.outcome, output.publication = "published", (yield from context.call(publish, article))
        elif review.feedback:
            message = f"Revise your article. The reviewer's feedback: {review.feedback}"
            continue
        break
    return output
