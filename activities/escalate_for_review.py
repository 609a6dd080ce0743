"""Tell reviewers that nobody decided on a draft in time."""

from datetime import datetime

from durable_agents.activities.review_channel import ReviewMessage, ReviewReceipt, deliver
from durable_agents.settings.outbox import Outbox
from durable_agents.settings.review import ReviewSettings


class Escalation(ReviewMessage):
    """The draft that was left undecided until `expired_at` (UTC)."""

    instance_id: str
    request_id: str
    title: str
    content: str
    expired_at: datetime


def escalate_for_review(escalation: Escalation, *, review: ReviewSettings, outbox_dir: Outbox) -> ReviewReceipt:
    """Deliver the escalation to the reviewers and return the receipt. Safe to run twice, see `deliver`.

    Raises:
        ReviewWebhookError: The webhook cannot be reached or answered with an error.
        OSError: The outbox cannot be written.
    """
    return deliver("review_escalated", escalation, review, outbox_dir)
