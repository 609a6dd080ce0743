"""Send one e-mail: by Azure Communication Services or over SMTP, as the settings say, else into the outbox folder."""

import binascii
import hashlib
import smtplib
import ssl
from email.utils import formatdate
from typing import Annotated, Literal, Self
from uuid import NAMESPACE_URL, uuid5

from azure.core.credentials import TokenCredential
from pydantic import BaseModel, Field, computed_field

from durable_agents import Folder, Keyed, put_once
from durable_agents.mail import (
    HeaderLine,
    Mailbox,
    MailboxText,
    MessageId,
    read_mailbox,
    write_line,
    write_mailbox,
)
from durable_agents.mail_service import ServiceMail, send_by_service
from settings import MailSettings

_TIMEOUT_SECONDS = 30


class Email(BaseModel):
    """An e-mail that came in; encoded words in `sender` and `subject` are decoded.

    `message_id` is its Message-ID header, so that the reply joins the thread. `headers` are others of its headers: with
    `Auto-Submitted` and `Precedence` among them, what a machine has sent is told from what a human has.
    """

    sender: MailboxText
    subject: HeaderLine = Field(default="", max_length=1_000)
    body: str = Field(default="", max_length=100_000)
    message_id: MessageId | None = None
    headers: dict[str, Annotated[str, Field(max_length=4_000)]] = Field(default_factory=dict, max_length=100)

    def as_text(self) -> str:
        """Return what an agent reads of it."""
        return f"From: {self.sender}\nSubject: {self.subject}\n\n{self.body}"


class OutgoingEmail(Keyed):
    """One plain-text e-mail, to one recipient. `key` is its idempotency key: one key, one e-mail."""

    recipient: MailboxText
    subject: HeaderLine
    body: str
    in_reply_to: MessageId | None = None

    @classmethod
    def replying_to(cls, email: Email, subject: str, body: str) -> Self:
        """Return the reply to an e-mail, in its thread."""
        return cls(recipient=email.sender, subject=subject, body=body, in_reply_to=email.message_id)


class EmailReceipt(BaseModel):
    """Where an e-mail went. `location` is the .eml file, or None when a mail server or service took it.

    Only these have `delivered` it: what lies in the outbox, nobody gets. The service makes Message-IDs itself, so
    `message_id` is then the id of its operation.
    """

    transport: Literal["smtp", "service", "outbox"]
    message_id: str
    location: str | None = None

    @computed_field
    def delivered(self) -> bool:
        """Whether it is on its way."""
        return self.transport != "outbox"


def send_email(
    message: OutgoingEmail, *, mail: MailSettings, outbox_dir: Folder, credential: TokenCredential | None = None
) -> EmailReceipt:
    """Send the e-mail and return its receipt. Without a `credential`, the service gets the identity of the app.

    Runs at least once, and is registered to act once for its key. SMTP cannot be made exactly-once: when the process
    dies after the server took the message and before the receipt was kept, it is sent again, with the same Message-ID,
    by which mail servers and readers recognise the duplicate. The service sends one e-mail for a key, whatever dies. In
    the outbox a second run changes nothing.

    Raises:
        MailServiceError: The service cannot be reached, or refused the app's identity or the message.
        smtplib.SMTPException: The server refused the login, the recipient or the message.
        azure.core.exceptions.AzureError: Blob Storage cannot be reached or refused the write.
        OSError: The server cannot be reached, or the outbox cannot be written.
    """
    sender, recipient = read_mailbox(mail.sender), read_mailbox(message.recipient).address
    if mail.service_url is not None:
        operation_id = uuid5(NAMESPACE_URL, message.key)
        answer = ServiceMail(sender.address, recipient, message.subject, message.body, _of_an_answer(message))
        send_by_service(mail.service_url, answer, operation_id, credential=credential)
        return EmailReceipt(transport="service", message_id=str(operation_id))
    message_id = _message_id(message.key, sender)
    content = _compose(message, sender, recipient, message_id)
    if mail.smtp_host is None:
        location = put_once(outbox_dir, message.key, ".eml", content.encode("ascii"))
        return EmailReceipt(transport="outbox", message_id=message_id, location=location)
    with smtplib.SMTP(mail.smtp_host, mail.smtp_port, timeout=_TIMEOUT_SECONDS) as server:
        if mail.use_starttls:
            server.starttls(context=ssl.create_default_context())
        if mail.username is not None and mail.password is not None:
            server.login(mail.username, mail.password)
        # Not send_message, which would read the recipients out of the headers again.
        server.sendmail(sender.address, [recipient], content)
    return EmailReceipt(transport="smtp", message_id=message_id)


def _compose(message: OutgoingEmail, sender: Mailbox, recipient: str, message_id: str) -> str:
    """Return the e-mail, in ASCII only. The name of the recipient is not in it, for a stranger chose that."""
    headers = {
        "From": write_mailbox(sender),
        "To": recipient,
        "Subject": write_line(message.subject),
        "Date": formatdate(),
        "Message-ID": message_id,
        **_of_an_answer(message),
        "MIME-Version": "1.0",
        "Content-Type": 'text/plain; charset="utf-8"',
        "Content-Transfer-Encoding": "quoted-printable",
    }
    head = "".join(f"{name}: {value}\n" for name, value in headers.items())
    lines = message.body.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n") + "\n"
    return f"{head}\n{binascii.b2a_qp(lines.encode(), istext=True).decode('ascii')}"


def _of_an_answer(message: OutgoingEmail) -> dict[str, str]:
    """Return the headers by which no other machine answers it (RFC 3834), and by which it joins its thread."""
    headers = {"Auto-Submitted": "auto-replied"}
    if message.in_reply_to is not None:
        headers |= {"In-Reply-To": message.in_reply_to, "References": message.in_reply_to}
    return headers


def _message_id(key: str, sender: Mailbox) -> str:
    domain = sender.address.rpartition("@")[2]
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{domain}>"
