"""Triage one e-mail: quarantine it if it is spam, else answer it."""

from typing import Literal

from pydantic import BaseModel, Field

from activities.handle_spam_email import QuarantineReceipt, SpamReport, handle_spam_email
from activities.send_email import Email, EmailReceipt, OutgoingEmail, send_email
from agents import email_assistant, spam_detector
from agents.email_assistant import EmailReply
from agents.spam_detector import SpamVerdict
from durable_agents import OrchestrationContext, Steps
from durable_agents.mail import find_machine_mark


class EmailTriageInput(BaseModel):
    """What `email_triage` starts with. Spam needs a confidence above `spam_threshold`, from 0 to 1."""

    email: Email
    spam_threshold: float = Field(ge=0, le=1)


class EmailTriageOutput(BaseModel):
    """How the e-mail ended, why, and the proof: `ignored` is no spam, but sent by a machine, which gets no reply."""

    outcome: Literal["quarantined", "replied", "ignored"]
    reason: str
    verdict: SpamVerdict
    reply: EmailReply | None = None
    receipt: QuarantineReceipt | EmailReceipt | None = None


def email_triage(context: OrchestrationContext, request: EmailTriageInput) -> Steps[EmailTriageOutput]:
    """Classify the e-mail, then quarantine it or send a drafted reply, but none to a machine: it might answer for ever.

    Raises:
        AgentError: A model call failed.
        AnswerError: An agent's answer does not have the form it was asked for.
    """
    email = request.email
    verdict = yield from context.ask(spam_detector.NAME, email.as_text(), SpamVerdict)
    reason = verdict.explain(request.spam_threshold)
    if verdict.is_spam and verdict.confidence > request.spam_threshold:
        report = SpamReport(**email.model_dump(), confidence=verdict.confidence, reason=verdict.reason)
        filed = yield from context.call(handle_spam_email, report)
        return EmailTriageOutput(outcome="quarantined", reason=reason, verdict=verdict, receipt=filed)
    if mark := find_machine_mark(email.headers):
        reason = f"{reason}\nNot answered: a machine sent it ({mark})."
        return EmailTriageOutput(outcome="ignored", reason=reason, verdict=verdict)
    reply = yield from context.ask(email_assistant.NAME, email.as_text(), EmailReply)
    sent = yield from context.call(send_email, OutgoingEmail.replying_to(email, reply.subject, reply.body))
    return EmailTriageOutput(outcome="replied", reason=reason, verdict=verdict, reply=reply, receipt=sent)
