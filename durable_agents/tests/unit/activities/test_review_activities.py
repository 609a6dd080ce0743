import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from durable_agents.activities.notify_reviewer import ReviewRequest, notify_reviewer
from durable_agents.activities.review_channel import ReviewMessage, ReviewReceipt, ReviewWebhookError, tell_reviewers
from durable_agents.http.links import Links
from durable_agents.http.review_links import LinkSigner
from durable_agents.settings.groups import ApprovalLinkSettings, Folder, ReviewSettings
from durable_agents.storage.drafts import KeptDraft, draft_key, read_draft
from durable_agents.tests.support.endless_answer import EndlessAnswer

KEY = "0123456789abcdef0123456789abcdef"

REQUEST = ReviewRequest(
    key="run-1-r1",
    instance_id="run-1",
    request_id="r1",
    attempt=1,
    title="Tea",
    content="Tea is wärm.",
    content_hash="0" * 64,
    expires_at=datetime(2026, 1, 2, tzinfo=UTC),
    reviewers=("ada", "bob"),
)


def notify(tmp_path: Path, review: ReviewSettings, request: ReviewRequest = REQUEST) -> ReviewReceipt:
    """Notify the reviewers, with everything the app writes under `tmp_path`."""
    return notify_reviewer(
        request, review=review, outbox_dir=tmp_path / "outbox", drafts=drafts_in(tmp_path), signer=signer_in(tmp_path)
    )


def drafts_in(folder: Path) -> Folder:
    return folder / "drafts"


def signer_in(folder: Path) -> LinkSigner:
    return LinkSigner(ApprovalLinkSettings(folder / "key", KEY), Links(public_url="https://app.example.com"))


class Receiver(ThreadingHTTPServer):
    """A webhook on this machine that keeps what it gets and answers with `status`."""

    def __init__(self) -> None:
        self.status = 200
        self.received: list[tuple[str | None, dict[str, Any]]] = []
        super().__init__(("127.0.0.1", 0), ReceiverHandler)

    @property
    def review(self) -> ReviewSettings:
        return ReviewSettings(webhook_url=f"http://127.0.0.1:{self.server_port}/hook?token=secret")


