"""Put a spam e-mail into quarantine, with the verdict that sent it there."""

from pydantic import BaseModel

from durable_agents import Folder, Keyed, put_once

QUARANTINE_FOLDER = "quarantine"


class SpamReport(Keyed):
    """A spam e-mail and why it is held to be one. `key` is the idempotency key; `confidence` is between 0 and 1."""

    sender: str
    subject: str
    body: str
    message_id: str | None = None
    confidence: float
    reason: str


class QuarantineReceipt(BaseModel):
    """Where the record of a quarantined e-mail is."""

    location: str


def handle_spam_email(report: SpamReport, *, outbox_dir: Folder) -> QuarantineReceipt:
    """Write the report into the quarantine folder of the outbox and return where it is.

    Runs at least once; the record is keyed, so running again returns the first record.

    Raises:
        azure.core.exceptions.AzureError: Blob Storage cannot be reached or refused the write.
        OSError: The folder cannot be written.
    """
    record = report.model_dump_json(indent=2).encode()
    location = put_once(outbox_dir / QUARANTINE_FOLDER, report.key, ".json", record)
    return QuarantineReceipt(location=location)
