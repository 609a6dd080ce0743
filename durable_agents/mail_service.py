"""Send e-mail by Azure Communication Services, with an Entra identity: once for an id, however often it is tried."""

import functools
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
from azure.core.credentials import TokenCredential
from azure.core.exceptions import ClientAuthenticationError

_SCOPE = "https://communication.azure.com/.default"
_VERSION = {"api-version": "2023-03-31"}
_TIMEOUT_SECONDS = 30.0
_LONGEST_WAIT_SECONDS = 60.0
_OUTCOME_SECONDS = 20.0
_ACCEPTED = ("NotStarted", "Running", "Succeeded")
_MOST_CHARACTERS = 200


class MailServiceError(Exception):
    """The service has not taken an e-mail, or has given it up. The message has no text and no address of it."""


@dataclass(frozen=True, slots=True)
class ServiceMail:
    """One plain-text e-mail; all of it but the `text` is one line, as `durable_agents.mail` reads it."""

    sender: str
    recipient: str
    subject: str
    text: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)


def send_by_service(
    endpoint: str,
    mail: ServiceMail,
    operation_id: UUID,
    *,
    credential: TokenCredential | None = None,
    wait_seconds: float = _LONGEST_WAIT_SECONDS,
    outcome_seconds: float = _OUTCOME_SECONDS,
) -> None:
    """Have the service send the e-mail, and return when it has it.

    Safe to run twice with the same id: the service is asked first whether it has an e-mail of this id, and is given the
    id with the e-mail, by which it knows a repeat. When it is busy, it is asked once more after the time that it names,
    if that is `wait_seconds` or less. It is asked for so long what came of it that an address it refuses is known; an
    e-mail that is still on its way then counts as sent. Without a `credential`, the identity is that of the app.

    Raises:
        MailServiceError: It cannot be reached, or refused the identity or the e-mail. A refused e-mail is not tried
            again by the service.
    """
    with httpx.Client(base_url=endpoint, params=_VERSION, timeout=_TIMEOUT_SECONDS) as client:
        service = _Service(client, credential or _identity(), operation_id)
        if service.status() is None:
            service.post(mail, wait_seconds)
        service.wait_for_outcome(outcome_seconds)


class _Service:
    """What is asked about one e-mail."""

    def __init__(self, client: httpx.Client, credential: TokenCredential, operation_id: UUID) -> None:
        self._client = client
        self._credential = credential
        self._operation_id = str(operation_id)

    def status(self) -> str | None:
        """Return how far the e-mail of this id is, or None if the service does not know it."""
        answer = self._ask("GET", f"/emails/operations/{self._operation_id}")
        if answer.status_code == 200:
            return self._read_status(answer)
        if answer.status_code in (401, 403, 408, 429) or answer.status_code >= 500:
            raise self._refused(answer)
        return None

    def post(self, mail: ServiceMail, wait_seconds: float) -> None:
        """Give it the e-mail."""
        body = {
            "senderAddress": mail.sender,
            "content": {"subject": mail.subject, "plainText": mail.text},
            "recipients": {"to": [{"address": mail.recipient}]},
            "headers": dict(mail.headers),
            "userEngagementTrackingDisabled": True,
        }
        for is_last in (False, True):
            answer = self._ask("POST", "/emails:send", json=body, headers={"Operation-Id": self._operation_id})
            if answer.status_code == 202 or (answer.status_code == 409 and self.status() is not None):
                return
            pause = _pause_in(answer)
            if is_last or answer.status_code not in (429, 503) or pause is None or pause > wait_seconds:
                raise self._refused(answer)
            time.sleep(pause)

    def wait_for_outcome(self, seconds: float) -> None:
        """Wait until it has sent the e-mail, or for so long. What it answers to that decides only if it is readable."""
        ends_at = time.monotonic() + seconds
        while time.monotonic() < ends_at:
            try:
                answer = self._ask("GET", f"/emails/operations/{self._operation_id}")
                if answer.status_code != 200 or self._read_status(answer) == "Succeeded":
                    return
            except _UnreadableError:
                return
            time.sleep(min(_pause_in(answer) or 1.0, max(0.0, ends_at - time.monotonic())))

    def _read_status(self, answer: httpx.Response) -> str:
        """Return the status in an answer.

        Raises:
            MailServiceError: The e-mail was given up.
        """
        try:
            content = answer.json()
            status = str(content["status"])
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise _UnreadableError(f"E-mail {self._operation_id}: the service's answer cannot be read.") from error
        if status not in _ACCEPTED:
            code = _code_in(content)
            raise MailServiceError(f"E-mail {self._operation_id}: the service has given it up ({status}, {code}).")
        return status

    def _ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, json: Any = None
    ) -> httpx.Response:
        try:
            token = self._credential.get_token(_SCOPE).token
            sent = {**(headers or {}), "Authorization": f"Bearer {token}"}
            return self._client.request(method, path, headers=sent, json=json)
        except ClientAuthenticationError as error:
            raise MailServiceError(f"E-mail {self._operation_id}: the app's identity got no token for it.") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = f"the service cannot be reached ({type(error).__name__})"
            raise _UnreadableError(f"E-mail {self._operation_id}: {reason}.") from error

    def _refused(self, answer: httpx.Response) -> MailServiceError:
        try:
            code = _code_in(answer.json())
        except (ValueError, RecursionError):
            code = "no code"
        why = f"the service answered HTTP {answer.status_code} ({code})"
        pause = _pause_in(answer)
        later = "" if pause is None else f" It asks for a pause of {pause:.0f} seconds."
        return MailServiceError(f"E-mail {self._operation_id}: {why}.{later}")


class _UnreadableError(MailServiceError):
    """Nothing is known of what the service did."""


def _code_in(content: Any) -> str:
    error = content.get("error") if isinstance(content, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    return str(code)[:_MOST_CHARACTERS] if code else "no code"


def _pause_in(answer: httpx.Response) -> float | None:
    """Return the pause that an answer asks for, in seconds; as a date it is left out."""
    stated = answer.headers.get("Retry-After", "")
    return float(stated) if stated.isdecimal() and len(stated) < 7 else None


@functools.cache
def _identity() -> TokenCredential:
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential()
