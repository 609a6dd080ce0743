"""Whatever is accepted as an e-mail to send arrives as what was checked: at one recipient, with our headers only."""

import email
import re
from collections.abc import Callable, Iterator
from email import policy
from email.message import EmailMessage
from email.utils import getaddresses
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from activities.send_email import OutgoingEmail, send_email
from durable_agents.mail import read_mailbox
from settings import MailSettings

HEADERS = ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "In-Reply-To", "References"]
HEADERS += ["MIME-Version", "Content-Type", "Content-Transfer-Encoding"]

# What addresses, names and headers are made of, and what readers of e-mail have been led astray with.
PIECES = ["a", "b", "@", "@", ".", ",", ";", ":", "<", ">", "(", ")", '"', "\\", " ", "[", "]", "'", "%", "!", "=", "?"]
PIECES += ["=?utf-8?q?", "=?utf-8?b?", "=?UTF-7?Q?", "?=", "=0A", "=0D=0A", "=2C", "=40", "_", "x@y.z", "<a@b.c>"]
PIECES += ["=?utf-8?b?QSxCQGMuZA==?=", "=?utf-8?q?=0D=0ABcc:_eve=40evil.example?=", "=?utf-8?q?a=40b.c=2C?="]
PIECES += ["\r\n", "\n", "\t", "\x00", "\x0b", "\x7f", "\x85", "\x1b[2J", "\u2028", "\u200b", "\u202e", "\u00a0"]
PIECES += ["\u3000", "\ufeff", "é", "\u0430", "\U0001f600", "Ada", "Bcc:", "mailto:", "eve@evil.example"]

MIXED = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
ADDRESSES = st.sampled_from(["ada@example.com", "x@y.z", "o'hara+tag@a-b.example", "{a}|b~@c.example", "a@b"])
SENDERS = st.one_of(
    MIXED,
    ADDRESSES,
    st.builds("{} <{}>".format, MIXED, ADDRESSES),
    st.builds('"{}" <{}>'.format, MIXED, ADDRESSES),
    st.builds("{}{}".format, MIXED, ADDRESSES),
)
LINES = st.one_of(MIXED, st.text(max_size=200), st.text(alphabet="xyz ", min_size=50, max_size=1_500))


class Inbox:
    """Keeps what a mail server accepted since the last look."""

    def __init__(self) -> None:
        self.received: list[Envelope] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - its name
        self.received.append(envelope)
        return "250 OK"


@pytest.fixture(scope="module")
def server(unused_tcp_port_factory: Callable[[], int]) -> Iterator[tuple[Inbox, MailSettings]]:
    """A real mail server on this machine, and the settings that lead to it."""
    inbox, port = Inbox(), unused_tcp_port_factory()
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    yield inbox, MailSettings(smtp_host="127.0.0.1", smtp_port=port, use_starttls=False, sender="Shop <s@shop.example>")
    controller.stop()


def accepted(recipient: str, subject: str, body: str, in_reply_to: str | None) -> OutgoingEmail:
    try:
        return OutgoingEmail(key="k", recipient=recipient, subject=subject, body=body, in_reply_to=in_reply_to)
    except ValidationError:
        assume(False)
        raise


def check_what_arrives(message: OutgoingEmail, server: tuple[Inbox, MailSettings], tmp_path: Path) -> None:
    inbox, mail = server
    send_email(message, mail=mail, outbox_dir=tmp_path)
    (envelope,) = inbox.received
    inbox.received.clear()
    recipient = read_mailbox(message.recipient).address
    assert (envelope.mail_from, envelope.rcpt_tos) == ("s@shop.example", [recipient])

    sent = bytes(envelope.original_content or b"")
    expected = [name for name in HEADERS if message.in_reply_to or name not in {"In-Reply-To", "References"}]
    head, _, _ = sent.partition(b"\r\n\r\n")
    lines = head.decode("ascii").split("\r\n")
    assert all(line.isprintable() and len(line) <= 998 for line in lines)
    assert [line.partition(":")[0] for line in lines if not line.startswith(" ")] == expected

    read = email.message_from_bytes(sent, policy=policy.default)
    assert isinstance(read, EmailMessage)
    assert (list(read.keys()), read.defects) == (expected, [])
    assert getaddresses([read["To"]]) == [("", recipient)]
    assert read["Subject"] == message.subject
    assert read["In-Reply-To"] == read["References"] == message.in_reply_to
    assert read["Auto-Submitted"] == "auto-replied"
    assert read.get_content().replace("\r\n", "\n").rstrip("\n") == re.sub("\r\n?", "\n", message.body).rstrip("\n")

    # Whoever passes it on with Python's own package, whole or header by header, writes no more than that.
    again = email.message_from_bytes(read.as_bytes(), policy=policy.default)
    assert (list(again.keys()), again["To"]) == (expected, recipient)
    copy = EmailMessage()
    for name in ("To", "Subject", "In-Reply-To"):
        copy[name] = str(read[name] or "")
    copied = email.message_from_bytes(copy.as_bytes(), policy=policy.default)
    assert list(copied.keys()) == ["To", "Subject", "In-Reply-To"]
    assert getaddresses([copied["To"]]) == [("", recipient)]


