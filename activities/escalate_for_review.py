"""Tell reviewers that nobody decided on a draft in time."""

from datetime import datetime
from typing import Self

from durable_agents import Folder, Review, ReviewMessage, ReviewReceipt, ReviewSettings, tell_reviewers


class Escalation(ReviewMessage):
    """The draft that was left undecided until `expired_at` (UTC)."""

    instance_id: str
    request_id: str
    title: str
    content: str
    expired_at: datetime

    @classmethod
    def of(cls, instance_id: str, review: Review, title: str, content: str) -> Self:
        """Return the escalation of a review that has expired.

        Raises:
            ValueError: It has not expired.
        """
        if review.expired_at is None:
            raise ValueError(f"The review {review.request_id!r} has not expired.")
        return cls(
            instance_id=instance_id,
            request_id=review.request_id,
            title=title,
            content=content,
            expired_at=review.expired_at,
        )


def escalate_for_review(escalation: Escalation, *, review: ReviewSettings, outbox_dir: Folder) -> ReviewReceipt:
    """Deliver the escalation to the reviewers and return the receipt. Safe to run twice, see `tell_reviewers`.

    Raises:
        ReviewWebhookError: The webhook cannot be reached or answered with an error.
        OSError: The outbox cannot be written.
    """
    return tell_reviewers("review_escalated", escalation, review, outbox_dir)
