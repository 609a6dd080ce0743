"""Send one e-mail: over SMTP when a server is configured, else into the outbox folder."""

import hashlib
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from activities.keyed_files import write_once
from setting_groups.mail import MailSettings

_TIMEOUT_SECONDS = 30


class OutgoingEmail(BaseModel):
    """One plain-text e-mail. `key` is its idempotency key: one key, one e-mail."""

    key: str
    recipient: str
    subject: str
    body: str
    in_reply_to: str | None = None


class EmailReceipt(BaseModel):
    """Proof that an e-mail was handed over. `location` is the .eml file, or None when a mail server took it."""

    transport: Literal["smtp", "outbox"]
    message_id: str
    location: str | None = None


def send_email(message: OutgoingEmail, *, mail: MailSettings, outbox_dir: Path) -> EmailReceipt:
    """Send the e-mail and return its receipt.

    Runs at least once. In the outbox a second run changes nothing. SMTP cannot be made exactly-once: when the process
    dies after the server took the message and before the result was recorded, it is sent again, with the same
    Message-ID, by which mail servers and readers recognise the duplicate.

    Raises:
        smtplib.SMTPException: The server refused the login, the recipient or the message.
        OSError: The server cannot be reached, or the outbox cannot be written.
    """
    email = _compose(message, mail.sender)
    if mail.smtp_host is None:
        path = write_once(outbox_dir, message.key, ".eml", email.as_bytes())
        return EmailReceipt(transport="outbox", message_id=email["Message-ID"], location=str(path))
    with smtplib.SMTP(mail.smtp_host, mail.smtp_port, timeout=_TIMEOUT_SECONDS) as server:
        if mail.use_starttls:
            server.starttls(context=ssl.create_default_context())
        if mail.username is not None and mail.password is not None:
            server.login(mail.username, mail.password)
        server.send_message(email)
    return EmailReceipt(transport="smtp", message_id=email["Message-ID"])


def _compose(message: OutgoingEmail, sender: str) -> EmailMessage:
    email = EmailMessage()
    email["From"] = sender
    email["To"] = message.recipient
    # The subject may come from a model: a line break in it would start a header of its own.
    email["Subject"] = " ".join(message.subject.split())
    email["Date"] = formatdate()
    email["Message-ID"] = _message_id(message.key, sender)
    if message.in_reply_to is not None:
        email["In-Reply-To"] = message.in_reply_to
        email["References"] = message.in_reply_to
    email.set_content(message.body)
    return email


def _message_id(key: str, sender: str) -> str:
    domain = parseaddr(sender)[1].rpartition("@")[2]
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{domain}>"
