"""Write an article, have a human approve it, publish it."""

from typing import Literal

from pydantic import BaseModel, Field

from activities.escalate_for_review import Escalation, escalate_for_review
from activities.publish_content import Article, PublicationReceipt, publish_content
from agents import writer
from agents.writer import Draft
from durable_agents import AuditEntry, OrchestrationContext, ReviewPolicy, ReviewReceipt, Steps


class ContentApprovalInput(ReviewPolicy):
    """What `content_approval` starts with: at most `max_revisions` drafts follow the first one.

    All of it but `topic` and `max_revisions` is the deployment's to say.
    """

    topic: str = Field(min_length=1, max_length=4_000, pattern=r"\S")
    max_revisions: int = Field(ge=0, le=100)


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


def content_approval(context: OrchestrationContext, request: ContentApprovalInput) -> Steps[ContentApprovalOutput]:
    """Draft, ask reviewers, then publish, revise with the feedback, reject, or escalate when nobody decides in time.

    A rejection with feedback is revised as long as revisions are left; one without feedback is final.

    Raises:
        AgentError: A model call failed.
        AnswerError: The writer's answer does not have the form it was asked for.
    """
    output = ContentApprovalOutput(outcome="rejected")
    session, message = context.new_session(writer.NAME), f"Write an article about: {request.topic}"
    for attempt in range(1, request.max_revisions + 2):
        context.status("drafting", attempt=attempt)
        draft = output.draft = yield from context.ask(writer.NAME, message, Draft, session=session)
        review = yield from context.approve(draft.title, draft.content, request, attempt=attempt)
        output.decisions += review.decisions
        output.notifications += review.notifications
        output.untold += review.untold
        if review.is_approved:
            article = Article(title=draft.title, content=draft.content)
            output.publication = yield from context.call(publish_content, article)
            output.outcome = "published"
            return output
        if review.decision is None:
            escalation = Escalation.of(context.instance_id, review, draft.title, draft.content)
            output.escalation = yield from context.call(escalate_for_review, escalation)
            output.outcome = "escalated"
            return output
        if not review.feedback:
            return output
        message = f"Revise your article. The reviewer's feedback: {review.feedback}"
    return output
