"""Reimburse an expense: the manager approves first, then budget and compliance at the same time, then it is paid.

    submit -> manager -+- approved -> prepare -+-> budget -----+-> pay
                       +- rejected             +-> compliance -+

Use it as the form of approvals in sequence and in parallel: each is a request of its own, with reviewers and a time
limit of its own, which `request_policies` says and no executor knows. The manager's rejection ends the run at once; of
the two next to each other the first rejection does, and the other one is asked no more.
"""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Literal, Never

from agent_framework import Executor, Workflow, WorkflowBuilder, WorkflowContext, handler, response_handler
from pydantic import BaseModel, Field, StrictBool

from activities.pay_out import Payment, PaymentReceipt
from durable_agents import RequestPolicy
from durable_agents.mail import MailboxText

NAME = "expense_reimbursement"
# In the state of a run, which all its executors share.
_EXPENSE = "expense"
_KEY = "key"


class Expense(BaseModel):
    """What somebody has spent for the company. The purpose is short, so that whoever decides is shown all of it."""

    employee: MailboxText
    amount_cents: int = Field(ge=1, le=10_000_000)
    purpose: str = Field(min_length=1, max_length=500, pattern=r"\S")


class ManagerRequest(BaseModel):
    """What the manager is asked: whether it was worth it."""

    expense: Expense


class BudgetRequest(BaseModel):
    """What whoever keeps the budget is asked: whether there is money for it."""

    expense: Expense


class ComplianceRequest(BaseModel):
    """What compliance is asked: whether the rules allow it."""

    expense: Expense


class ApprovalAnswer(BaseModel):
    """The answer of each of them; None is no decision, as of who was asked no more."""

    approved: StrictBool | None
    comments: str | None = Field(default=None, max_length=1_000)


class Approval(BaseModel):
    """What one of them has decided, if anything."""

    by: Literal["manager", "budget", "compliance"]
    approved: bool | None
    comments: str | None = None


class ReimbursedExpense(BaseModel):
    """What became of the expense, and who decided so. `location` is the entry of the payment."""

    outcome: Literal["paid", "rejected"]
    approvals: list[Approval]
    location: str | None = None


class Submit(Executor):
    """Keeps the expense in the state of the run, and the key under which it may be paid."""

    def __init__(self) -> None:
        super().__init__("submit")

    @handler
    async def submit(self, expense: Expense, ctx: WorkflowContext[Expense]) -> None:
        """Pass it on to the manager."""
        ctx.set_state(_EXPENSE, expense.model_dump())
        ctx.set_state(_KEY, f"{NAME}-{uuid.uuid4().hex}")
        await ctx.send_message(expense)


class Manager(Executor):
    """Asks the manager, whose rejection ends the run."""

    def __init__(self) -> None:
        super().__init__("manager")

    @handler
    async def ask(self, expense: Expense, ctx: WorkflowContext[Approval]) -> None:
        """Ask."""
        await ctx.request_info(ManagerRequest(expense=expense), ApprovalAnswer)

    @response_handler
    async def decide(
        self, request: ManagerRequest, answer: ApprovalAnswer, ctx: WorkflowContext[Approval, ReimbursedExpense]
    ) -> None:
        """Act on the answer."""
        approval = Approval(by="manager", **answer.model_dump())
        if answer.approved:
            await ctx.send_message(approval)
        else:
            await ctx.yield_output(ReimbursedExpense(outcome="rejected", approvals=[approval]))


class Prepare(Executor):
    """Sends the manager's approval on to both who are asked next."""

    def __init__(self) -> None:
        super().__init__("prepare")

    @handler
    async def prepare(self, approval: Approval, ctx: WorkflowContext[Approval]) -> None:
        """Keep the approval for the end."""
        ctx.set_state(approval.by, approval.model_dump())
        await ctx.send_message(approval)


