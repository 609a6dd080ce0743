"""ShopAssistant: refunds orders, each after a human has approved it."""

from typing import Annotated, Any, Protocol

from agent_framework import Agent, FunctionInvocationContext, SupportsChatGetResponse, tool
from pydantic import Field

NAME = "ShopAssistant"
DESCRIPTION = "Refunds orders of a shop. A human approves each refund before it is made."
INSTRUCTIONS = """\
You help the customers of a shop with refunds.

- Refund an order only when the customer has named its number and the amount.
- A human decides on every refund. If it is rejected, tell the customer why, and do not try it again.
- When it is made, tell the customer the number of the receipt."""


class IssueRefund(Protocol):
    """Makes a refund and returns the number of its receipt; with the same key it does so only once."""

    def __call__(self, key: str, order_id: str, amount_cents: int) -> str: ...


def create_shop_assistant(chat_client: SupportsChatGetResponse[Any], issue_refund: IssueRefund) -> Agent[Any]:
    """Create the agent. Its tool is safe to run twice: the refund has the idempotency key of the call."""

    @tool(approval_mode="always_require")
    def refund_order(
        order_id: Annotated[str, Field(description="The number of the order", max_length=40)],
        amount_cents: Annotated[int, Field(description="What the customer gets back, in cents", ge=1, le=1_000_000)],
        context: FunctionInvocationContext,
    ) -> str:
        """Pay back an order, in whole or in part."""
        receipt = issue_refund(context.metadata["idempotency_key"], order_id, amount_cents)
        return f"Refunded {amount_cents / 100:.2f} for order {order_id}. Receipt: {receipt[:12]}."

    return Agent(chat_client, INSTRUCTIONS, name=NAME, description=DESCRIPTION, tools=[refund_order])
