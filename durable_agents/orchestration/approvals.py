"""Have reviewers decide on a draft: open a request, tell them of it, wait for what they decide."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import azure.durable_functions as df

from durable_agents.activities.notify_reviewer import ReviewRequest, notify_reviewer
from durable_agents.activities.review_channel import ReviewReceipt
from durable_agents.orchestration.approval_requests import (
    PREVIEW_CHARACTERS,
    ApprovalRequest,
    AuditEntry,
    IgnoredDecisionError,
    cut,
    hash_content,
    read_decision,
)
from durable_agents.orchestration.ask import Steps
from durable_agents.orchestration.audit_log import AuditLog
from durable_agents.orchestration.side_effects import SIDE_EFFECT_RETRY

MOST_EARLY = timedelta(seconds=1)
"""How long before its time a timer may fire: the queues of Azure Storage know whole seconds, rounded down."""

_TITLE_CHARACTERS = 100
# Of the JSON text: an emoji takes twelve. Together they leave room in the custom status for the audit log.
_PREVIEW_JSON_CHARACTERS = 2_500
_TITLE_JSON_CHARACTERS = 400
_UNTOLD = "The reviewers could not be told of this draft. It can be decided all the same."


def open_request(
    context: df.DurableOrchestrationContext,
    *,
    title: str,
    content: str,
    attempt: int,
    expires_at: datetime,
    reviewers: Sequence[str] = (),
    required_approvals: int = 1,
    escalated: bool = False,
) -> ApprovalRequest:
    """Return a new request for a draft, with an id of its own that is the same in every replay."""
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
        required_approvals=required_approvals,
        escalated=escalated,
    )


def ask_reviewers(
    context: df.DurableOrchestrationContext, title: str, content: str, request: ApprovalRequest, log: AuditLog
) -> Steps[tuple[AuditEntry | None, ReviewReceipt | None]]:
    """Return what the reviewers of this request decide, and the receipt for telling them; use with `yield from`.

    No decision means that the request has expired. No receipt means that they could not be told, in all attempts; a
    decision that came by another way counts all the same.
    """
    told = context.call_activity_with_retry(
        notify_reviewer.__name__,
        SIDE_EFFECT_RETRY,
        ReviewRequest(
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
        ).model_dump(mode="json"),
    )
    decision = yield from _wait_for_decision(context, request, told, log)
    log.show({"stage": "decided" if decision else "expired", "attempt": request.attempt})
    receipt = None if (yield from _has_failed(told)) else ReviewReceipt.model_validate(told.result)
    return decision, receipt


def _wait_for_decision(
    context: df.DurableOrchestrationContext, request: ApprovalRequest, notification: Any, log: AuditLog
) -> Steps[AuditEntry | None]:
    """Wait for the decision that settles this request, or None when it expires; use with `yield from`.

    `notification` is the task that tells the reviewers. It is scheduled together with the wait, so that an answer can
    never arrive before somebody waits for it. What counts is added to the `log`. An event that does not count, such
    as a decision on another draft, is ignored with a note in the custom status, and the wait goes on until the same
    deadline. A notification that failed ends nothing: who knows of the request can decide on it. The custom status is
    the caller's to change after.
    """
    _show(log, request)
    decision, deadline = _open_race(context, request)
    winner = yield context.task_any([notification, decision, deadline])
    if winner is notification:
        if (yield from _has_failed(notification)):
            request = request.model_copy(update={"note": _UNTOLD})
            _show(log, request)
        winner = yield context.task_any([decision, deadline])
    while winner is decision:
        if not deadline.is_completed:
            deadline.cancel()
        note = request.note if request.note == _UNTOLD else None
        try:
            recorded = log.add(read_decision(decision.result, request), request)
            if recorded.settled:
                return recorded
            request = request.model_copy(update={"approvals": request.approvals + 1})
        except IgnoredDecisionError as ignored:
            note = str(ignored)
        _show(log, request.model_copy(update={"note": note}))
        # A new timer too: a race between an old task and a new one holds back all that follows until the new one ends.
        decision, deadline = _open_race(context, request)
        winner = yield context.task_any([decision, deadline])
    return None


def _has_failed(task: Any) -> Steps[bool]:
    """Say whether a task that has ended has failed; what the SDK raises then has no class of its own."""
    try:
        yield task
    except Exception:
        return True
    return False


def _open_race(context: df.DurableOrchestrationContext, request: ApprovalRequest) -> tuple[Any, Any]:
    """Return the tasks for the decision and the deadline; the SDK does not declare that a timer has `cancel`.

    However early the timer fires, no decision that came in time finds the request gone.
    """
    deadline = context.create_timer(request.expires_at + MOST_EARLY)
    return context.wait_for_external_event(request.event_name), deadline


def _show(log: AuditLog, request: ApprovalRequest) -> None:
    log.show({"stage": "waiting_for_approval", "waiting_for": request.model_dump(mode="json")})
