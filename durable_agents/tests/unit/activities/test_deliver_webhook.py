import base64
from datetime import UTC, datetime

import pytest

from durable_agents.activities.deliver_webhook import (
    WebhookDelivery,
    WebhookDeliveryError,
    deliver_webhook,
    is_allowed_url,
    sign,
)
from durable_agents.settings.runs import CompletionWebhookSettings
from durable_agents.tests.support.endless_answer import EndlessAnswer
from durable_agents.tests.support.webhook_receiver import WebhookReceiver

PREFIXES = ("https://hooks.example.com/", "https://other.example.com:8443/runs/")


def delivery(url: str) -> WebhookDelivery:
    return WebhookDelivery(
        url=url,
        delivery_id="d1",
        event="run.completed",
        instance_id="r1",
        orchestration="x",
        status="Completed",
        output={"a": "é"},
        ended_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def test_a_delivery_is_signed_over_exactly_what_is_sent() -> None:
    with WebhookReceiver(204) as receiver:
        webhooks = CompletionWebhookSettings((receiver.url,), b"k" * 32)
        assert deliver_webhook(delivery(f"{receiver.url}a?b=c"), webhooks=webhooks).http_status == 204
        (call,) = receiver.calls
        assert call.json == {
            "delivery_id": "d1",
            "event": "run.completed",
            "instance_id": "r1",
            "orchestration": "x",
            "status": "Completed",
            "output": {"a": "é"},
            "output_omitted": False,
            "error": None,
            "ended_at": "2026-01-01T00:00:00Z",
        }
        signed = sign(call.body, "d1", int(call.headers["webhook-timestamp"]), webhooks)
        assert {name: call.headers[name] for name in signed} == signed
        assert call.path == "/runs/a?b=c"


def test_the_example_of_the_specification_is_signed_as_there() -> None:
    webhooks = CompletionWebhookSettings((), base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
    signed = sign(b'{"test": 2432232314}', "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, webhooks)
    assert signed["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("status", [302, 404, 500])
def test_any_other_answer_than_2xx_is_an_error_and_no_redirect_is_followed(status: int) -> None:
    with WebhookReceiver(status, Location="/elsewhere") as receiver:
        with pytest.raises(WebhookDeliveryError, match=f"answered HTTP {status}"):
            deliver_webhook(delivery(receiver.url), webhooks=CompletionWebhookSettings((receiver.url,), b"k" * 32))
        assert len(receiver.calls) == 1


def test_a_webhook_that_cannot_be_reached_is_an_error() -> None:
    url = "http://127.0.0.1:9/runs/"
    with pytest.raises(WebhookDeliveryError, match="cannot be reached"):
        deliver_webhook(delivery(url), webhooks=CompletionWebhookSettings((url,), b"k" * 32))


@pytest.mark.parametrize("status", [200, 500])
def test_an_answer_without_end_is_not_read(status: int) -> None:
    with EndlessAnswer(status) as receiver:
        webhooks = CompletionWebhookSettings((receiver.url,), b"k" * 32)
        if status == 200:
            assert deliver_webhook(delivery(receiver.url), webhooks=webhooks).http_status == 200
        else:
            with pytest.raises(WebhookDeliveryError, match="answered HTTP 500"):
                deliver_webhook(delivery(receiver.url), webhooks=webhooks)
        assert receiver.wait_until_left() < EndlessAnswer.MOST_BYTES


def test_a_url_that_is_not_allowed_any_more_gets_nothing() -> None:
    with WebhookReceiver(204) as receiver:
        with pytest.raises(WebhookDeliveryError, match="COMPLETION_WEBHOOK_URLS"):
            deliver_webhook(delivery(receiver.url), webhooks=CompletionWebhookSettings(PREFIXES, b"k" * 32))
        assert receiver.calls == []


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com",
        "https://hooks.example.com/",
        "https://hooks.example.com/a/b?c=d&e=%20",
        "https://hooks.example.com?x=1",
        "https://other.example.com:8443/runs",
        "https://other.example.com:8443/runs/7",
    ],
)
def test_urls_below_a_prefix_are_allowed(url: str) -> None:
    assert is_allowed_url(url, PREFIXES)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/runs",
        "http://hooks.example.com/",
        "https://hooks.example.com.evil.example/",
        "https://hooks.example.com@evil.example/",
        "https://evil.example/?https://hooks.example.com/",
        "https://user:pw@hooks.example.com/",
        "https://hooks.example.com:444/",
        "https://hooks.example.com\\@evil.example/",
        "https://hooks.example.com/\r\nHost: evil.example",
        "https://hooks.example.com/ x",
        "https://hooks.example.com/#frag",
        "https://other.example.com:8443/",
        "https://other.example.com:8443/runs2",
        "https://other.example.com:8443/runs/../admin",
        "https://other.example.com:8443/runs/%2e%2e/admin",
        "https://other.example.com:8443/runs/%252e%252e/admin",
        "https://other.example.com:8443/runs/..%5cadmin",
        "https://other.example.com:8443/runs/%25252e%25252e/admin",
        "https://other.example.com:8443/runs/..%2fadmin",
        "https://other.example.com:8443/runs/..;/admin",
        "https://other.example.com:8443/runs/..;x=1/admin",
        "https://other.example.com:8443/runs/%2E%2e;x/admin",
        "https://other.example.com:8443/runs/..%00/admin",
        "https://other.example.com:8443/runs/..%c0%afadmin",
        "https://other.example.com:8443/runs/%E3%80%82%E3%80%82/admin",
        "https://other.example.com:8443/runs/%",
        "https://other.example.com:8443/runs/./a",
        "file:///etc/passwd",
        "http://169.254.169.254/",
    ],
)
def test_all_other_urls_are_not(url: str) -> None:
    assert not is_allowed_url(url, PREFIXES)


def test_without_prefixes_nothing_is_allowed() -> None:
    assert not is_allowed_url("https://hooks.example.com/", ())
