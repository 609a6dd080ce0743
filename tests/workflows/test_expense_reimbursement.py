"""The approvals in this process: the manager first, then two next to each other."""

from typing import Any

import pytest
from agent_framework import WorkflowRunResult
from pydantic import ValidationError

from activities.pay_out import Payment, PaymentReceipt
from workflows.expense_reimbursement import (
    Approval,
    ApprovalAnswer,
    BudgetRequest,
    ComplianceRequest,
    Expense,
    ManagerRequest,
    ReimbursedExpense,
    create_expense_reimbursement,
    expense_policies,
)

EXPENSE = Expense(employee="ada@example.com", amount_cents=12_050, purpose="Train to Berlin")
YES, NO = ApprovalAnswer(approved=True), ApprovalAnswer(approved=False, comments="No money.")


class Cashier:
    """Where expenses are paid, and the graph that decides which."""

    def __init__(self) -> None:
        self.paid: list[Payment] = []
        self.graph = create_expense_reimbursement(self.pay)

    def pay(self, payment: Payment) -> PaymentReceipt:
        self.paid.append(payment)
        return PaymentReceipt(location=f"{payment.key}.json")

    async def answer(self, asked: WorkflowRunResult, answers: dict[type, ApprovalAnswer]) -> WorkflowRunResult:
        events = asked.get_request_info_events()
        assert {type(event.data) for event in events} == answers.keys()
        return await self.graph.run(responses={event.request_id: answers[type(event.data)] for event in events})


def output_of(result: WorkflowRunResult) -> ReimbursedExpense:
    (output,) = result.get_outputs()
    assert isinstance(output, ReimbursedExpense)
    return output


@pytest.fixture
def cashier() -> Cashier:
    return Cashier()


async def test_what_all_three_approve_is_paid(cashier: Cashier) -> None:
    asked = await cashier.graph.run(EXPENSE)
    asked = await cashier.answer(asked, {ManagerRequest: YES})
    assert cashier.paid == []
    output = output_of(await cashier.answer(asked, {BudgetRequest: YES, ComplianceRequest: YES}))
    (payment,) = cashier.paid
    assert (payment.payee, payment.amount_cents, payment.reference) == ("ada@example.com", 12_050, "Train to Berlin")
    assert (output.outcome, output.location) == ("paid", f"{payment.key}.json")
    assert [approval.by for approval in output.approvals] == ["manager", "budget", "compliance"]


async def test_a_rejection_of_the_manager_ends_it(cashier: Cashier) -> None:
    output = output_of(await cashier.answer(await cashier.graph.run(EXPENSE), {ManagerRequest: NO}))
    assert output == ReimbursedExpense(
        outcome="rejected", approvals=[Approval(by="manager", approved=False, comments="No money.")]
    )
    assert cashier.paid == []


@pytest.mark.parametrize(("budget", "compliance"), [(YES, NO), (NO, YES), (NO, NO)])
async def test_one_rejection_of_the_two_is_enough(
    cashier: Cashier, budget: ApprovalAnswer, compliance: ApprovalAnswer
) -> None:
    asked = await cashier.answer(await cashier.graph.run(EXPENSE), {ManagerRequest: YES})
    output = output_of(await cashier.answer(asked, {BudgetRequest: budget, ComplianceRequest: compliance}))
    assert output.outcome == "rejected"
    assert [approval.approved for approval in output.approvals] == [True, budget.approved, compliance.approved]
    assert cashier.paid == []


async def test_who_was_asked_no_more_has_not_decided(cashier: Cashier) -> None:
    withdrawn = expense_policies()[ComplianceRequest].withdrawn
    asked = await cashier.answer(await cashier.graph.run(EXPENSE), {ManagerRequest: YES})
    output = output_of(await cashier.answer(asked, {BudgetRequest: NO, ComplianceRequest: withdrawn}))
    assert output.outcome == "rejected"
    assert [approval.approved for approval in output.approvals] == [True, False, None]
    assert cashier.paid == []


def test_each_is_asked_for_and_none_waits_for_ever() -> None:
    policies = expense_policies()
    assert {kind.__name__: policy.reviewers for kind, policy in policies.items()} == {
        "ManagerRequest": ["manager"],
        "BudgetRequest": ["budget"],
        "ComplianceRequest": ["compliance"],
    }
    assert all(policy.expires_after for policy in policies.values())
    assert policies[ManagerRequest].settles is None
    for kind in (BudgetRequest, ComplianceRequest):
        assert policies[kind].is_settled_by(NO)
        assert not policies[kind].is_settled_by(YES)


@pytest.mark.parametrize(
    "fields", [{"amount_cents": 0}, {"amount_cents": 10_000_001}, {"purpose": " "}, {"employee": "ada"}]
)
def test_an_expense_is_one(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Expense.model_validate({**EXPENSE.model_dump(), **fields})
