"""How messages reach human reviewers: a webhook when one is configured, else a file in the outbox folder."""

import json
from collections.abc import Mapping
from typing import Literal

import httpx
from pydantic import BaseModel, computed_field

from durable_agents.activities.keyed import Keyed
from durable_agents.settings.groups import Folder, ReviewSettings
from durable_agents.storage.outbox_files import put_once

REVIEWS_FOLDER = "reviews"
_TIMEOUT_SECONDS = 30


class ReviewMessage(Keyed):
    """A message to reviewers. `key` is its idempotency key: receivers drop a key they have seen."""


class ReviewReceipt(BaseModel):
    """Where a message to reviewers went. `location` is the file in the outbox, or None when the webhook took it.

    Only a webhook has `delivered` it: nobody is told of a file in the outbox. `none` says that there is no message yet,
    as the app has no key to sign the links in it.
    """

    channel: Literal["webhook", "outbox", "none"]
    location: str | None = None

    @computed_field
    def delivered(self) -> bool:
        """Whether somebody has got it."""
        return self.channel == "webhook"


class ReviewWebhookError(Exception):
    """The review webhook did not take a message."""


def tell_reviewers(kind: str, message: ReviewMessage, review: ReviewSettings, outbox_dir: Folder) -> ReviewReceipt:
    """Deliver `message`, marked as being of this `kind`, and return the receipt.

    May deliver twice after a crash: a file is written once per key, and the webhook gets the key in the header
    `Idempotency-Key`, the same for every attempt.

    Raises:
        ReviewWebhookError: The webhook cannot be reached or answered with an error.
        OSError: The outbox cannot be written.
    """
    body = {"kind": kind, **message.model_dump(mode="json")}
    if review.webhook_url is None:
        content = json.dumps(body, indent=2, ensure_ascii=False).encode()
        location = put_once(outbox_dir / REVIEWS_FOLDER, message.key, ".json", content)
        return ReviewReceipt(channel="outbox", location=location)
    _post(review.webhook_url, message.key, body)
    return ReviewReceipt(channel="webhook")


def _post(url: str, key: str, body: Mapping[str, object]) -> None:
    """Post the message, and read only the status of the answer. The URL is a credential, so no error carries it."""
    headers = {"Idempotency-Key": key}
    try:
        with httpx.stream("POST", url, json=body, headers=headers, timeout=_TIMEOUT_SECONDS) as response:
            status = response.status_code
    except httpx.HTTPError as error:
        raise ReviewWebhookError(
            f"The review webhook cannot be reached ({type(error).__name__}). Check REVIEW_WEBHOOK_URL."
        ) from error
    if not 200 <= status <= 299:
        raise ReviewWebhookError(
            f"The review webhook refused message {key!r} with HTTP {status}. Check REVIEW_WEBHOOK_URL."
        )
