"""Put a text to its reviewers: tell them, wait for what they decide, and ask the next one when nobody does in time."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, Field, ValidationInfo, field_validator

from durable_agents.activities.notify_reviewer import ReviewRequest, notify_reviewer
from durable_agents.activities.review_channel import ReviewReceipt
from durable_agents.characters.person_names import identity_of
from durable_agents.orchestration.approval_requests import (
    PREVIEW_CHARACTERS,
    ApprovalRequest,
    AuditEntry,
    IgnoredDecisionError,
    ReviewerName,
    cut,
    hash_content,
    read_decision,
)
from durable_agents.orchestration.deadline import Deadline
from durable_agents.orchestration.recording import Recordings
from durable_agents.orchestration.run_payloads import RunPayloads
from durable_agents.orchestration.run_status import RunStatus
from durable_agents.orchestration.steps import AnyOf, Steps
from durable_agents.orchestration.tasks import MOST_EARLY
from durable_agents.orchestration.telling import Telling
from durable_agents.owners import owner_of
from durable_agents.settings.fields import MAX_REVIEWERS
from durable_agents.settings.groups import ReviewSettings

_TITLE_CHARACTERS = 100
# Of the JSON text: an emoji takes twelve. Together they leave room in the custom status for the decisions.
_PREVIEW_JSON_CHARACTERS = 2_500
_TITLE_JSON_CHARACTERS = 400


class ReviewPolicy(BaseModel):
    """Who decides on a text, and for how long they are asked.

    It goes to all `reviewers` and is approved by `required_approvals` of them; nobody else's decision counts, unless
    nobody is named. When it is not settled within `approval_timeout_hours`, it goes to the `second_reviewer`, whose
    decision alone counts, for `escalation_timeout_hours`; without one, it has expired.
    """

    approval_timeout_hours: float = Field(default=24, gt=0, le=24 * 365)
    reviewers: list[ReviewerName] = Field(default=[], max_length=MAX_REVIEWERS)
    required_approvals: int = Field(default=1, ge=1, le=MAX_REVIEWERS)
    second_reviewer: ReviewerName | None = None
    escalation_timeout_hours: float = Field(default=0, ge=0, le=24 * 365)

    @field_validator("required_approvals")
    @classmethod
    def _can_be_reached(cls, required: int, info: ValidationInfo) -> int:
        reviewers = {identity_of(name) for name in info.data.get("reviewers", [])}
        if required > max(len(reviewers), 1):
            raise ValueError(f"only {len(reviewers)} different reviewers are asked")
        return required


def review_policy(settings: ReviewSettings) -> dict[str, Any]:
    """Return the policy of this deployment, to be given to an orchestration as what only the deployment sets."""
    return {
        "approval_timeout_hours": settings.approval_timeout_hours,
        "reviewers": list(settings.reviewers),
        "required_approvals": settings.required_approvals,
        "second_reviewer": settings.second_reviewer,
        "escalation_timeout_hours": settings.escalation_timeout_hours,
    }


class Review(BaseModel):
    """What came of a review: the decision that settled it, none if nobody decided in time.

    `decisions` are all that counted, in order; `notifications` the receipts for telling reviewers; `untold` the ids of
    requests of which they could not be told. `expired_at` is when the last request ended without a decision.
    """

    request_id: str
    decision: AuditEntry | None = None
    decisions: list[AuditEntry] = []
    notifications: list[ReviewReceipt] = []
    untold: list[str] = []
    expired_at: datetime | None = None

    @property
    def is_approved(self) -> bool:
        """Whether the text was approved."""
        return self.decision is not None and self.decision.approved

    @property
    def feedback(self) -> str | None:
        """What the reviewer who settled it wants changed, if anything."""
        return None if self.decision is None else self.decision.feedback


def review(
    context: Any,
    status: RunStatus,
    title: str,
    content: str,
    policy: ReviewPolicy,
    attempt: int = 1,
    until: datetime | None = None,
    payloads: RunPayloads | None = None,
    asked_by: str | None = None,
    asked_for_by: str | None = None,
) -> Steps[Review]:
    """Have the reviewers of the policy decide; `context` is the SDK's, `asked_by` who asks if not the orchestration.

    `asked_for_by` is the owner whose wish it is, if that is not the one of the run.
    It ends when all that they have decided is in the audit log.
    With `until`, the time of those who are asked first ends then, and not after that of the policy. With `payloads`, a
    long text does not have to fit into the history.
    """
    rounds = [(policy.reviewers, policy.required_approvals, policy.approval_timeout_hours)]
    if policy.second_reviewer and policy.escalation_timeout_hours:
        rounds.append(([policy.second_reviewer], 1, policy.escalation_timeout_hours))
    before, outcome = len(status.decisions), Review(request_id="")
    for number, (reviewers, required, hours) in enumerate(rounds):
        ends_at = context.current_utc_datetime + timedelta(hours=hours)
        request = _open(
            context,
            title=title,
            content=content,
            attempt=attempt,
            expires_at=ends_at if until is None or number else until,
            reviewers=reviewers,
            required=required,
            asked_for_by=asked_for_by or owner_of(context.instance_id),
            escalated=number > 0,
        )
        outcome.request_id = request.request_id
        telling, recordings = _telling(context, payloads, request, title, content), Recordings(context)
        try:
            outcome.decision = yield from _wait(context, status, request, telling, recordings, asked_by)
            stage, note = "expired" if outcome.decision is None else "decided", None
            status.set(stage, attempt=attempt)
            while recordings.tasks or not (telling.has_ended or telling.waits_for_key):
                yield AnyOf((*telling.tasks, *recordings.tasks))
                telling.go_on()
                recordings.go_on()
                if recordings.note != note:
                    note = recordings.note
                    status.set(stage, attempt=attempt, **({"note": note} if note else {}))
        finally:
            telling.cancel()
            recordings.cancel()
        receipt = telling.outcome()
        if receipt is None:
            outcome.untold.append(request.request_id)
        else:
            outcome.notifications.append(receipt)
        if outcome.decision is not None:
            break
        outcome.expired_at = request.expires_at
    outcome.decisions = status.decisions[before:]
    return outcome


def _open(
    context: Any,
    *,
    title: str,
    content: str,
    attempt: int,
    expires_at: datetime,
    reviewers: Sequence[str],
    required: int,
    asked_for_by: str | None,
    escalated: bool,
) -> ApprovalRequest:
    """Return a new request, with an id of its own that is the same in every replay."""
    request_id = context.new_uuid()
    preview = cut(content[:PREVIEW_CHARACTERS], _PREVIEW_JSON_CHARACTERS)
    return ApprovalRequest(
        request_id=request_id,
        event_name=f"Approval-{request_id}",
        content_hash=hash_content(title, content),
        attempt=attempt,
        title=cut(title[:_TITLE_CHARACTERS], _TITLE_JSON_CHARACTERS),
        preview=preview,
        preview_truncated=preview != content,
        requested_at=context.current_utc_datetime,
        expires_at=expires_at,
        reviewers=list(reviewers),
        required_approvals=required,
        asked_for_by=asked_for_by,
        escalated=escalated,
    )


def _telling(context: Any, payloads: RunPayloads | None, request: ApprovalRequest, title: str, content: str) -> Telling:
    """Return what tells the reviewers of the request."""
    message = ReviewRequest(
        key=f"{context.instance_id}-{request.request_id}",
        instance_id=context.instance_id,
        request_id=request.request_id,
        attempt=request.attempt,
        title=title,
        content=content,
        content_hash=request.content_hash,
        expires_at=request.expires_at,
        reviewers=tuple(request.reviewers),
        required_approvals=request.required_approvals,
        escalated=request.escalated,
    )
    payload = message.model_dump(mode="json")
    if payloads is None:
        return Telling(context, payload)
    return Telling(context, payloads.send("activity", notify_reviewer.__name__, payload), payloads.receive)


def _wait(
    context: Any,
    status: RunStatus,
    request: ApprovalRequest,
    telling: Telling,
    recordings: Recordings,
    asked_by: str | None,
) -> Steps[AuditEntry | None]:
    """Return the decision that settles the request, or None once it has expired.

    The reviewers are being told meanwhile, so a decision may come before that has ended; one that could not be made
    known can be decided all the same. What does not count, such as a decision on another draft, is ignored with a note,
    and the wait goes on until the same deadline.
    """
    key = request.request_id
    telling.go_on()
    status.wait(key, request)
    try:
        while True:
            decision = context.wait_for_external_event(request.event_name)
            # The timer is new each time, as the wait is, see `drive`. A decision that came at the last moment may be on
            # its way.
            with Deadline(context, request.expires_at + MOST_EARLY) as deadline:
                while not decision.is_completed:
                    if deadline.is_over:
                        return None
                    told = telling.note
                    yield AnyOf((*telling.tasks, *recordings.tasks, decision, *deadline.tasks()))
                    telling.go_on()
                    recordings.go_on()
                    if telling.note != told:
                        request = request.model_copy(update={"note": telling.note})
                        status.wait(key, request)
            note = telling.note
            try:
                recorded = status.count(read_decision(decision.result, request), request)
                recordings.approval(request, recorded, asked_by)
                if recorded.settled:
                    return recorded
                request = request.model_copy(update={"approvals": request.approvals + 1})
            except IgnoredDecisionError as ignored:
                note = str(ignored)
                if ignored.decision is not None:
                    recordings.approval(request, ignored.decision, asked_by, refused=note)
            request = request.model_copy(update={"note": note})
            status.wait(key, request)
    finally:
        status.stop_waiting(key)
