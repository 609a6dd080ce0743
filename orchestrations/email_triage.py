"""Triage one e-mail: quarantine it if it is spam, else answer it."""

from email.utils import getaddresses
from typing import Annotated, Any, Literal

import azure.durable_functions as df
from pydantic import AfterValidator, BaseModel, Field

from activities.handle_spam_email import QuarantineReceipt, SpamReport, handle_spam_email
from activities.send_email import EmailReceipt, OutgoingEmail, send_email
from agents import email_assistant, spam_detector
from agents.email_assistant import EmailReply
from agents.spam_detector import SpamVerdict
from hosting.agents.calls import GetAgent, Steps, ask
from hosting.effects import effect_key
from hosting.retries import SIDE_EFFECT_RETRY


def _check_address(text: str) -> str:
    addresses = [address for _, address in getaddresses([text])]
    local_part, _, domain = "".join(addresses).rpartition("@")
    if len(addresses) != 1 or not local_part or not domain or not text.isprintable():
        raise ValueError("must be an e-mail address such as 'ada@example.com' or 'Ada <ada@example.com>'")
    return text


class Email(BaseModel):
    """An e-mail that came in. `message_id` is its Message-ID header, so that the reply joins the thread."""

    sender: Annotated[str, Field(max_length=320, pattern=r"[^@\s]@[^@\s]"), AfterValidator(_check_address)]
    subject: str = Field(default="", max_length=1_000)
    body: str = Field(default="", max_length=100_000)
    message_id: str | None = Field(default=None, max_length=998, pattern=r"^[\x21-\x7e]+$")


class EmailTriageInput(BaseModel):
    """What `email_triage` starts with. Spam needs a confidence above `spam_threshold`, from 0 to 1."""

    email: Email
    spam_threshold: float = Field(ge=0, le=1)


class EmailTriageOutput(BaseModel):
    """How the e-mail ended, why, and the proof. `reply` is set when it was answered."""

    outcome: Literal["quarantined", "replied"]
    reason: str
    verdict: SpamVerdict
    reply: EmailReply | None = None
    receipt: QuarantineReceipt | EmailReceipt


def email_triage(context: df.DurableOrchestrationContext, *, get_agent: GetAgent) -> Steps[dict[str, Any]]:
    """Classify the e-mail, then quarantine it or send a drafted reply.

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
    outcome: Literal["quarantined", "replied"],
    reason: str,
    verdict: SpamVerdict,
    receipt: QuarantineReceipt | EmailReceipt,
    reply: EmailReply | None = None,
) -> dict[str, Any]:
    output = EmailTriageOutput(outcome=outcome, reason=reason, verdict=verdict, reply=reply, receipt=receipt)
    return output.model_dump(mode="json")
