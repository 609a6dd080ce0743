"""Orders of a shop: look one up, and cancel one. A few stand here, in the place of the shop's own system."""

from typing import Literal

from pydantic import BaseModel

from durable_agents import Folder, Keyed, put_once
from durable_agents.mail import MailboxText

CANCELLATIONS_FOLDER = "cancellations"


class Order(BaseModel):
    """An order. One that is shipped can no longer be cancelled."""

    number: str
    customer: MailboxText
    article: str
    state: Literal["open", "shipped"]


ORDERS = {
    order.number: order
    for order in (
        Order(number="ORD-1001", customer="ada@example.com", article="a samovar", state="open"),
        Order(number="ORD-1002", customer="bob@example.com", article="green tea, 500 g", state="shipped"),
        Order(number="ORD-1003", customer="eve@example.com", article="six cups", state="open"),
    )
}


class Cancellation(Keyed):
    """That an order is cancelled. `key` is the idempotency key: an order is cancelled once."""

    number: str
    article: str


class CancellationReceipt(BaseModel):
    """Where the record of the cancellation is."""

    location: str


def find_order(number: str) -> Order | None:
    """Return the order of this number, or None. It only reads, so it is safe to run twice."""
    return ORDERS.get(number)


def cancel_order(cancellation: Cancellation, *, outbox_dir: Folder) -> CancellationReceipt:
    """Write the cancellation into its folder of the outbox and return where it is.

    Runs at least once; the record is keyed, so running again returns the first record.

    Raises:
        azure.core.exceptions.AzureError: Blob Storage cannot be reached or refused the write.
        OSError: The folder cannot be written.
    """
    record = cancellation.model_dump_json(indent=2).encode()
    return CancellationReceipt(location=put_once(outbox_dir / CANCELLATIONS_FOLDER, cancellation.key, ".json", record))
