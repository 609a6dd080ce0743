"""Handle the claim of an insured person: small and plain ones are paid at once, the rest is adjusted by a human.

    register -+-> cover ---------+-> weigh -+- plain ---------> settle
              +-> ClaimAssessor -+          +- to be adjusted -> adjust -> settle
                                            +- not covered ----> refuse

`adjust` is a workflow of its own, `claim_adjustment`, which asks the adjuster and, above a limit, a senior one as well:

    adjuster -+- small or rejected
              +- large -> senior

Use it as the form of a larger graph: a part that has a meaning of its own is a workflow inside, which can be drawn and
tested by itself. Its requests are requests of the run, under ids that begin with `adjust~0~`.
"""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Literal, Never

from agent_framework import (
    AgentExecutorResponse,
    Case,
    Default,
    Executor,
    SupportsAgentRun,
    SupportsChatGetResponse,
    Workflow,
    WorkflowBuilder,
    WorkflowContext,
    WorkflowExecutor,
    handler,
    response_handler,
)
from pydantic import BaseModel, Field, StrictBool

from activities.pay_out import Payment, PaymentReceipt
from activities.send_email import EmailReceipt, OutgoingEmail
from agents.claim_assessor import ClaimAssessment, create_claim_assessor
from durable_agents import RequestPolicy, cut
from durable_agents.mail import MailboxText

NAME = "claim_handling"
ADJUSTMENT = "claim_adjustment"
_PAID_AT_ONCE_CENTS = 50_000
_SENIOR_CENTS = 1_000_000
_COVERED = {"water", "fire", "theft"}
# What a human is asked stands in the status of the run, which has room for 8,000 characters of JSON.
_REASON_JSON_CHARACTERS = 500
# In the state of a run, which all its executors share.
_CLAIM = "claim"
_KEY = "key"


class Claim(BaseModel):
    """What an insured person wants to be paid. The account is short, so that whoever decides is shown all of it."""

    customer: MailboxText
    cause: Literal["water", "fire", "theft", "wear"]
    amount_cents: int = Field(ge=1, le=100_000_000)
    account: str = Field(min_length=1, max_length=1_000, pattern=r"\S")


class Finding(BaseModel):
    """Whether the cause is one that is insured."""

    is_covered: bool


class ClaimCase(BaseModel):
    """A claim, and what speaks against paying it at once."""

    claim: Claim
    is_covered: bool
    doubts: list[str]


class AdjusterRequest(BaseModel):
    """What the adjuster is asked: whether the claim is paid, and how much of it."""

    claim: Claim
    doubts: list[str]


class SeniorRequest(BaseModel):
    """What a senior adjuster is asked: whether what the adjuster wants to pay is paid."""

    claim: Claim
    amount_cents: int
    note: str | None


class AdjusterAnswer(BaseModel):
    """The adjuster's answer; without an amount, all of it is paid."""

    approved: StrictBool
    amount_cents: int | None = Field(default=None, ge=1)
    note: str | None = Field(default=None, max_length=500)


class SeniorAnswer(BaseModel):
    """The senior adjuster's answer."""

    approved: StrictBool
    note: str | None = Field(default=None, max_length=500)


class Settlement(BaseModel):
    """What is paid, nothing for a claim that is rejected, and who decided so."""

    amount_cents: int
    decided_by: Literal["rule", "adjuster", "senior"]
    note: str | None = None


class HandledClaim(BaseModel):
    """What became of the claim. `location` is the entry of the payment, `letter` the file of the e-mail."""

    outcome: Literal["paid", "rejected", "not_covered"]
    settlement: Settlement | None = None
    location: str | None = None
    letter: str | None = None


class Register(Executor):
    """Keeps the claim in the state of the run, and the key under which it may be paid."""

    def __init__(self) -> None:
        super().__init__("register")

    @handler
    async def register(self, claim: Claim, ctx: WorkflowContext[str]) -> None:
        """Have the claim looked at from two sides."""
        ctx.set_state(_CLAIM, claim.model_dump())
        ctx.set_state(_KEY, f"{NAME}-{uuid.uuid4().hex}")
        await ctx.send_message(claim.account)


