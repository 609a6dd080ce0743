"""The larger graph in this process: what is paid at once, what a human adjusts, and what is not covered."""

from typing import Any

import pytest
from agent_framework import WorkflowRunResult
from pydantic import BaseModel, ValidationError

from activities.pay_out import Payment, PaymentReceipt
from activities.send_email import EmailReceipt, OutgoingEmail
from agents.claim_assessor import ClaimAssessment
from durable_agents.testing import ScriptedChatClient
from workflows.claim_handling import (
    AdjusterAnswer,
    AdjusterRequest,
    Claim,
    HandledClaim,
    SeniorAnswer,
    SeniorRequest,
    claim_policies,
    create_claim_handling,
)

PLAIN = {"customer": "ada@example.com", "cause": "water", "amount_cents": 40_000, "account": "A pipe broke."}


class Insurance:
    """What the graph does outside, noted down; the assessor says what the test says."""

    def __init__(self, *, is_suspicious: bool = False) -> None:
        self.paid: list[Payment] = []
        self.letters: list[OutgoingEmail] = []
        assessor = ScriptedChatClient(ClaimAssessment(is_suspicious=is_suspicious, reason="The dates contradict."))
        self.graph = create_claim_handling(assessor, self.pay, self.send)

    def pay(self, payment: Payment) -> PaymentReceipt:
        self.paid.append(payment)
        return PaymentReceipt(location=f"{payment.key}.json")

    def send(self, email: OutgoingEmail) -> EmailReceipt:
        self.letters.append(email)
        return EmailReceipt(transport="outbox", message_id="m", location=f"{email.key}.eml")

    async def claim(self, **fields: Any) -> WorkflowRunResult:
        return await self.graph.run(Claim.model_validate({**PLAIN, **fields}))

    async def answer(self, asked: WorkflowRunResult, kind: type, answer: BaseModel) -> WorkflowRunResult:
        (event,) = asked.get_request_info_events()
        assert isinstance(event.data, kind)
        return await self.graph.run(responses={event.request_id: answer})


def output_of(result: WorkflowRunResult) -> HandledClaim:
    (output,) = result.get_outputs()
    assert isinstance(output, HandledClaim)
    return output


async def test_a_small_and_plain_claim_is_paid_at_once() -> None:
    insurance = Insurance()
    output = output_of(await insurance.claim())
    assert (output.outcome, output.settlement is not None and output.settlement.decided_by) == ("paid", "rule")
    assert [payment.amount_cents for payment in insurance.paid] == [40_000]
    assert "400.00 euros" in insurance.letters[0].body


async def test_what_is_not_covered_is_refused_and_nobody_is_asked() -> None:
    insurance = Insurance(is_suspicious=True)
    output = output_of(await insurance.claim(cause="wear", amount_cents=2_000_000))
    assert (output.outcome, insurance.paid) == ("not_covered", [])
    assert "does not cover wear" in insurance.letters[0].body


@pytest.mark.parametrize(
    ("answer", "outcome", "paid"),
    [
        (AdjusterAnswer(approved=True), "paid", [60_000]),
        (AdjusterAnswer(approved=True, amount_cents=10_000, note="In part."), "paid", [10_000]),
        (AdjusterAnswer(approved=True, amount_cents=90_000), "paid", [60_000]),
        (AdjusterAnswer(approved=False), "rejected", []),
    ],
)
async def test_an_adjuster_decides_on_more_than_is_paid_at_once(
    answer: AdjusterAnswer, outcome: str, paid: list[int]
) -> None:
    insurance = Insurance()
    asked = await insurance.claim(amount_cents=60_000)
    output = output_of(await insurance.answer(asked, AdjusterRequest, answer))
    assert (output.outcome, [payment.amount_cents for payment in insurance.paid]) == (outcome, paid)
    assert len(insurance.letters) == 1


async def test_an_adjuster_is_told_what_looks_suspicious() -> None:
    (event,) = (await Insurance(is_suspicious=True).claim()).get_request_info_events()
    assert isinstance(event.data, AdjusterRequest)
    assert event.data.doubts == ["It looks suspicious: The dates contradict."]


@pytest.mark.parametrize(("approved", "outcome", "paid"), [(True, "paid", [2_000_000]), (False, "rejected", [])])
async def test_a_senior_adjuster_decides_above_the_limit(approved: bool, outcome: str, paid: list[int]) -> None:
    insurance = Insurance()
    asked = await insurance.claim(amount_cents=2_000_000)
    asked = await insurance.answer(asked, AdjusterRequest, AdjusterAnswer(approved=True))
    output = output_of(await insurance.answer(asked, SeniorRequest, SeniorAnswer(approved=approved)))
    assert output.settlement is not None
    assert (output.outcome, output.settlement.decided_by) == (outcome, "senior")
    assert [payment.amount_cents for payment in insurance.paid] == paid


def test_no_request_waits_for_ever() -> None:
    assert all(policy.expires_after for policy in claim_policies().values())


@pytest.mark.parametrize("fields", [{"amount_cents": 0}, {"cause": "moth"}, {"account": ""}, {"customer": "ada"}])
def test_a_claim_is_one(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Claim.model_validate({**PLAIN, **fields})
