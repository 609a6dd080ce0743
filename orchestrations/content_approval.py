"""Write an article, have a human approve it, publish it."""

from datetime import timedelta
from typing import Any, Literal

import azure.durable_functions as df
from pydantic import BaseModel, Field, ValidationInfo, field_validator

from activities.escalate_for_review import Escalation, escalate_for_review
from activities.publish_content import Article, PublicationReceipt, publish_content
from agents import writer
from agents.writer import Draft
from durable_agents.activities.review_channel import ReviewReceipt
from durable_agents.characters.person_names import identity_of
from durable_agents.orchestration.approval_requests import ApprovalRequest, AuditEntry, ReviewerName
from durable_agents.orchestration.approvals import ask_reviewers, open_request
from durable_agents.orchestration.ask import GetAgent, Steps, ask
from durable_agents.orchestration.audit_log import AuditLog
from durable_agents.orchestration.side_effects import SIDE_EFFECT_RETRY
from durable_agents.settings.review import MAX_REVIEWERS, ReviewSettings


class ContentApprovalInput(BaseModel):
    """What `content_approval` starts with.

    A draft goes to all `reviewers` and is approved by `required_approvals` of them; nobody else's decision counts,
    unless nobody is named. When it is not settled within `approval_timeout_hours`, it goes to the `second_reviewer`,
    whose decision alone counts, for `escalation_timeout_hours`; with neither, it is escalated. At most `max_revisions`
    drafts follow the first one. All of it but `topic` and `max_revisions` is the deployment's to say.
    """

    topic: str = Field(min_length=1, max_length=4_000, pattern=r"\S")
    approval_timeout_hours: float = Field(gt=0, le=24 * 365)
    max_revisions: int = Field(ge=0, le=100)
    reviewers: list[ReviewerName] = Field(default=[], max_length=MAX_REVIEWERS)
    required_approvals: int = Field(default=1, ge=1, le=MAX_REVIEWERS)
    # Runs that were started without these two have none in their input, and end as they would have then.
    second_reviewer: ReviewerName | None = None
    escalation_timeout_hours: float = Field(default=0, ge=0, le=24 * 365)

    @field_validator("required_approvals")
    @classmethod
    def _can_be_reached(cls, required: int, info: ValidationInfo) -> int:
        reviewers = {identity_of(name) for name in info.data.get("reviewers", [])}
        if required > max(len(reviewers), 1):
            raise ValueError(f"only {len(reviewers)} different reviewers are asked")
        return required


class ContentApprovalOutput(BaseModel):
    """How the run ended: the last draft, every decision in order, the receipts of all that was sent or published.

    `untold` are the ids of requests of which the reviewers could not be told.
    """

    outcome: Literal["published", "rejected", "escalated"]
    draft: Draft | None = None
    decisions: list[AuditEntry] = []
    notifications: list[ReviewReceipt] = []
    untold: list[str] = []
    publication: PublicationReceipt | None = None
    escalation: ReviewReceipt | None = None


def approval_policy(review: ReviewSettings) -> dict[str, Any]:
    """Return who decides, how many of them and for how long they are asked, as this deployment is set up."""
    return {
        "approval_timeout_hours": review.approval_timeout_hours,
        "reviewers": list(review.reviewers),
        "required_approvals": review.required_approvals,
        "second_reviewer": review.second_reviewer,
        "escalation_timeout_hours": review.escalation_timeout_hours,
    }


def content_approval(context: df.DurableOrchestrationContext, *, get_agent: GetAgent) -> Steps[dict[str, Any]]:
    """Draft, ask reviewers, then publish, revise with the feedback, reject, or escalate when nobody decides in time.

    A rejection with feedback is revised as long as revisions are left; one without feedback is final.

    Raises:
        AgentError: A model call failed.
        AnswerError: The writer's answer does not have the form it was asked for.
    """
    request = ContentApprovalInput.model_validate(context.get_input())
    agent = get_agent(context, writer.NAME)
    session = agent.create_session()
    log = AuditLog(context)
    output = ContentApprovalOutput(outcome="rejected")
    message = f"Write an article about: {request.topic}"

    for attempt in range(1, request.max_revisions + 2):
        log.show({"stage": "drafting", "attempt": attempt})
        output.draft = yield from ask(agent, message, Draft, session)
        approval = _open_request(context, request, output.draft, attempt)
        decision = yield from _review(context, approval, log, output)
        if decision is None and request.second_reviewer and request.escalation_timeout_hours:
            approval = _open_request(context, request, output.draft, attempt, escalated=True)
            decision = yield from _review(context, approval, log, output)

        if decision is None:
            output.outcome = "escalated"
            output.escalation = yield from _escalate(context, output.draft, approval)
            break
        if decision.approved:
            output.outcome = "published"
            output.publication = yield from _publish(context, output.draft, approval)
            break
        if not decision.feedback:
            break
        message = f"Revise your article. The reviewer's feedback: {decision.feedback}"

    output.decisions = log.decisions
    return output.model_dump(mode="json")


def _open_request(
    context: df.DurableOrchestrationContext,
    request: ContentApprovalInput,
    draft: Draft,
    attempt: int,
    *,
    escalated: bool = False,
) -> ApprovalRequest:
    second = request.second_reviewer if escalated else None
    hours = request.escalation_timeout_hours if escalated else request.approval_timeout_hours
    return open_request(
        context,
        title=draft.title,
        content=draft.content,
        attempt=attempt,
        expires_at=context.current_utc_datetime + timedelta(hours=hours),
        reviewers=[second] if second else request.reviewers,
        required_approvals=1 if second else request.required_approvals,
        escalated=escalated,
    )


def _review(
    context: df.DurableOrchestrationContext,
    approval: ApprovalRequest,
    log: AuditLog,
    output: ContentApprovalOutput,
) -> Steps[AuditEntry | None]:
    """Put the draft to the reviewers of this request and return what they decide, or None if they do not in time."""
    draft = output.draft
    assert draft is not None
    decision, receipt = yield from ask_reviewers(context, draft.title, draft.content, approval, log)
    if receipt is None:
        output.untold.append(approval.request_id)
    else:
        output.notifications.append(receipt)
    return decision


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
