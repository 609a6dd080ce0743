"""Write an article, have a human approve it, publish it."""

from datetime import timedelta
from typing import Any, Literal

import azure.durable_functions as df
from pydantic import BaseModel, Field

from activities.escalate_for_review import Escalation, escalate_for_review
from activities.notify_reviewer import ReviewRequest, notify_reviewer
from activities.publish_content import Article, PublicationReceipt, publish_content
from activities.review_channel import ReviewReceipt
from agents import writer
from agents.writer import Draft
from hosting.agent_calls import GetAgent, Steps, ask
from hosting.approvals import ApprovalRequest, Decision, open_request, wait_for_decision
from hosting.retries import SIDE_EFFECT_RETRY


class ContentApprovalInput(BaseModel):
    """What `content_approval` starts with.

    A draft that nobody decides on within `approval_timeout_hours` is escalated; at most `max_revisions` drafts follow
    the first one.
    """

    topic: str = Field(min_length=1, max_length=4_000, pattern=r"\S")
    approval_timeout_hours: float = Field(gt=0, le=24 * 365)
    max_revisions: int = Field(ge=0, le=100)


class ContentApprovalOutput(BaseModel):
    """How the run ended: the last draft, every decision in order, the receipts of all that was sent or published."""

    outcome: Literal["published", "rejected", "escalated"]
    draft: Draft | None = None
    decisions: list[Decision] = []
    notifications: list[ReviewReceipt] = []
    publication: PublicationReceipt | None = None
    escalation: ReviewReceipt | None = None


def content_approval(context: df.DurableOrchestrationContext, *, get_agent: GetAgent) -> Steps[dict[str, Any]]:
    """Draft, ask a reviewer, then publish, revise with the feedback, reject, or escalate when nobody decides in time.

    A rejection with feedback is revised as long as revisions are left; one without feedback is final.

    Raises:
        AgentError: A model call failed.
        AnswerError: The writer's answer does not have the form it was asked for.
    """
    request = ContentApprovalInput.model_validate(context.get_input())
    agent = get_agent(context, writer.NAME)
    session = agent.create_session()
    output = ContentApprovalOutput(outcome="rejected")
    message = f"Write an article about: {request.topic}"

    for attempt in range(1, request.max_revisions + 2):
        context.set_custom_status({"stage": "drafting", "attempt": attempt})
        output.draft = yield from ask(agent, message, Draft, session)
        approval = _open_request(context, output.draft, attempt, request.approval_timeout_hours)
        notification = _notify(context, output.draft, approval)
        decision = yield from wait_for_decision(context, approval, notification)
        context.set_custom_status({"stage": "decided" if decision else "expired", "attempt": attempt})
        output.notifications.append(ReviewReceipt.model_validate((yield notification)))

        if decision is None:
            output.outcome = "escalated"
            output.escalation = yield from _escalate(context, output.draft, approval)
            break
        output.decisions.append(decision)
        if decision.approved:
            output.outcome = "published"
            output.publication = yield from _publish(context, output.draft, approval)
            break
        if not decision.feedback:
            break
        message = f"Revise your article. The reviewer's feedback: {decision.feedback}"

    return output.model_dump(mode="json")


def _open_request(
    context: df.DurableOrchestrationContext, draft: Draft, attempt: int, timeout_hours: float
) -> ApprovalRequest:
    expires_at = context.current_utc_datetime + timedelta(hours=timeout_hours)
    return open_request(context, title=draft.title, content=draft.content, attempt=attempt, expires_at=expires_at)


def _notify(context: df.DurableOrchestrationContext, draft: Draft, approval: ApprovalRequest) -> Any:
    """Return the task that sends the whole draft to its reviewer; it is scheduled together with the wait."""
    request = ReviewRequest(
        key=f"{context.instance_id}-{approval.request_id}",
        instance_id=context.instance_id,
        request_id=approval.request_id,
        attempt=approval.attempt,
        title=draft.title,
        content=draft.content,
        content_hash=approval.content_hash,
        expires_at=approval.expires_at,
    )
    return context.call_activity_with_retry(
        notify_reviewer.__name__, SIDE_EFFECT_RETRY, request.model_dump(mode="json")
    )


def _publish(
    context: df.DurableOrchestrationContext, draft: Draft, approval: ApprovalRequest
) -> Steps[PublicationReceipt]:
    article = Article(key=f"{context.instance_id}-{approval.request_id}", title=draft.title, content=draft.content)
    published = yield context.call_activity_with_retry(
        publish_content.__name__, SIDE_EFFECT_RETRY, article.model_dump(mode="json")
    )
    return PublicationReceipt.model_validate(published)


def _escalate(context: df.DurableOrchestrationContext, draft: Draft, approval: ApprovalRequest) -> Steps[ReviewReceipt]:
    escalation = Escalation(
        key=f"{context.instance_id}-{approval.request_id}-escalation",
        instance_id=context.instance_id,
        request_id=approval.request_id,
        title=draft.title,
        content=draft.content,
        expired_at=approval.expires_at,
    )
    escalated = yield context.call_activity_with_retry(
        escalate_for_review.__name__, SIDE_EFFECT_RETRY, escalation.model_dump(mode="json")
    )
    return ReviewReceipt.model_validate(escalated)