class ReceiverHandler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.received.append((self.headers["Idempotency-Key"], body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_without_a_webhook_each_message_is_one_file(tmp_path: Path) -> None:
    for _ in range(2):
        notified = notify(tmp_path, ReviewSettings())
        escalated = tell_reviewers("escalated", ReviewMessage(key="late"), ReviewSettings(), tmp_path / "outbox")
    folder = tmp_path / "outbox" / "reviews"
    files = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in folder.iterdir()}
    links = files["run-1-r1.json"].pop("links")
    assert files == {
        "run-1-r1.json": {"kind": "review_requested", **REQUEST.model_dump(mode="json")},
        "late.json": {"kind": "escalated", "key": "late"},
    }
    assert notified.location == str(folder / "run-1-r1.json")
    assert [link["reviewer"] for link in links] == ["ada", "bob"]
    assert (escalated.channel, notified.channel) == ("outbox", "outbox")


def test_the_log_says_that_the_run_waits_and_where_to_decide_but_no_link(
    receiver: Receiver, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "durable_agents")
    notify(tmp_path, receiver.review)
    notified = notify(tmp_path, ReviewSettings())
    text = (
        "run-1: waits for a decision on request r1 until 2026-01-02 00:00+00:00. GET /api/approvals lists it, "
        "POST /api/approval/run-1 decides, and the links of the reviewers went to "
    )
    assert caplog.messages == [f"{text}the review webhook.", f"{text}{notified.location}."]


def test_the_log_does_not_say_so_of_a_request_that_could_not_be_sent(
    receiver: Receiver, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.status = 500
    caplog.set_level(logging.INFO, "durable_agents")
    with pytest.raises(ReviewWebhookError):
        notify(tmp_path, receiver.review)
    assert caplog.messages == []


def test_each_reviewer_gets_a_link_of_their_own(receiver: Receiver, tmp_path: Path) -> None:
    notify(tmp_path, receiver.review)
    ((_, body),) = receiver.received
    for link in body["links"]:
        page, _, token = link["url"].partition("#")
        claims = signer_in(tmp_path).read(token)
        assert page == "https://app.example.com/api/review"
        assert claims.reviewer == link["reviewer"]
        assert claims.model_dump(exclude={"reviewer"}) == REQUEST.model_dump(include=set(claims.model_dump()))


def test_where_nobody_is_named_there_is_one_link_for_whoever_gets_it(receiver: Receiver, tmp_path: Path) -> None:
    notify(tmp_path, receiver.review, REQUEST.model_copy(update={"reviewers": ()}))
    ((_, body),) = receiver.received
    (link,) = body["links"]
    assert link["reviewer"] is None
    assert signer_in(tmp_path).read(link["url"].partition("#")[2]).reviewer is None


def test_without_a_key_nobody_is_told_and_the_receipt_and_the_log_say_so(
    receiver: Receiver, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = ApprovalLinkSettings(tmp_path / "key", unresolved=("APPROVAL_LINK_KEY",))
    signer = LinkSigner(settings, Links(public_url="https://app.example.com"))
    drafts = drafts_in(tmp_path)
    receipt = notify_reviewer(REQUEST, review=receiver.review, outbox_dir=tmp_path, drafts=drafts, signer=signer)
    assert receipt.model_dump() == {"channel": "none", "location": None, "delivered": False}
    assert receiver.received == []
    assert [path.name for path in tmp_path.iterdir()] == ["drafts"]
    assert "run-1: the reviewers of request r1 are not told yet. APPROVAL_LINK_KEY" in caplog.text
    assert notify(tmp_path, receiver.review).model_dump()["delivered"] is True
    assert notify(tmp_path, ReviewSettings()).model_dump()["delivered"] is False


def test_the_draft_is_kept_whole_and_the_first_one_stays(tmp_path: Path) -> None:
    notify(tmp_path, ReviewSettings())
    notify(tmp_path, ReviewSettings(), REQUEST.model_copy(update={"content": "Something else."}))
    key = draft_key(REQUEST.instance_id, REQUEST.request_id)
    kept = read_draft(key, drafts_in(tmp_path))
    assert kept == KeptDraft(title=REQUEST.title, content=REQUEST.content)
    assert read_draft("another", drafts_in(tmp_path)) is None


def test_a_webhook_can_tell_a_repeat_by_its_key(receiver: Receiver, tmp_path: Path) -> None:
    receipts = [notify(tmp_path, receiver.review) for _ in range(2)]
    assert receipts[0] == receipts[1]
    assert [key for key, _ in receiver.received] == ["run-1-r1"] * 2
    assert receiver.received[0] == receiver.received[1]
    assert not (tmp_path / "outbox").exists()


def test_a_refusal_fails_without_showing_the_url(receiver: Receiver, tmp_path: Path) -> None:
    receiver.status = 503
    with pytest.raises(ReviewWebhookError, match="HTTP 503") as failure:
        notify(tmp_path, receiver.review)
    assert "secret" not in str(failure.value)


def test_an_answer_without_end_is_not_read(tmp_path: Path) -> None:
    with EndlessAnswer(200) as webhook:
        receipt = notify(tmp_path, ReviewSettings(webhook_url=webhook.url))
        assert (receipt.channel, receipt.location) == ("webhook", None)
        assert webhook.wait_until_left() < EndlessAnswer.MOST_BYTES


def test_a_webhook_that_is_down_fails_without_showing_the_url(tmp_path: Path, unused_tcp_port: int) -> None:
    review = ReviewSettings(webhook_url=f"http://127.0.0.1:{unused_tcp_port}/hook?token=secret")
    with pytest.raises(ReviewWebhookError, match="cannot be reached") as failure:
        notify(tmp_path, review)
    assert "secret" not in str(failure.value)
