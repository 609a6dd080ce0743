"""The template's mail by Azure Communication Services: as protected as that over SMTP, and one for a key."""

from pathlib import Path

from activities.send_email import OutgoingEmail, send_email
from durable_agents.tests.support.mail_service import Identity, MailService
from settings import MailSettings

MESSAGE = OutgoingEmail(
    key="run-1-reply",
    recipient="Ada <ada@example.com>",
    subject="Re: =?utf-8?q?Gr=C3=BC=C3=9Fe=0D=0A?=\nBcc: eve@example.com",
    body="Schöne Grüße\n",
    in_reply_to="<7@example.com>",
)


def test_the_service_gets_one_mail_for_a_key_with_the_headers_of_an_answer_and_no_line_break(tmp_path: Path) -> None:
    with MailService() as service:
        mail = MailSettings(sender="Agents <agents@example.com>", service_url=service.url)
        receipts = [send_email(MESSAGE, mail=mail, outbox_dir=tmp_path, credential=Identity()) for _ in range(2)]
    assert receipts[0] == receipts[1]
    shown = receipts[0].model_dump(exclude={"message_id"})
    assert shown == {"transport": "service", "delivered": True, "location": None}
    assert list(service.sent) == [receipts[0].message_id]
    sent = service.sent[receipts[0].message_id]
    assert sent["content"] == {"subject": "Re: Grüße Bcc: eve@example.com", "plainText": "Schöne Grüße\n"}
    assert (sent["senderAddress"], sent["recipients"]) == (
        "agents@example.com",
        {"to": [{"address": "ada@example.com"}]},
    )
    thread = {"In-Reply-To": "<7@example.com>", "References": "<7@example.com>"}
    assert sent["headers"] == {"Auto-Submitted": "auto-replied", **thread}
    assert list(tmp_path.iterdir()) == []