class Cover(Executor):
    """Looks whether the cause is insured."""

    def __init__(self) -> None:
        super().__init__("cover")

    @handler
    async def check(self, account: str, ctx: WorkflowContext[Finding]) -> None:
        """Look at the cause of the claim; the account is for the agent."""
        await ctx.send_message(Finding(is_covered=_read_claim(ctx).cause in _COVERED))


class Weigh(Executor):
    """Puts together what was found."""

    def __init__(self) -> None:
        super().__init__("weigh")

    @handler
    async def weigh(self, findings: list[Finding | AgentExecutorResponse], ctx: WorkflowContext[ClaimCase]) -> None:
        """Note what speaks against paying the claim at once."""
        claim, doubts, is_covered = _read_claim(ctx), [], True
        if claim.amount_cents > _PAID_AT_ONCE_CENTS:
            doubts.append("It is more than is paid at once.")
        for finding in findings:
            if isinstance(finding, Finding):
                is_covered = finding.is_covered
                continue
            assessment = ClaimAssessment.model_validate_json(finding.agent_response.text)
            if assessment.is_suspicious:
                doubts.append(f"It looks suspicious: {cut(assessment.reason, _REASON_JSON_CHARACTERS)}")
        await ctx.send_message(ClaimCase(claim=claim, is_covered=is_covered, doubts=doubts))


class Adjuster(Executor):
    """Asks the adjuster."""

    def __init__(self) -> None:
        super().__init__("adjuster")

    @handler
    async def ask(self, case: ClaimCase, ctx: WorkflowContext[SeniorRequest]) -> None:
        """Ask."""
        await ctx.request_info(AdjusterRequest(claim=case.claim, doubts=case.doubts), AdjusterAnswer)

    @response_handler
    async def decide(
        self, request: AdjusterRequest, answer: AdjusterAnswer, ctx: WorkflowContext[SeniorRequest, Settlement]
    ) -> None:
        """Decide, or pass on what is above the limit."""
        amount = min(answer.amount_cents or request.claim.amount_cents, request.claim.amount_cents)
        if answer.approved and amount > _SENIOR_CENTS:
            await ctx.send_message(SeniorRequest(claim=request.claim, amount_cents=amount, note=answer.note))
            return
        paid = amount if answer.approved else 0
        await ctx.yield_output(Settlement(amount_cents=paid, decided_by="adjuster", note=answer.note))


class Senior(Executor):
    """Asks a senior adjuster."""

    def __init__(self) -> None:
        super().__init__("senior")

    @handler
    async def ask(self, request: SeniorRequest, ctx: WorkflowContext[Never, Settlement]) -> None:
        """Ask."""
        await ctx.request_info(request, SeniorAnswer)

    @response_handler
    async def decide(
        self, request: SeniorRequest, answer: SeniorAnswer, ctx: WorkflowContext[Never, Settlement]
    ) -> None:
        """Decide."""
        paid = request.amount_cents if answer.approved else 0
        await ctx.yield_output(Settlement(amount_cents=paid, decided_by="senior", note=answer.note))


class Settle(Executor):
    """Pays what is to be paid and writes to the customer, once for each run."""

    def __init__(
        self,
        pay_out: Callable[[Payment], PaymentReceipt],
        send_email: Callable[[OutgoingEmail], EmailReceipt],
    ) -> None:
        super().__init__("settle")
        self._pay_out = pay_out
        self._send_email = send_email

    @handler
    async def settle_at_once(self, case: ClaimCase, ctx: WorkflowContext[Never, HandledClaim]) -> None:
        """Pay all of a plain claim."""
        await self.settle(Settlement(amount_cents=case.claim.amount_cents, decided_by="rule"), ctx)

    @handler
    async def settle(self, settlement: Settlement, ctx: WorkflowContext[Never, HandledClaim]) -> None:
        """Pay what was decided."""
        claim, key, location = _read_claim(ctx), ctx.get_state(_KEY), None
        if settlement.amount_cents:
            payment = Payment(
                key=f"{key}-payment",
                payee=claim.customer,
                amount_cents=settlement.amount_cents,
                reference=f"{claim.cause} damage",
            )
            location = self._pay_out(payment).location
        paid = f"We pay {settlement.amount_cents / 100:.2f} euros." if location else "We do not pay for it."
        letter = _letter(key, claim, f"{paid} {settlement.note or ''}".strip())
        await ctx.yield_output(
            HandledClaim(
                outcome="paid" if location else "rejected",
                settlement=settlement,
                location=location,
                letter=self._send_email(letter).location,
            )
        )


