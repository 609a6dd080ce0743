"""Tell a webhook that a run has ended, signed as the Standard Webhooks specification says."""

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import httpx
from pydantic import BaseModel

from durable_agents.settings.runs import CompletionWebhookSettings

_TIMEOUT_SECONDS = 30
# No percent-encoding and no semicolon in the path: servers differ in what they take for its segments then.
_PLAIN_URL = re.compile(
    r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?"
    r"(/[!$&'()*+,=:@/A-Za-z0-9._~-]*)?"
    r"(\?[!$&'()*+,;=:@%/?A-Za-z0-9._~-]*)?"
)


class WebhookDelivery(BaseModel):
    """What is told to `url`, and under which id; receivers drop an id they have seen.

    `output` is left out where it is too large (`output_omitted`); `error` is the first line of a failure.
    """

    url: str
    delivery_id: str
    event: str
    instance_id: str
    orchestration: str
    status: str
    output: Any = None
    output_omitted: bool = False
    error: str | None = None
    ended_at: datetime


class WebhookReceipt(BaseModel):
    """Proof that the webhook took a delivery: what it answered."""

    http_status: int


class WebhookDeliveryError(Exception):
    """A webhook did not take a delivery, or must not get one."""


def deliver_webhook(delivery: WebhookDelivery, *, webhooks: CompletionWebhookSettings) -> WebhookReceipt:
    """Post the delivery and return the receipt. May deliver twice after a crash, each time under the same id.

    Redirects are not followed: they could lead to where the settings do not allow. Of the answer, only the status is
    read: its body may have no end.

    Raises:
        WebhookDeliveryError: The URL is not allowed (any more), cannot be reached, or did not answer with 2xx.
    """
    if not is_allowed_url(delivery.url, webhooks.url_prefixes):
        raise WebhookDeliveryError(
            f"Delivery {delivery.delivery_id!r}: its URL does not begin as COMPLETION_WEBHOOK_URLS says."
        )
    body = json.dumps(delivery.model_dump(mode="json", exclude={"url"})).encode()
    headers = {"Content-Type": "application/json", **sign(body, delivery.delivery_id, int(time.time()), webhooks)}
    try:
        with httpx.stream("POST", delivery.url, content=body, headers=headers, timeout=_TIMEOUT_SECONDS) as response:
            status = response.status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        reason = f"the webhook cannot be reached ({type(error).__name__})"
        raise WebhookDeliveryError(f"Delivery {delivery.delivery_id!r}: {reason}.") from error
    if not 200 <= status <= 299:
        reason = f"the webhook answered HTTP {status}, expected 2xx"
        raise WebhookDeliveryError(f"Delivery {delivery.delivery_id!r}: {reason}.")
    return WebhookReceipt(http_status=status)


def sign(body: bytes, delivery_id: str, timestamp: int, webhooks: CompletionWebhookSettings) -> dict[str, str]:
    """Return the headers that prove where the body comes from; `timestamp` is in seconds since 1970."""
    content = f"{delivery_id}.{timestamp}.".encode() + body
    digest = hmac.new(webhooks.signing_key, content, hashlib.sha256).digest()
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def is_allowed_url(url: str, prefixes: Sequence[str]) -> bool:
    """Say whether the URL is below one of the prefixes, each of which is an origin and a path that ends with a slash.

    A prefix itself is allowed too, with and without its slash. A URL that parsers may read in different ways, with
    credentials, a fragment, backslashes, dot segments, or `;` or `%` in its path, is never allowed.
    """
    target = url.partition("?")[0]
    segments = target.split("/")
    if _PLAIN_URL.fullmatch(url) is None or ".." in segments or "." in segments:
        return False
    return any(target.startswith(prefix) or f"{target}/" == prefix for prefix in prefixes)
