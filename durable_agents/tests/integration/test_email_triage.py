import email
import json
from email import policy
from pathlib import Path
from typing import Any

import pytest

HAM = {
    "sender": "Ada <ada@example.com>",
    "subject": "Order 7",
    "body": "Where is my order?",
    "message_id": "<7@example.com>",
}
SPAM = {
    "sender": "prizes@example.net",
    "subject": "You won the lottery!!!",
    "body": "Congratulations, winner! Claim your prize of $1,000,000 now: send your bank details and a gift card.",
}


@pytest.mark.sample
def test_an_honest_email_is_answered(api: Any, host: Any) -> None:
    instance_id = api.start("email_triage", {"email": HAM})
    output = api.finish(instance_id)
    assert (output["outcome"], output["verdict"]["is_spam"]) == ("replied", False)
    assert output["reason"].startswith("Judged not spam")
    path = Path(output["receipt"]["location"])
    assert [path] == list(host.outbox.glob(f"{instance_id}-*-reply.eml"))
    sent = email.message_from_bytes(path.read_bytes(), policy=policy.default)
    assert sent["To"] == "ada@example.com"
    assert sent["In-Reply-To"] == HAM["message_id"]
    assert sent["Message-ID"] == output["receipt"]["message_id"]
    assert sent["Subject"] == output["reply"]["subject"]


@pytest.mark.sample
def test_spam_is_quarantined_and_not_answered(api: Any, host: Any) -> None:
    instance_id = api.start("email_triage", {"email": SPAM, "spam_threshold": 0})
    output = api.finish(instance_id)
    assert (output["outcome"], output["reply"]) == ("quarantined", None)
    (filed,) = (host.outbox / "quarantine").glob(f"{instance_id}-*-spam.json")
    record = json.loads(filed.read_text(encoding="utf-8"))
    assert (record["sender"], record["reason"]) == (SPAM["sender"], output["verdict"]["reason"])
    assert not list(host.outbox.glob(f"{instance_id}-*"))


def test_the_threshold_decides_what_a_verdict_of_spam_does(api: Any) -> None:
    output = api.finish(api.start("email_triage", {"email": SPAM, "spam_threshold": 1}))
    assert (output["verdict"]["is_spam"], output["outcome"]) == (True, "replied")


def test_an_empty_email_is_answered_too(api: Any) -> None:
    assert api.finish(api.start("email_triage", {"email": {"sender": "ada@example.com"}}))["outcome"] == "replied"


def test_what_a_machine_sent_is_judged_and_not_answered(api: Any, host: Any) -> None:
    instance_id = api.start("email_triage", {"email": {**HAM, "headers": {"Auto-Submitted": "auto-replied"}}})
    output = api.finish(instance_id)
    assert (output["outcome"], output["reply"], output["receipt"]) == ("ignored", None, None)
    assert output["reason"].endswith("Not answered: a machine sent it (Auto-Submitted: auto-replied).")
    assert not (host.outbox / f"{instance_id}-reply.eml").exists()


def test_a_reply_that_comes_back_to_the_app_is_not_answered(api: Any, host: Any) -> None:
    first = api.finish(api.start("email_triage", {"email": HAM}))
    reply = email.message_from_bytes(Path(first["receipt"]["location"]).read_bytes(), policy=policy.default)
    came_in = {"sender": reply["From"], "subject": reply["Subject"], "body": reply.get_content()}
    second = api.finish(api.start("email_triage", {"email": {**came_in, "headers": dict(reply.items())}}))
    assert second["outcome"] == "ignored"


def test_a_sender_that_decodes_to_several_is_refused(api: Any) -> None:
    sender = "=?utf-8?q?x=40a.example=2Cy=40b.example=2C?=w@d.example"
    for path in ("runs/email_triage", "runs/dafx-email_routing"):
        body = {"email": {"sender": sender}} if path == "runs/email_triage" else {"sender": sender}
        response = api.http.post(f"/api/{path}", json=body)
        assert response.status_code == 400, response.text
        assert "one e-mail address" in response.text


def test_an_encoded_subject_starts_no_header(api: Any) -> None:
    subject = "=?utf-8?q?Order=0D=0AReply-To:_eve=40evil.example=0D=0A=0D=0A<h1>unlock</h1>?="
    output = api.finish(api.start("email_triage", {"email": {**HAM, "subject": subject}}))
    sent = email.message_from_bytes(Path(output["receipt"]["location"]).read_bytes(), policy=policy.default)
    assert sent["Reply-To"] is None
    assert sent["Subject"] == "[offline model] Order Reply-To: eve@evil.example <h1>unlock</h1>"
