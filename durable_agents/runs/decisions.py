"""The one check that every decision goes through before it reaches a run, and the truth about what came of it."""

import logging
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus
from pydantic import BaseModel, Field, StrictBool, TypeAdapter, ValidationError

from durable_agents.http.problems import ProblemError
from durable_agents.http.requests import read_json_object, read_model
from durable_agents.orchestration.approval_requests import (
    ApprovalRequest,
    AuditEntry,
    Channel,
    Decision,
    ReviewerName,
    read_requests,
)
from durable_agents.orchestration.registry import OrchestrationRegistry
from durable_agents.polling import poll
from durable_agents.runs.approval_models import DecisionAnswer
from durable_agents.runs.reviewers import Reviewer, check_has_not_asked
from durable_agents.runs.status import find_run, is_over, waiting_for

logger = logging.getLogger(__name__)

_EFFECT_SECONDS = 5.0
_Entries = TypeAdapter(list[AuditEntry])


class DecisionBody(BaseModel):
    """A decision as callers send it. With a `content_hash`, it also names the text that was read.

    The first request of a run may go unnamed, for no other draft can be meant; each later one is named by `request_id`.
    `reviewer` is who decides; it stays unverified, and does not count where App Service authentication knows better.
    """

    approved: StrictBool
    feedback: str | None = Field(default=None, max_length=10_000)
    request_id: str | None = Field(default=None, max_length=100)
    content_hash: str | None = None
    reviewer: ReviewerName | None = None


def read_decision_body(req: func.HttpRequest) -> DecisionBody:
    """Return the decision in the body of the request.

    Raises:
        ProblemError: 413 or 400. The body is no decision.
    """
    return read_model(read_json_object(req), DecisionBody)


@dataclass(frozen=True, slots=True)
class Submission:
    """One decision on its way to a run; its id tells it apart from another that says the same."""

    body: DecisionBody
    reviewer: Reviewer
    channel: Channel
    decision_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def on(self, request: ApprovalRequest) -> Decision:
        """Return the decision on this request, as it travels in the event."""
        return Decision(
            request_id=request.request_id,
            content_hash=request.content_hash,
            approved=self.body.approved,
            feedback=self.body.feedback,
            decision_id=self.decision_id,
            reviewer=self.reviewer.name,
            reviewer_id=self.reviewer.id,
            verified=self.reviewer.verified,
            channel=self.channel,
        )


@dataclass(frozen=True, slots=True)
class RequestState:
    """What a run knows of one request: `request` while it waits for decisions on it, and those that counted."""

    status: DurableOrchestrationStatus
    request: ApprovalRequest | None
    decisions: list[AuditEntry]

    @classmethod
    def of(cls, status: DurableOrchestrationStatus, request_id: str | None) -> "RequestState":
        """Read it from the status of the run."""
        requests = [] if is_over(status) else read_requests(status.custom_status)
        request = next((request for request in requests if request.request_id == request_id), None)
        decisions = [decision for decision in read_audit_log(status) if decision.request_id == request_id]
        return cls(status, request, decisions)

    def decision_for(self, reviewer: Reviewer) -> AuditEntry | None:
        """Return what this reviewer is answered with: the decision that settled the request, else an own one."""
        settling = next((decision for decision in self.decisions if decision.settled), None)
        voter = self.voter_of(reviewer.name, reviewer.identity)
        own = (one for one in self.decisions if voter and self.voter_of(one.reviewer, one.identity) == voter)
        return settling or next(own, None)

    def voter_of(self, name: str | None, identity: str) -> str | None:
        """Return whose vote a decision is, see `ApprovalRequest.voter_of`; of a request that is over, by identity."""
        return identity if self.request is None else self.request.voter_of(name, identity)


async def decide(
    client: df.DurableOrchestrationClient,
    orchestrations: OrchestrationRegistry,
    instance_id: str,
    submission: Submission,
) -> AuditEntry | None:
    """Pass a decision to the run if that waits for one on exactly this draft, and return the decision that counts.

    That is the submitted one, or an earlier one that says the same: deciding again changes nothing. None means that the
    run has the decision but has not acted on it within five seconds; ask again to learn what came of it.

    Raises:
        ProblemError: 404, there is no such run. 403, others were asked. 409 with the present state, the decision does
            not count: another was made, the request has expired, or the run does not wait for it.
    """
    status = await find_run(client, orchestrations, instance_id)
    state = RequestState.of(status, submission.body.request_id)
    known = _find_answer(state, submission)
    if known is not None or state.request is None:
        return known
    if datetime.now(UTC) >= state.request.expires_at:
        detail = f"The request for this draft expired at {state.request.expires_at.isoformat()}."
        raise conflict("request-expired", detail, status)
    _check_reviewer(state.request, submission.reviewer)

    async def look() -> AuditEntry | None:
        now = await find_run(client, orchestrations, instance_id)
        return _find_answer(RequestState.of(now, submission.body.request_id), submission)

    event = submission.on(state.request).model_dump(mode="json")
    try:
        await client.raise_event(instance_id, state.request.event_name, event)
    except Exception:
        # The run may have ended since; the SDK tells that by the text of its exception only.
        answer = await look()
        if answer is None:
            raise
        return answer
    return await poll(look, _EFFECT_SECONDS)


