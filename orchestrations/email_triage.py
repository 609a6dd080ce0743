"""Triage one e-mail: quarantine it if it is spam, else answer it."""

from typing import Annotated, Any, Literal

import azure.durable_functions as df
from pydantic import BaseModel, Field

from activities.handle_spam_email import QuarantineReceipt, SpamReport, handle_spam_email
from activities.send_email import EmailReceipt, OutgoingEmail, send_email
from agents import email_assistant, spam_detector
from agents.email_assistant import EmailReply
from agents.spam_detector import SpamVerdict
from durable_agents.characters.mail_headers import HeaderLine, MailboxText, MessageId, find_machine_mark
from durable_agents.orchestration.ask import GetAgent, Steps, ask
from durable_agents.orchestration.side_effects import SIDE_EFFECT_RETRY, effect_key


class Email(BaseModel):
    """An e-mail that came in; encoded words in `sender` and `subject` are decoded.

    `message_id` is its Message-ID header, so that the reply joins the thread. `headers` are others of its headers: with
    `Auto-Submitted` and `Precedence` among them, what a machine has sent is told from what a human has.
    """

    sender: MailboxText
    subject: HeaderLine = Field(default="", max_length=1_000)
    body: str = Field(default="", max_length=100_000)
    message_id: MessageId | None = None
    headers: dict[str, Annotated[str, Field(max_length=4_000)]] = Field(default_factory=dict, max_length=100)


class EmailTriageInput(BaseModel):
    """What `email_triage` starts with. Spam needs a confidence above `spam_threshold`, from 0 to 1."""

    email: Email
    spam_threshold: float = Field(ge=0, le=1)


class EmailTriageOutput(BaseModel):
    """How the e-mail ended, why, and the proof. `reply` is set when it was answered.

    `ignored` is what is no spam and yet gets no reply, for a machine has sent it.
    """

    outcome: Literal["quarantined", "replied", "ignored"]
    reason: str
    verdict: SpamVerdict
    reply: EmailReply | None = None
    receipt: QuarantineReceipt | EmailReceipt | None = None


def email_triage(context: df.DurableOrchestrationContext, *, get_agent: GetAgent) -> Steps[dict[str, Any]]:
    """Classify the e-mail, then quarantine it or send a drafted reply, but none to a machine: it might answer for ever.

    Raises:
        AgentError: A model call failed.
        AnswerError: An agent's answer does not have the form it was asked for.
    """
    request = EmailTriageInput.model_validate(context.get_input())
    email = request.email

    verdict = yield from ask(get_agent(context, spam_detector.NAME), _as_text(email), SpamVerdict)
    if verdict.is_spam and verdict.confidence > request.spam_threshold:
        report = SpamReport(
            key=effect_key(context, "spam"),
            **email.model_dump(),
            confidence=verdict.confidence,
            reason=verdict.reason,
        )
        filed = yield context.call_activity_with_retry(
            handle_spam_email.__name__, SIDE_EFFECT_RETRY, report.model_dump(mode="json")
        )
        receipt = QuarantineReceipt.model_validate(filed)
        return _output("quarantined", _explain(verdict, request.spam_threshold), verdict, receipt)

    if mark := find_machine_mark(email.headers):
        reason = f"{_explain(verdict, request.spam_threshold)}\nNot answered: a machine sent it ({mark})."
        return _output("ignored", reason, verdict)

    reply = yield from ask(get_agent(context, email_assistant.NAME), _as_text(email), EmailReply)
    answer = OutgoingEmail(
        key=effect_key(context, "reply"),
        recipient=email.sender,
        subject=reply.subject,
        body=reply.body,
        in_reply_to=email.message_id,
    )
    sent = yield context.call_activity_with_retry(
        send_email.__name__, SIDE_EFFECT_RETRY, answer.model_dump(mode="json")
    )
    return _output(
        "replied", _explain(verdict, request.spam_threshold), verdict, EmailReceipt.model_validate(sent), reply
    )


def _as_text(email: Email) -> str:
    return f"From: {email.sender}\nSubject: {email.subject}\n\n{email.body}"


def _explain(verdict: SpamVerdict, threshold: float) -> str:
    judged = "spam" if verdict.is_spam else "not spam"
    return f"Judged {judged} with confidence {verdict.confidence:g} (threshold {threshold:g}): {verdict.reason}"


def _output(
    outcome: Literal["quarantined", "replied", "ignored"],
    reason: str,
    verdict: SpamVerdict,
    receipt: QuarantineReceipt | EmailReceipt | None = None,
    reply: EmailReply | None = None,
) -> dict[str, Any]:
    output = EmailTriageOutput(outcome=outcome, reason=reason, verdict=verdict, reply=reply, receipt=receipt)
    return output.model_dump(mode="json")
