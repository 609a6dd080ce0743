import json

import httpx
import openai
import pytest
from agent_framework import Content
from agent_framework.exceptions import ChatClientException

from durable_agents.sessions.failures import MODEL_CALL_FAILED, Failure, TurnFailedError, describe_failure

REQUEST = httpx.Request("POST", "https://model.example.com")


def provider_error(status: int, code: str | None = None, **headers: str) -> Exception:
    """Return what the openai package raises for this answer, as far as it matters here."""

    class StatusError(Exception):
        status_code = status
        response = httpx.Response(status, headers=headers, request=REQUEST)

    error = StatusError("The prompt was: my secret")
    error.code = code  # type: ignore[attr-defined]  # as on openai.APIStatusError
    return error


def wrapped(cause: Exception) -> Exception:
    """Return the exception as a chat client raises it."""
    error = ChatClientException(f"service failed: {cause}")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("status", "provider_code", "code", "retryable"),
    [
        (429, "rate_limit_exceeded", "rate_limited", True),
        (429, "insufficient_quota", "quota_exceeded", False),
        (500, None, "provider_unavailable", True),
        (529, None, "provider_unavailable", True),
        (504, None, "provider_timeout", True),
        (401, "invalid_api_key", "provider_denied", False),
        (404, "model_not_found", "model_not_found", False),
        (400, "content_filter", "content_filtered", False),
        (400, None, "provider_rejected", False),
    ],
)
def test_the_status_decides(status: int, provider_code: str | None, code: str, retryable: bool) -> None:
    failure = describe_failure(wrapped(provider_error(status, provider_code)))
    assert (failure.code, failure.retryable) == (code, retryable)
    assert "secret" not in failure.message


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (httpx.ReadTimeout("slow"), "provider_timeout"),
        (TimeoutError(), "provider_timeout"),
        (openai.APITimeoutError(request=REQUEST), "provider_timeout"),  # type: ignore[arg-type]  # any request will do
        (openai.APIConnectionError(request=REQUEST), "provider_unreachable"),  # type: ignore[arg-type]
        (httpx.ConnectError("refused"), "provider_unreachable"),
        (ConnectionResetError(), "provider_unreachable"),
    ],
)
def test_a_lost_connection_passes(error: Exception, code: str) -> None:
    failure = describe_failure(wrapped(error))
    assert (failure.code, failure.retryable) == (code, True)


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("0.5", 0.5), ("-3", 0.0), ("99999999", 3600.0), ("soon", None)]
)
def test_how_long_the_provider_wants_to_be_left_alone(header: str, seconds: float | None) -> None:
    assert describe_failure(provider_error(429, **{"Retry-After": header})).retry_after_seconds == seconds


def test_a_date_to_retry_after_is_read() -> None:
    past = provider_error(503, **{"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"})
    assert describe_failure(past).retry_after_seconds == 0


def test_other_errors() -> None:
    assert describe_failure(json.JSONDecodeError("x", "y", 0)).code == "invalid_answer"
    unknown = describe_failure(RuntimeError("my secret"))
    assert (unknown.code, unknown.retryable) == (MODEL_CALL_FAILED, False)
    assert "secret" not in unknown.message
    own = Failure("budget_exceeded", "Too much.")
    assert describe_failure(wrapped(TurnFailedError(own))) is own


def test_a_failure_survives_its_storage() -> None:
    failure = Failure("rate_limited", "Too many.", retryable=True, retry_after_seconds=2.5, used={"tokens": 3})
    assert Failure.from_content(failure.to_content()) == failure


def test_what_the_package_has_stored_keeps_its_code_and_loses_its_text() -> None:
    failure = Failure.from_content(Content.from_error(message="my secret", error_code="NotFoundError"))
    assert (failure.code, failure.retryable) == ("NotFoundError", False)
    assert "secret" not in failure.message
