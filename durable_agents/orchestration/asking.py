"""Put a draft to its reviewers: tell them, and wait for what they decide."""

import azure.durable_functions as df

from durable_agents.activities.notify_reviewer import ReviewRequest, notify_reviewer
from durable_agents.activities.review_channel import ReviewReceipt
from durable_agents.orchestration.approval_requests import ApprovalRequest, RecordedDecision
from durable_agents.orchestration.ask import Steps
from durable_agents.orchestration.audit_log import DecisionTrail
from durable_agents.orchestration.retries import SIDE_EFFECT_RETRY
from durable_agents.orchestration.waiting import has_failed, wait_for_decision


def ask_reviewers(
    context: df.DurableOrchestrationContext, title: str, content: str, request: ApprovalRequest, trail: DecisionTrail
) -> Steps[tuple[RecordedDecision | None, ReviewReceipt | None]]:
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
    decision = yield from wait_for_decision(context, request, told, trail)
    trail.show({"stage": "decided" if decision else "expired", "attempt": request.attempt})
    receipt = None if (yield from has_failed(told)) else ReviewReceipt.model_validate(told.result)
    return decision, receipt
