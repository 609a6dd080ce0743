"""Cancel an order: look it up, cancel it, confirm that by e-mail.

    look_up -> cancel -> confirm

Use it as the form of a chain: each step needs the one before it, and what all of them know is in the state of the run.
A run begins with the number of the order as plain text. One that is unknown or shipped ends at `look_up`.
"""

from collections.abc import Callable
from typing import Any, Literal, Never

from agent_framework import Executor, Workflow, WorkflowBuilder, WorkflowContext, handler
from pydantic import BaseModel

from activities.cancel_order import Cancellation, CancellationReceipt, Order
from activities.send_email import EmailReceipt, OutgoingEmail

NAME = "order_cancellation"
# In the state of a run, which all its executors share.
_ORDER = "order"


class CancelledOrder(BaseModel):
    """What became of the order. `record` is where the cancellation is noted, `location` the file of the e-mail."""

    number: str
    outcome: Literal["cancelled", "already_shipped", "unknown"]
    record: str | None = None
    location: str | None = None


class LookUp(Executor):
    """Finds the order, and goes on only with one that can be cancelled."""

    def __init__(self, find_order: Callable[[str], Order | None]) -> None:
        super().__init__("look_up")
        self._find_order = find_order

    @handler
    async def look_up(self, number: str, ctx: WorkflowContext[str, CancelledOrder]) -> None:
        """Keep the order in the state of the run."""
        order = self._find_order(number.strip())
        if order is None:
            await ctx.yield_output(CancelledOrder(number=number.strip(), outcome="unknown"))
        elif order.state == "shipped":
            await ctx.yield_output(CancelledOrder(number=order.number, outcome="already_shipped"))
        else:
            ctx.set_state(_ORDER, order.model_dump())
            await ctx.send_message(order.number)


class Cancel(Executor):
    """Cancels the order, once: the key is made of its number, so a second run finds it cancelled."""

    def __init__(self, cancel_order: Callable[[Cancellation], CancellationReceipt]) -> None:
        super().__init__("cancel")
        self._cancel_order = cancel_order

    @handler
    async def cancel(self, number: str, ctx: WorkflowContext[CancellationReceipt]) -> None:
        """Note the cancellation where orders are kept."""
        order = _read_order(ctx)
        cancellation = Cancellation(key=f"{NAME}-{number}", number=number, article=order.article)
        await ctx.send_message(self._cancel_order(cancellation))


class Confirm(Executor):
    """Tells the customer, once for each order as far as the mail server allows it."""

    def __init__(self, send_email: Callable[[OutgoingEmail], EmailReceipt]) -> None:
        super().__init__("confirm")
        self._send_email = send_email

    @handler
    async def confirm(self, receipt: CancellationReceipt, ctx: WorkflowContext[Never, CancelledOrder]) -> None:
        """Send the confirmation."""
        order = _read_order(ctx)
        sent = self._send_email(
            OutgoingEmail(
                key=f"{NAME}-{order.number}-confirmation",
                recipient=order.customer,
                subject=f"Order {order.number} is cancelled",
                body=f"Your order of {order.article} is cancelled. You have not been charged.",
            )
        )
        await ctx.yield_output(
            CancelledOrder(number=order.number, outcome="cancelled", record=receipt.location, location=sent.location)
        )


def create_order_cancellation(
    find_order: Callable[[str], Order | None],
    cancel_order: Callable[[Cancellation], CancellationReceipt],
    send_email: Callable[[OutgoingEmail], EmailReceipt],
) -> Workflow:
    """Build the graph. The last two functions must be safe to run twice with the same key."""
    look_up, cancel, confirm = LookUp(find_order), Cancel(cancel_order), Confirm(send_email)
    description = "Cancels an order and tells the customer."
    graph = WorkflowBuilder(name=NAME, description=description, start_executor=look_up, output_from=[look_up, confirm])
    return graph.add_chain([look_up, cancel, confirm]).build()


def _read_order(ctx: WorkflowContext[Any, Any]) -> Order:
    return Order.model_validate(ctx.get_state(_ORDER))
