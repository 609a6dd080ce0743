"""Two orchestrations: one asks two agents and acts once, one has a draft decided on, again and again."""

from datetime import timedelta
from typing import Any, Literal

import azure.durable_functions as df
from pydantic import BaseModel, Field

from durable_agents.activities.review_channel import ReviewReceipt
from durable_agents.characters.mail_headers import HeaderLine, MailboxText
from durable_agents.orchestration.approval_requests import RecordedDecision, ReviewerName
from durable_agents.orchestration.ask import GetAgent, Steps, ask
from durable_agents.orchestration.asking import ask_reviewers
from durable_agents.orchestration.audit_log import DecisionTrail
from durable_agents.orchestration.effects import effect_key
from durable_agents.orchestration.retries import SIDE_EFFECT_RETRY
from durable_agents.orchestration.waiting import open_request
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


def email_triage(context: df.DurableOrchestrationContext, *, get_agent: GetAgent) -> Steps[dict[str, Any]]:
    """Have an e-mail judged, and file or answer it."""
    request = EmailTriageInput.model_validate(context.get_input())
    email, reply = request.email, None
    verdict = yield from ask(get_agent(context, "SpamDetector"), email.as_text(), SpamVerdict)
    if verdict.is_spam and verdict.confidence > request.spam_threshold:
        letter = Letter(key=effect_key(context, "spam"), address=email.sender, body=email.body, reason=verdict.reason)
        receipt = yield from act(context, quarantine, letter)
    else:
        reply = yield from ask(get_agent(context, "EmailAssistant"), email.as_text(), EmailReply)
        letter = Letter(key=effect_key(context, "reply"), address=email.sender, **reply.model_dump())
        receipt = yield from act(context, send_reply, letter)
    outcome: Literal["quarantined", "replied"] = "replied" if reply else "quarantined"
    return EmailTriageOutput(outcome=outcome, verdict=verdict, reply=reply, receipt=receipt).model_dump(mode="json")


class ContentApprovalInput(BaseModel):
    topic: str = Field(min_length=1, max_length=4_000, pattern=r"\S")
    max_revisions: int = Field(ge=0, le=100)
    approval_timeout_hours: float = Field(gt=0, le=24 * 365)
    reviewers: list[ReviewerName] = []
    required_approvals: int = 1
    second_reviewer: ReviewerName | None = None
    escalation_timeout_hours: float = 0


class ContentApprovalOutput(BaseModel):
    outcome: Literal["published", "rejected", "escalated"] = "rejected"
    decisions: list[RecordedDecision] = []
    notifications: list[ReviewReceipt] = []
    publication: Receipt | None = None
    escalation: Receipt | None = None


def content_approval(context: df.DurableOrchestrationContext, *, get_agent: GetAgent) -> Steps[dict[str, Any]]:
    """Have a text written, and decided on by its reviewers, then by the second one, until it is published or not."""
    request = ContentApprovalInput.model_validate(context.get_input())
    agent, trail, output = get_agent(context, "Writer"), DecisionTrail(context), ContentApprovalOutput()
    session, message = agent.create_session(), f"Write an article about: {request.topic}"
    rounds = [(request.reviewers, request.required_approvals, request.approval_timeout_hours)]
    if request.second_reviewer:
        rounds.append(([request.second_reviewer], 1, request.escalation_timeout_hours))

    for attempt in range(1, request.max_revisions + 2):
        trail.show({"stage": "drafting", "attempt": attempt})
        draft = yield from ask(agent, message, Draft, session)
        for number, (reviewers, required, hours) in enumerate(rounds):
            approval = open_request(
                context,
                **draft.model_dump(),
                attempt=attempt,
                expires_at=context.current_utc_datetime + timedelta(hours=hours),
                reviewers=reviewers,
                required_approvals=required,
                escalated=number > 0,
            )
            decision, told = yield from ask_reviewers(context, draft.title, draft.content, approval, trail)
            output.notifications += [told] if told else []
            if decision is not None:
                break
        article = Article(key=f"{context.instance_id}-{approval.request_id}", **draft.model_dump())
        if decision is None:
            output.outcome, output.escalation = "escalated", (yield from act(context, escalate, article))
        elif decision.approved:
            output.outcome, output.publication = "published", (yield from act(context, publish, article))
        elif decision.feedback:
            message = f"Revise your article. The reviewer's feedback: {decision.feedback}"
            continue
        break

    output.decisions = trail.decisions
    return output.model_dump(mode="json")


def act(context: df.DurableOrchestrationContext, effect: Any, payload: BaseModel) -> Steps[Receipt]:
    """Call an activity that leaves a receipt."""
    done = yield context.call_activity_with_retry(effect.__name__, SIDE_EFFECT_RETRY, payload.model_dump(mode="json"))
    return Receipt.model_validate(done)
