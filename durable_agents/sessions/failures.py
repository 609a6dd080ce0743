"""Say why an agent's turn failed: a stable code, whether to try again, and nothing of the conversation.

The text of a provider's error may repeat the prompt or a key, so it goes to the log and never into a `Failure`.

    MiddlewareFailure               of agent_framework: it ends a run, wherever it is raised
        TurnFailedError             the turn fails with a Failure of its own
"""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from email.utils import parsedate_to_datetime
from typing import Self

from agent_framework import Content, MiddlewareFailure
from pydantic import ValidationError

from durable_agents.chat_clients.whole_answer import InvalidAnswerError

INVALID_ANSWER = "invalid_answer"
MODEL_CALL_FAILED = "model_call_failed"
_UNREADABLE = "The model provider sent an answer that cannot be read."
_LONGEST_RETRY_AFTER_SECONDS = 3_600.0
# In a stream the provider reports a failure without a status of its own.
_STATUS_OF_CODE = {"rate_limit_exceeded": 429, "insufficient_quota": 429, "server_error": 500}

# Each provider's library brings an HTTP client of its own, so these exceptions are known by the names of their classes
# (of openai, httpx and its successor, aiohttp, azure-core). Nothing has to be imported for it.
_TIMEOUTS = {"TimeoutError", "TimeoutException", "APITimeoutError"}
_LOST_CONNECTIONS = {
    "ConnectionError",
    "TransportError",
    "APIConnectionError",
    "ClientConnectionError",
    "ServiceRequestError",
    "ServiceResponseError",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a turn failed.

    Attributes:
        code: A snake_case name for programs; callers get it as `error_code`.
        message: One or more sentences for people, without any text of the conversation or of the provider.
        retryable: Whether the same message may succeed later without any change.
        retry_after_seconds: How long the provider asked to be left alone, or None.
        used: What the turn had used of its budget, for the code `budget_exceeded`.
    """

    code: str
    message: str
    retryable: bool = False
    retry_after_seconds: float | None = None
    used: Mapping[str, float] = field(default_factory=dict)

    def to_content(self) -> Content:
        """Return the `error` content under which a session stores this failure."""
        details = {name: value for name, value in asdict(self).items() if name not in ("code", "message")}
        return Content.from_error(message=self.message, error_code=self.code, error_details=json.dumps(details))

    @classmethod
    def from_content(cls, content: Content) -> Self:
        """Return the failure that an `error` content reports, also if the package wrote it."""
        code = content.error_code or MODEL_CALL_FAILED
        try:
            details = json.loads(content.error_details or "")
            return cls(code, content.message or "", **details)
        except (ValueError, TypeError):
            # The package stores the text of the exception, which callers must not see, and no details.
            return cls(code, "The turn failed. The log of the function app has its error.")


class TurnFailedError(MiddlewareFailure):
    """The turn cannot go on. Raised in a middleware it ends the run, where other errors become results of tools."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def describe_failure(error: BaseException) -> Failure:
    """Return what callers may know of an exception that a model call or a tool has raised.

    Chat clients wrap the exceptions of their provider's library, so the whole chain of causes is looked at.
    """
    for cause in _chain(error):
        failure = _describe_one(cause)
        if failure is not None:
            return failure
    return Failure(MODEL_CALL_FAILED, f"The turn failed with a {type(error).__name__}.")


def _chain(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _describe_one(error: BaseException) -> Failure | None:
    if isinstance(error, TurnFailedError):
        return error.failure
    if isinstance(error, InvalidAnswerError):
        return Failure(INVALID_ANSWER, str(error), error.retryable)
    # Each provider's library has exceptions of its own; all of them give the HTTP status under this name.
    status, provider_code = getattr(error, "status_code", None), getattr(error, "code", None)
    status = status if isinstance(status, int) else _STATUS_OF_CODE.get(str(provider_code))
    if status is not None:
        return _describe_status(status, provider_code, _retry_after(error))
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if kinds & _TIMEOUTS:
        return Failure("provider_timeout", "The model did not answer in time.", retryable=True)
    if kinds & _LOST_CONNECTIONS:
        return Failure("provider_unreachable", "The connection to the model failed.", retryable=True)
    if isinstance(error, (json.JSONDecodeError, UnicodeDecodeError, ValidationError)):
        return Failure(INVALID_ANSWER, _UNREADABLE, retryable=True)
    if "APIError" in kinds:
        # It stood in a response of 200.
        return Failure(INVALID_ANSWER, "The model provider sent an error in the place of an answer.", retryable=True)
    return None


def _describe_status(status: int, provider_code: object, retry_after: float | None) -> Failure:
    said = f"The model provider answered {status}."
    if status == 429 and provider_code == "insufficient_quota":
        return Failure("quota_exceeded", f"{said} Its quota is used up.")
    if status == 429:
        return Failure("rate_limited", f"{said} It gets too many requests.", True, retry_after)
    if status in (408, 504):
        return Failure("provider_timeout", said, True, retry_after)
    if status >= 500 or status == 409:
        return Failure("provider_unavailable", said, True, retry_after)
    if status in (401, 403):
        return Failure("provider_denied", f"{said} Check the key or the identity of the app.")
    if status == 404:
        return Failure("model_not_found", f"{said} Check the name of the model or deployment.")
    if status >= 400:
        code = "content_filtered" if provider_code == "content_filter" else "provider_rejected"
        return Failure(code, said)
    return Failure(INVALID_ANSWER, _UNREADABLE, retryable=True)


def _retry_after(error: BaseException) -> float | None:
    """Return the seconds of the response's `Retry-After`, a number or a date, at most an hour."""
    headers = getattr(getattr(error, "response", None), "headers", None)
    text = headers.get("retry-after") if isinstance(headers, Mapping) else None
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
        except ValueError:
            return None
    return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER_SECONDS)
