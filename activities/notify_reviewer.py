"""Ask a reviewer to decide on a draft."""

from datetime import datetime
from pathlib import Path

from activities.review_channel import ReviewMessage, ReviewReceipt, deliver
from settings import ReviewSettings


class ReviewRequest(ReviewMessage):
    """The whole draft and what a decision on it must name: `request_id`, and `content_hash` to be sure.

    Decide with `POST /api/approval/{instance_id}` before `expires_at` (UTC).
    """

    instance_id: str
    request_id: str
    attempt: int
    title: str
    content: str
    content_hash: str
    expires_at: datetime


def notify_reviewer(request: ReviewRequest, *, review: ReviewSettings, outbox_dir: Path) -> ReviewReceipt:
    """Deliver the request to the reviewers and return the receipt. Safe to run twice, see `deliver`.

    Raises:
        ReviewWebhookError: The webhook cannot be reached or answered with an error.
        OSError: The outbox cannot be written.
    """
    return deliver("review_requested", request, review, outbox_dir)
