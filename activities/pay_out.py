"""Pay an amount out to somebody: here, an entry in a folder that an accounting program reads."""

from pydantic import BaseModel, Field

from durable_agents import Folder, Keyed, put_once

PAYMENTS_FOLDER = "payments"


class Payment(Keyed):
    """What is paid, to whom, and what for. `key` is the idempotency key: one key, one payment."""

    payee: str
    amount_cents: int = Field(ge=1)
    reference: str


class PaymentReceipt(BaseModel):
    """Where the entry is."""

    location: str


def pay_out(payment: Payment, *, outbox_dir: Folder) -> PaymentReceipt:
    """Write the payment into the folder of payments of the outbox and return where it is.

    Runs at least once; the entry is keyed, so running again returns the first entry.

    Raises:
        azure.core.exceptions.AzureError: Blob Storage cannot be reached or refused the write.
        OSError: The folder cannot be written.
    """
    entry = payment.model_dump_json(indent=2).encode()
    return PaymentReceipt(location=put_once(outbox_dir / PAYMENTS_FOLDER, payment.key, ".json", entry))