def is_asked(status: DurableOrchestrationStatus, reviewer: Reviewer) -> bool:
    """Say whether the run asks this reviewer by name, or has had a decision of theirs."""
    if any(decision.identity == reviewer.identity for decision in read_audit_log(status)):
        return True
    requests = [] if is_over(status) else read_requests(status.custom_status)
    return any(asks(request, reviewer) for request in requests)


def asks(request: ApprovalRequest, reviewer: Reviewer) -> bool:
    """Say whether the request names this reviewer."""
    return bool(request.reviewers) and request.voter_of(reviewer.name, reviewer.identity) is not None


def answer_to(instance_id: str, submission: Submission, decision: AuditEntry | None) -> DecisionAnswer:
    """Return what the caller is told; `decision` is the one that counts, None as long as that is not known."""
    return DecisionAnswer(
        instance_id=instance_id,
        request_id=str(submission.body.request_id),
        approved=submission.body.approved,
        status="accepted" if decision is None else "decided" if decision.settled else "counted",
        decision=None if decision is None else without_feedback(decision),
    )


def without_feedback(decision: AuditEntry) -> AuditEntry:
    """Return the decision as others are told it: its feedback is left unset, and so not shown."""
    return AuditEntry(**decision.model_dump(exclude={"feedback"}))


def _find_answer(state: RequestState, submission: Submission) -> AuditEntry | None:
    """Return the decision that counts, or None as long as the submitted one still can.

    Raises:
        ProblemError: 409, it can no longer count.
    """
    body = submission.body
    known_hashes = {decision.content_hash for decision in state.decisions}
    known_hashes |= {state.request.content_hash} if state.request else set()
    if body.content_hash is not None and known_hashes and body.content_hash not in known_hashes:
        raise refuse(state)
    own = next((d for d in state.decisions if d.decision_id == submission.decision_id), None)
    decision = own or state.decision_for(submission.reviewer)
    if decision is None:
        if state.request is None:
            raise refuse(state)
        return None
    if decision.approved != body.approved:
        verdict = "approved" if decision.approved else "rejected"
        who = f" by {decision.reviewer!r}" if decision.reviewer else ""
        detail = f"This draft of run {state.status.instance_id!r} has been {verdict}{who}. That stands."
        shown = decision.model_dump(mode="json", exclude={"feedback"})
        raise conflict("already-decided", detail, state.status, decision=shown)
    return decision


def _check_reviewer(request: ApprovalRequest, reviewer: Reviewer) -> None:
    """Let only those decide who were asked.

    Raises:
        ProblemError: 403, the reviewer was not asked, may be somebody else, or is who has asked.
    """
    asked = ", ".join(request.reviewers)
    if request.voter_of(reviewer.name, reviewer.identity) is None:
        who = "nobody" if reviewer.name is None else repr(reviewer.name)
        detail = (
            f"The reviewers of this draft are {asked}, and the decision names {who}. Say in 'reviewer' who decides."
        )
        raise ProblemError(403, "not-a-reviewer", detail, reviewers=request.reviewers)
    check_has_not_asked(reviewer, request.asked_for_by)
    if reviewer.may_be_anybody:
        who = f"The reviewers of this draft are {asked}." if asked else "A decision needs somebody who is known."
        detail = f"{who} Sign in, or decide by the link that you were sent."
        raise ProblemError(403, "not-signed-in", detail, reviewers=request.reviewers)


def refuse(state: RequestState) -> ProblemError:
    """Return why the run takes no decision of this kind."""
    status = state.status
    name = status.runtime_status.name if status.runtime_status else "unknown"
    if is_over(status):
        detail = f"Run {status.instance_id!r} is over ({name}), so nothing can be decided."
        return conflict("run-is-over", detail, status)
    if not read_requests(status.custom_status):
        detail = f"Run {status.instance_id!r} ({name}) does not wait for an approval now."
        return conflict("no-approval-pending", detail, status)
    detail = (
        f"Run {status.instance_id!r} waits for a decision on another draft. Read the one in waiting_for, then "
        "decide with its request_id."
    )
    if hidden := status.custom_status.get("requests_not_shown"):
        detail += f" It waits with {hidden} more than it has room to show: each can be decided once others have been."
    return conflict("other-draft-pending", detail, status)


def conflict(kind: str, detail: str, status: DurableOrchestrationStatus, **members: Any) -> ProblemError:
    """Return the 409 problem, with the present state of the run."""
    requests = [] if is_over(status) else read_requests(status.custom_status)
    state = status.runtime_status.name if status.runtime_status else None
    awaited = requests[0].model_dump(mode="json") if requests else waiting_for(status) or None
    return ProblemError(409, kind, detail, runtime_status=state, waiting_for=awaited, **members)


def read_audit_log(status: DurableOrchestrationStatus) -> list[AuditEntry]:
    """Return the decisions of a run: all of them once it has completed, until then the newest.

    Before, what the task hub calls the output may be the reason that somebody gave for suspending the run.
    """
    for source in (status.output if is_over(status) else None, status.custom_status):
        if isinstance(source, dict) and source.get("decisions"):
            try:
                return _Entries.validate_python(source["decisions"])
            except ValidationError:
                logger.warning("%s has decisions of a form that this app does not write", status.instance_id)
    return []
