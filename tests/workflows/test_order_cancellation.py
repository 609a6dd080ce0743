"""The chain in this process: each order takes the way that it should, and nothing is done twice."""

import pytest

from activities.cancel_order import Cancellation, CancellationReceipt, find_order
from activities.send_email import EmailReceipt, OutgoingEmail
from workflows.order_cancellation import CancelledOrder, create_order_cancellation


class Shop:
    """What the graph does outside, noted down."""

    def __init__(self) -> None:
        self.cancelled: list[Cancellation] = []
        self.sent: list[OutgoingEmail] = []

    def cancel(self, cancellation: Cancellation) -> CancellationReceipt:
        self.cancelled.append(cancellation)
        return CancellationReceipt(location=f"{cancellation.key}.json")

    def send(self, email: OutgoingEmail) -> EmailReceipt:
        self.sent.append(email)
        return EmailReceipt(transport="outbox", message_id="m", location=f"{email.key}.eml")

    async def run(self, number: str) -> CancelledOrder:
        result = await create_order_cancellation(find_order, self.cancel, self.send).run(number)
        (output,) = result.get_outputs()
        assert isinstance(output, CancelledOrder)
        return output


@pytest.fixture
def shop() -> Shop:
    return Shop()


async def test_an_open_order_is_cancelled_and_its_customer_told(shop: Shop) -> None:
    output = await shop.run(" ORD-1001\n")
    (cancellation,), (email,) = shop.cancelled, shop.sent
    assert output == CancelledOrder(
        number="ORD-1001", outcome="cancelled", record=f"{cancellation.key}.json", location=f"{email.key}.eml"
    )
    assert (cancellation.number, email.recipient) == ("ORD-1001", "ada@example.com")
    assert "a samovar" in email.body


@pytest.mark.parametrize(
    ("number", "outcome"), [("ORD-1002", "already_shipped"), ("ORD-7", "unknown"), ("", "unknown")]
)
async def test_nothing_is_done_to_any_other_order(shop: Shop, number: str, outcome: str) -> None:
    assert (await shop.run(number)).outcome == outcome
    assert (shop.cancelled, shop.sent) == ([], [])


async def test_the_same_order_is_cancelled_under_the_same_key(shop: Shop) -> None:
    await shop.run("ORD-1003")
    await shop.run("ORD-1003")
    assert len({cancellation.key for cancellation in shop.cancelled}) == 1
    assert len({email.key for email in shop.sent}) == 1