@pytest.mark.smoke
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(recipient=SENDERS)
@example(recipient="=?utf-8?q?x=40a.example=2Cy=40b.example=2Cz=40c.example=2C?=w@d.example")
@example(recipient="=?utf-8?q?Ada=0D=0ABcc:_eve=40evil.example=0D=0AX-Injected:_yes?= <ada@example.com>")
@example(recipient="=?utf-8?q?=3Ceve=40evil.example=3E=2C?= <ada@example.com>")
@example(recipient="=?utf-8?b?QSxCQGMuZA==?=\xe9\\Ada x@y.z")
@example(recipient="=?utf-8?q?a=40evil.example=2C?=b@example.com")
@example(recipient="=?utf-8?q?a=40evil.example=2Cb?=@example.com")
@example(recipient="o'hara+tag@a-b.example")
def test_one_recipient_gets_it(recipient: str, server: tuple[Inbox, MailSettings], tmp_path: Path) -> None:
    message = accepted(recipient, "Hello", "Hello.", None)
    assert read_mailbox(message.recipient).address in recipient
    assert read_mailbox(message.recipient) == read_mailbox(recipient)
    check_what_arrives(message, server, tmp_path)


@pytest.mark.smoke
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(subject=LINES)
@example(
    subject="=?utf-8?q?Order=0D=0AReply-To:_eve=40evil.example=0D=0AContent-Type:_text/html=0D=0A=0D=0A<h1>hi</h1>?="
)
@example(subject="Re: =?utf-8?b?YQ0KQmNjOiBldmVAZXZpbA==?=")
@example(subject="=?utf-8?q?=3D=3Futf-8=3Fq=3Fa=3D0D=3D0ABcc=3A=5Feve=3F=3D?=")
@example(subject="a\r\nBcc: eve@evil.example")
@example(subject="a\x0bb\x85Bcc: x\u2028b\x00\x1b[2J")
@example(subject="2+2=? and =?b?= of it")
@example(subject="x" * 5_000)
def test_a_subject_is_one_line(subject: str, server: tuple[Inbox, MailSettings], tmp_path: Path) -> None:
    message = accepted("ada@example.com", subject, "Hello.", None)
    assert message.subject.isprintable()
    check_what_arrives(message, server, tmp_path)


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(in_reply_to=st.one_of(MIXED, st.from_regex(r"\A<[!-=@-~]{1,880}>\Z")))
@example(in_reply_to="=?utf-8?q?<7=40a>=0D=0ABcc:_eve=40evil.example?=")
@example(in_reply_to="<7@example.com>")
def test_a_message_id_is_no_other_header(in_reply_to: str, server: tuple[Inbox, MailSettings], tmp_path: Path) -> None:
    check_what_arrives(accepted("ada@example.com", "Hello", "Hello.", in_reply_to), server, tmp_path)


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=st.one_of(MIXED, st.text(), st.text(alphabet=" .=\n\r\tFrom x", max_size=400)))
@example(body=".\r\n.\r\nQUIT\r\n")
@example(body="From a\nb \n")
@example(body="x" * 3_000)
def test_a_body_arrives_as_it_was_written(body: str, server: tuple[Inbox, MailSettings], tmp_path: Path) -> None:
    check_what_arrives(accepted("ada@example.com", "Hello", body, None), server, tmp_path)