class Budget(Executor):
    """Asks whoever keeps the budget."""

    def __init__(self) -> None:
        super().__init__("budget")

    @handler
    async def ask(self, approval: Approval, ctx: WorkflowContext[Approval]) -> None:
        """Ask."""
        await ctx.request_info(BudgetRequest(expense=_read_expense(ctx)), ApprovalAnswer)

    @response_handler
    async def decide(self, request: BudgetRequest, answer: ApprovalAnswer, ctx: WorkflowContext[Approval]) -> None:
        """Pass the answer on."""
        await ctx.send_message(Approval(by="budget", **answer.model_dump()))


class Compliance(Executor):
    """Asks compliance."""

    def __init__(self) -> None:
        super().__init__("compliance")

    @handler
    async def ask(self, approval: Approval, ctx: WorkflowContext[Approval]) -> None:
        """Ask."""
        await ctx.request_info(ComplianceRequest(expense=_read_expense(ctx)), ApprovalAnswer)

    @response_handler
    async def decide(self, request: ComplianceRequest, answer: ApprovalAnswer, ctx: WorkflowContext[Approval]) -> None:
        """Pass the answer on."""
        await ctx.send_message(Approval(by="compliance", **answer.model_dump()))


class Pay(Executor):
    """Pays what all have approved, once for each run."""

    def __init__(self, pay_out: Callable[[Payment], PaymentReceipt]) -> None:
        super().__init__("pay")
        self._pay_out = pay_out

    @handler
    async def pay(self, decided: list[Approval], ctx: WorkflowContext[Never, ReimbursedExpense]) -> None:
        """Read what both have decided, and pay."""
        approvals = [Approval.model_validate(ctx.get_state("manager")), *decided]
        if not all(approval.approved for approval in approvals):
            await ctx.yield_output(ReimbursedExpense(outcome="rejected", approvals=approvals))
            return
        expense = _read_expense(ctx)
        payment = Payment(
            key=ctx.get_state(_KEY),
            payee=expense.employee,
            amount_cents=expense.amount_cents,
            reference=expense.purpose,
        )
        location = self._pay_out(payment).location
        await ctx.yield_output(ReimbursedExpense(outcome="paid", approvals=approvals, location=location))


def create_expense_reimbursement(pay_out: Callable[[Payment], PaymentReceipt]) -> Workflow:
    """Build the graph. `pay_out` must be safe to run twice with the same key."""
    submit, manager, prepare, pay = Submit(), Manager(), Prepare(), Pay(pay_out)
    finance: list[Executor] = [Budget(), Compliance()]
    description = "Pays an expense back once the manager, and then budget and compliance, have approved it."
    graph = WorkflowBuilder(name=NAME, description=description, start_executor=submit, output_from=[manager, pay])
    graph.add_chain([submit, manager, prepare])
    graph.add_fan_out_edges(prepare, finance)
    graph.add_fan_in_edges(finance, pay)
    return graph.build()


def expense_policies() -> dict[type, RequestPolicy]:
    """Return who is asked for what, and for how long: what nobody decides on is rejected, or fails at compliance.

    Whoever of budget and compliance rejects first spares the other one the work.
    """
    unanswered = ApprovalAnswer(approved=False, comments="Nobody has decided in time.")
    either: dict[str, Any] = {"settles": {"approved": False}, "withdrawn": ApprovalAnswer(approved=None)}
    return {
        ManagerRequest: RequestPolicy(reviewers=["manager"], expires_after=timedelta(days=7), otherwise=unanswered),
        BudgetRequest: RequestPolicy(
            reviewers=["budget"], expires_after=timedelta(days=3), otherwise=unanswered, **either
        ),
        # Nothing may pass for a decision of theirs.
        ComplianceRequest: RequestPolicy(reviewers=["compliance"], expires_after=timedelta(days=14), **either),
    }


def _read_expense(ctx: WorkflowContext[Any, Any]) -> Expense:
    return Expense.model_validate(ctx.get_state(_EXPENSE))
