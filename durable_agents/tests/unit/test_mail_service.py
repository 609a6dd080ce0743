"""Mail by Azure Communication Services, over the wire: one e-mail for an id, whatever the service answers."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from uuid import UUID

import pytest
from azure.core.exceptions import ClientAuthenticationError

from durable_agents.mail_service import MailServiceError, ServiceMail, send_by_service
from durable_agents.tests.support.mail_service import Identity, MailService

ID = UUID(int=7)
MAIL = ServiceMail("agents@example.com", "ada@example.com", "Re: Grüße", "Schöne Grüße\n", {"Auto-Submitted": "yes"})


@pytest.fixture
def service() -> Iterator[MailService]:
    """The service."""
    with MailService() as server:
        yield server


def send(service: MailService, wait_seconds: float = 2) -> None:
    """Send the e-mail."""
    send_by_service(
        service.url, MAIL, ID, credential=Identity(), wait_seconds=wait_seconds, outcome_seconds=wait_seconds
    )


def test_an_e_mail_is_sent_with_the_identity_under_its_id(service: MailService) -> None:
    identity = Identity()
    send_by_service(service.url, MAIL, ID, credential=identity)
    assert service.sent == {
        str(ID): {
            "senderAddress": "agents@example.com",
            "content": {"subject": "Re: Grüße", "plainText": "Schöne Grüße\n"},
            "recipients": {"to": [{"address": "ada@example.com"}]},
            "headers": {"Auto-Submitted": "yes"},
            "userEngagementTrackingDisabled": True,
        }
    }
    assert set(identity.scopes) == {"https://communication.azure.com/.default"}


def test_an_e_mail_that_the_service_has_is_not_given_to_it_again(service: MailService) -> None:
    for _ in range(3):
        send(service)
    assert (len(service.sent), service.posts) == (1, 1)


def test_a_process_that_is_killed_after_the_service_took_the_e_mail_sends_no_second_one(service: MailService) -> None:
    program = (
        "import sys; from durable_agents.tests.unit.test_mail_service import *\n"
        "send_by_service(sys.argv[1], MAIL, ID, credential=Identity())"
    )
    process: list[subprocess.Popen[bytes]] = []

    def kill() -> None:
        process[0].kill()
        process[0].wait()

    service.on_taken = kill
    process.append(subprocess.Popen([sys.executable, "-c", program, service.url], env={**os.environ}))
    assert process[0].wait(30) != 0
    assert service.posts == 1
    service.on_taken = lambda: None
    send(service)
    assert (list(service.sent), service.posts) == ([str(ID)], 1)


def test_an_answer_that_is_lost_is_an_error_and_no_second_e_mail(service: MailService) -> None:
    service.faults, service.takes_it = [None], True
    with pytest.raises(MailServiceError, match="cannot be reached"):
        send(service)
    service.takes_it = False
    send(service)
    assert (len(service.sent), service.posts, service.repeats) == (1, 1, 0)


def test_a_busy_service_is_asked_once_more_after_the_pause_that_it_names(service: MailService) -> None:
    service.faults = [(429, {"Retry-After": "1"}, b"")]
    began = time.monotonic()
    send(service)
    assert time.monotonic() - began >= 1
    assert (len(service.sent), service.posts) == (1, 2)


@pytest.mark.parametrize("pause", ["3600", "soon", "", "-1", "1" * 30])
def test_a_pause_that_is_too_long_or_none_is_left_to_the_retries_of_the_run(service: MailService, pause: str) -> None:
    service.faults = [(429, {"Retry-After": pause}, b'{"error": {"code": "TooManyRequests"}}')]
    with pytest.raises(MailServiceError, match=r"HTTP 429 \(TooManyRequests\)"):
        send(service)
    assert (len(service.sent), service.posts) == (0, 1)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 500, 502, 307])
@pytest.mark.parametrize("body", [b"", b"<html>", b'{"error": {"code": "Denied"}}', b"[" * 100_000, b"\xff"])
def test_what_the_service_refuses_is_an_error_that_says_its_code_and_nothing_of_the_e_mail(
    service: MailService, status: int, body: bytes
) -> None:
    service.faults = [(status, {"Location": "http://127.0.0.1:1/"}, body)]
    with pytest.raises(MailServiceError) as caught:
        send(service)
    assert f"HTTP {status} ({'Denied' if b'Denied' in body else 'no code'})" in str(caught.value)
    assert not any(words in str(caught.value) for words in ("ada@", "Grüße", "token-of"))
    assert (len(service.sent), service.posts) == (0, 1)


def test_an_id_that_is_taken_already_counts_as_sent(service: MailService) -> None:
    """Another process was faster, after this one had asked."""
    service.faults, service.takes_it = [(409, {}, b"")], True
    send(service)
    assert service.posts == 1


@pytest.mark.parametrize("status", ["Failed", "Canceled"])
def test_an_e_mail_that_is_given_up_is_an_error_each_time_it_is_asked_for(service: MailService, status: str) -> None:
    given_up = json.dumps({"id": str(ID), "status": status, "error": {"code": "EmailDroppedAllRecipientsSuppressed"}})
    service.outcomes = [given_up.encode()] * 2
    for _ in range(2):
        with pytest.raises(MailServiceError, match="EmailDroppedAllRecipientsSuppressed"):
            send(service)
    assert service.posts == 1


def test_an_e_mail_that_is_on_its_way_for_long_counts_as_sent(service: MailService) -> None:
    service.outcomes = [b'{"id": "1", "status": "Running"}'] * 50
    began = time.monotonic()
    send(service, wait_seconds=0.3)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("garbage", [b"", b"<html>", b"[]", b"null", b'{"id": "1"}', b"[" * 100_000])
def test_garbage_about_an_e_mail_that_was_taken_is_no_failure_and_before_that_sends_nothing(
    service: MailService, garbage: bytes
) -> None:
    service.outcomes = [garbage]
    send(service)
    service.outcomes = [garbage]
    with pytest.raises(MailServiceError, match="cannot be read"):
        send(service)
    assert service.posts == 1


def test_nothing_is_sent_without_a_token() -> None:
    class Nobody:
        def get_token(self, *scopes: str, **options: object) -> None:
            raise ClientAuthenticationError("no identity")

    with pytest.raises(MailServiceError, match="got no token"):
        send_by_service("http://127.0.0.1:1", MAIL, ID, credential=Nobody())  # type: ignore[arg-type]


def test_a_service_that_is_not_there_is_an_error() -> None:
    with pytest.raises(MailServiceError, match="cannot be reached"):
        send_by_service("http://127.0.0.1:1", MAIL, ID, credential=Identity())
