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
    assert path == host.outbox / f"{instance_id}-reply.eml"
    sent = email.message_from_bytes(path.read_bytes(), policy=policy.default)
    assert sent["To"] == HAM["sender"]
    assert sent["In-Reply-To"] == HAM["message_id"]
    assert sent["Message-ID"] == output["receipt"]["message_id"]
    assert sent["Subject"] == output["reply"]["subject"]


@pytest.mark.sample
def test_spam_is_quarantined_and_not_answered(api: Any, host: Any) -> None:
    instance_id = api.start("email_triage", {"email": SPAM, "spam_threshold": 0})
    output = api.finish(instance_id)
    assert (output["outcome"], output["reply"]) == ("quarantined", None)
    record = json.loads((host.outbox / "quarantine" / f"{instance_id}-spam.json").read_text(encoding="utf-8"))
    assert (record["sender"], record["reason"]) == (SPAM["sender"], output["verdict"]["reason"])
    assert not (host.outbox / f"{instance_id}-reply.eml").exists()


def test_the_threshold_decides_what_a_verdict_of_spam_does(api: Any) -> None:
    output = api.finish(api.start("email_triage", {"email": SPAM, "spam_threshold": 1}))
    assert (output["verdict"]["is_spam"], output["outcome"]) == (True, "replied")


def test_an_empty_email_is_answered_too(api: Any) -> None:
    assert api.finish(api.start("email_triage", {"email": {"sender": "ada@example.com"}}))["outcome"] == "replied"
