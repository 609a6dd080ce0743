import email
import smtplib
from collections.abc import Iterator
from email import policy
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from activities.send_email import OutgoingEmail, send_email
from durable_agents.settings.mail import MailSettings

MESSAGE = OutgoingEmail(
    key="run-1-reply",
    recipient="Ada <ada@example.com>",
    subject="Re: Grüße\nBcc: eve@example.com",
    body="Schöne Grüße\n",
    in_reply_to="<7@example.com>",
)


class Inbox:
    """Keeps what a mail server accepted; refuses the recipient `refused@example.com`."""

    def __init__(self) -> None:
        self.received: list[Envelope] = []

    async def handle_RCPT(  # noqa: N802 - the name aiosmtpd calls
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address == "refused@example.com":
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - see above
        self.received.append(envelope)
        return "250 OK"


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def mail(inbox: Inbox, unused_tcp_port: int) -> Iterator[MailSettings]:
    """Settings of a real mail server on this machine."""
    controller = Controller(inbox, hostname="127.0.0.1", port=unused_tcp_port)
    controller.start()
    yield MailSettings(smtp_host="127.0.0.1", smtp_port=unused_tcp_port, use_starttls=False)
    controller.stop()


def test_without_a_server_one_eml_file_is_written_however_often_it_runs(tmp_path: Path) -> None:
    first = send_email(MESSAGE, mail=MailSettings(), outbox_dir=tmp_path)
    second = send_email(MESSAGE, mail=MailSettings(), outbox_dir=tmp_path)
    assert first == second
    (path,) = tmp_path.iterdir()
    assert (first.transport, first.location) == ("outbox", str(path))
    parsed = email.message_from_bytes(path.read_bytes(), policy=policy.default)
    assert parsed["Message-ID"] == first.message_id
    assert parsed["In-Reply-To"] == parsed["References"] == "<7@example.com>"
    assert parsed["Auto-Submitted"] == "auto-replied"
    assert parsed.get_content() == "Schöne Grüße\n"


def test_a_line_break_in_a_subject_starts_no_header(tmp_path: Path) -> None:
    receipt = send_email(MESSAGE, mail=MailSettings(), outbox_dir=tmp_path)
    assert receipt.location is not None
    parsed = email.message_from_bytes(Path(receipt.location).read_bytes(), policy=policy.default)
    assert parsed["Subject"] == "Re: Grüße Bcc: eve@example.com"
    assert parsed["Bcc"] is None


def test_a_server_gets_the_same_message_id_each_time(mail: MailSettings, inbox: Inbox, tmp_path: Path) -> None:
    first = send_email(MESSAGE, mail=mail, outbox_dir=tmp_path)
    second = send_email(MESSAGE, mail=mail, outbox_dir=tmp_path)
    assert first == second
    assert (first.transport, first.location) == ("smtp", None)
    assert list(tmp_path.iterdir()) == []
    ids = [
        email.message_from_bytes(bytes(envelope.original_content or b""))["Message-ID"] for envelope in inbox.received
    ]
    assert ids == [first.message_id] * 2
    assert inbox.received[0].rcpt_tos == ["ada@example.com"]


def test_another_key_is_another_message(tmp_path: Path) -> None:
    first = send_email(MESSAGE, mail=MailSettings(), outbox_dir=tmp_path)
    second = send_email(MESSAGE.model_copy(update={"key": "run-2-reply"}), mail=MailSettings(), outbox_dir=tmp_path)
    assert first.message_id != second.message_id


def test_a_refused_recipient_is_a_failure(mail: MailSettings, tmp_path: Path) -> None:
    refused = MESSAGE.model_copy(update={"recipient": "refused@example.com"})
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        send_email(refused, mail=mail, outbox_dir=tmp_path)


def test_a_server_without_tls_is_refused_unless_the_settings_allow_it(mail: MailSettings, tmp_path: Path) -> None:
    with_tls = MailSettings(smtp_host=mail.smtp_host, smtp_port=mail.smtp_port)
    with pytest.raises(smtplib.SMTPNotSupportedError):
        send_email(MESSAGE, mail=with_tls, outbox_dir=tmp_path)