class Refuse(Executor):
    """Writes to the customer that such a damage is not insured."""

    def __init__(self, send_email: Callable[[OutgoingEmail], EmailReceipt]) -> None:
        super().__init__("refuse")
        self._send_email = send_email

    @handler
    async def refuse(self, case: ClaimCase, ctx: WorkflowContext[Never, HandledClaim]) -> None:
        """Send the letter."""
        letter = _letter(ctx.get_state(_KEY), case.claim, f"Your contract does not cover {case.claim.cause}.")
        await ctx.yield_output(HandledClaim(outcome="not_covered", letter=self._send_email(letter).location))


def create_claim_adjustment() -> Workflow:
    """Build the inner graph."""
    adjuster, senior = Adjuster(), Senior()
    description = "Has an adjuster decide on a claim, and a senior one above a limit."
    return (
        WorkflowBuilder(
            name=ADJUSTMENT, description=description, start_executor=adjuster, output_from=[adjuster, senior]
        )
        .add_edge(adjuster, senior)
        .build()
    )


def create_claim_handling(
    chat_client: SupportsChatGetResponse[Any],
    pay_out: Callable[[Payment], PaymentReceipt],
    send_email: Callable[[OutgoingEmail], EmailReceipt],
) -> Workflow:
    """Build the graph. Both functions must be safe to run twice with the same key."""
    register, weigh, settle, refuse = Register(), Weigh(), Settle(pay_out, send_email), Refuse(send_email)
    # So that its requests are those of the run when the graph runs in this process; on the host they always are.
    adjust = WorkflowExecutor(create_claim_adjustment(), id="adjust", propagate_request=True)
    checks: list[Executor | SupportsAgentRun] = [Cover(), create_claim_assessor(chat_client)]
    description = "Pays a claim, has it adjusted by a human, or refuses it."
    graph = WorkflowBuilder(name=NAME, description=description, start_executor=register, output_from=[settle, refuse])
    graph.add_fan_out_edges(register, checks)
    graph.add_fan_in_edges(checks, weigh)
    not_covered, doubtful = Case(is_not_covered, refuse), Case(has_doubts, adjust)
    graph.add_switch_case_edge_group(weigh, [not_covered, doubtful, Default(settle)])
    graph.add_edge(adjust, settle)
    return graph.build()


def claim_policies() -> dict[type, RequestPolicy]:
    """Return who is asked for what, and for how long: a claim that nobody decides on fails, and is seen to."""
    return {
        AdjusterRequest: RequestPolicy(expires_after=timedelta(days=14)),
        SeniorRequest: RequestPolicy(reviewers=["senior adjuster"], expires_after=timedelta(days=14)),
    }


def is_not_covered(case: ClaimCase) -> bool:
    """Say whether the cause of the damage is not insured."""
    return not case.is_covered


def has_doubts(case: ClaimCase) -> bool:
    """Say whether something speaks against paying at once."""
    return bool(case.doubts)


def _letter(key: str, claim: Claim, text: str) -> OutgoingEmail:
    return OutgoingEmail(key=f"{key}-letter", recipient=claim.customer, subject="Your claim", body=text)


def _read_claim(ctx: WorkflowContext[Any, Any]) -> Claim:
    return Claim.model_validate(ctx.get_state(_CLAIM))
