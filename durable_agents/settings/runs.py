"""What runs start with, how long they are kept, who is told of their end."""

import base64
import binascii
import re
from dataclasses import dataclass, field
from datetime import timedelta

from durable_agents.settings.environment import Environment

_WEBHOOK_PREFIX = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*/?")


@dataclass(frozen=True, slots=True)
class TriageSettings:
    """When an e-mail is treated as spam: at a confidence above `spam_threshold`, between 0 and 1."""

    spam_threshold: float = 0.8


@dataclass(frozen=True, slots=True)
class RunSettings:
    """How long runs are kept after their end, None for ever, and when older ones are removed (cron with seconds)."""

    retention: timedelta | None = timedelta(days=30)
    sweep_schedule: str = "0 */15 * * * *"


@dataclass(frozen=True, slots=True)
class CompletionWebhookSettings:
    """Who may be told that a run has ended: URLs below `url_prefixes`, each of which ends with a slash.

    `signing_key` is what COMPLETION_WEBHOOK_SECRET stands for; it is empty when nobody may be told.
    """

    url_prefixes: tuple[str, ...] = ()
    signing_key: bytes = field(default=b"", repr=False)


def read_completion_webhooks(env: Environment) -> CompletionWebhookSettings:
    prefixes = [prefix.strip() for prefix in (env.text("COMPLETION_WEBHOOK_URLS") or "").split(",") if prefix.strip()]
    if not all(_WEBHOOK_PREFIX.fullmatch(prefix) for prefix in prefixes):
        expected = "https://hooks.example.com/runs/, host in lower case, several separated by commas"
        env.problem("COMPLETION_WEBHOOK_URLS", f"does not list the beginnings of URLs. Expected the form {expected}.")
    key = _read_signing_key(env) if prefixes else b""
    return CompletionWebhookSettings(tuple(prefix.removesuffix("/") + "/" for prefix in prefixes), key)


def _read_signing_key(env: Environment) -> bytes:
    """Return the key in the form of the Standard Webhooks specification, which receivers' libraries read too."""
    scheme, _, encoded = (env.text("COMPLETION_WEBHOOK_SECRET") or "").partition("_")
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        key = b""
    if scheme != "whsec" or not 24 <= len(key) <= 64:
        what = "is missing or has another form. With COMPLETION_WEBHOOK_URLS, set it to 'whsec_' and the base64 of 24"
        env.problem("COMPLETION_WEBHOOK_SECRET", f"{what} to 64 random bytes: openssl rand -base64 32")
    return key
