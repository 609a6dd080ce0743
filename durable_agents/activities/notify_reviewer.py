"""Ask reviewers to decide on a draft."""

import logging
from datetime import datetime

from pydantic import BaseModel

from durable_agents.activities.review_channel import ReviewMessage, ReviewReceipt, tell_reviewers
from durable_agents.http.review_links import LinkClaims, LinkSigner, NoLinkKeyError
from durable_agents.settings.groups import Folder, ReviewSettings
from durable_agents.storage.drafts import KeptDraft, draft_key, keep_draft
from durable_agents.storage.once_blobs import BlobCredential

logger = logging.getLogger(__name__)

# No link: whoever reads the log could decide in a reviewer's name.
_WAITS = (
    "%s: waits for a decision on request %s until %s. GET /api/approvals lists it, POST /api/%s decides, and "
    "the links of the reviewers went to %s."
)


class ReviewRequest(ReviewMessage):
    """The whole draft and what a decision on it must name: `request_id`, and `content_hash` to be sure.

    Decide with `POST /api/approval/{instance_id}`, or by one's own link, before `expires_at` (UTC). `escalated` says
    that the reviewers who were asked first have not decided in time. What a graph workflow asks is answered under
    `/api` at `answer_at`, in the form it says; `reminder` counts how often its reviewers were told before.
    """

    instance_id: str
    request_id: str
    attempt: int
    title: str
    content: str
    content_hash: str
    expires_at: datetime
    reviewers: tuple[str, ...] = ()
    required_approvals: int = 1
    escalated: bool = False
    reminder: int = 0
    answer_at: str | None = None


class ReviewLink(BaseModel):
    """The link of one reviewer, null where nobody was named. Whoever has it can decide in the reviewer's name."""

    reviewer: str | None
    url: str


class ReviewNotification(ReviewRequest):
    """What reviewers get: the request, and a link for each of them."""

    links: list[ReviewLink]


def notify_reviewer(
    request: ReviewRequest,
    *,
    review: ReviewSettings,
    outbox_dir: Folder,
    drafts: Folder,
    signer: LinkSigner,
    credential: BlobCredential | None = None,
) -> ReviewReceipt:
    """Keep the draft for the page behind the links, deliver the request, and return the receipt.

    Safe to run twice: the first draft kept for a request stays, the links come out the same, and see `tell_reviewers`.
    While there is no key to sign links with, nobody is told, and the receipt says so: it is to be run again.

    Raises:
        ReviewWebhookError: The webhook cannot be reached or answered with an error.
        OSError: The outbox, the folder of the drafts or the file with the key of the links cannot be written.
        azure.core.exceptions.AzureError: Blob Storage cannot be reached or refused the draft.
    """
    draft = KeptDraft(title=request.title, content=request.content)
    keep_draft(draft_key(request.instance_id, request.request_id), draft, drafts, credential)
    try:
        signer.check()
    except NoLinkKeyError as error:
        logger.warning(
            "%s: the reviewers of request %s are not told yet. %s", request.instance_id, request.request_id, error
        )
        return ReviewReceipt(channel="none")
    links = [ReviewLink(reviewer=name, url=signer.url(_claims(request, name))) for name in request.reviewers or (None,)]
    receipt = tell_reviewers(
        "review_requested", ReviewNotification(**request.model_dump(), links=links), review, outbox_dir
    )
    until = request.expires_at.isoformat(" ", "minutes")
    place = receipt.location or "the review webhook"
    path = request.answer_at or f"approval/{request.instance_id}"
    logger.info(_WAITS, request.instance_id, request.request_id, until, path, place)
    return receipt


def _claims(request: ReviewRequest, reviewer: str | None) -> LinkClaims:
    return LinkClaims(
        instance_id=request.instance_id,
        request_id=request.request_id,
        content_hash=request.content_hash,
        expires_at=request.expires_at,
        reviewer=reviewer,
    )
