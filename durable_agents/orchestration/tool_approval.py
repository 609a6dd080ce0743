"""Have reviewers decide on a tool call that an agent's turn waits with, and tell the session what they decided."""

import json
from typing import Any, Literal

import azure.durable_functions as df
from agent_framework_durabletask import AgentSessionId
from pydantic import AwareDatetime, BaseModel, Field

from durable_agents.activities.review_channel import ReviewReceipt
from durable_agents.orchestration.approval_requests import AuditEntry, ReviewerName
from durable_agents.orchestration.ask import GetAgent
from durable_agents.orchestration.review import ReviewPolicy, review
from durable_agents.orchestration.run_status import RunStatus
from durable_agents.orchestration.steps import Steps, drive
from durable_agents.owners import owner_of
from durable_agents.sessions.tool_requests import DecisionMessage, UndecidedMessage
from durable_agents.settings.fields import MAX_REVIEWERS
from durable_agents.settings.groups import ReviewSettings


class ToolApprovalInput(BaseModel):
    """The call that a session waits with, and who is asked. Only the session itself starts a run of this."""

    agent: str
    session_id: str
    request_id: str
    tool: str
    arguments: dict[str, Any]
    expires_at: AwareDatetime
    reviewers: list[ReviewerName] = Field(default=[], max_length=MAX_REVIEWERS)
    required_approvals: int = Field(default=1, ge=1, le=MAX_REVIEWERS)


class ToolApprovalOutput(BaseModel):
    """What was decided, by whom. `notification` is null if the reviewers could not be told."""

    outcome: Literal["approved", "rejected", "expired"]
    decisions: list[AuditEntry] = []
    notification: ReviewReceipt | None = None


def tool_reviewers(review: ReviewSettings) -> dict[str, Any]:
    """Return who decides on tool calls, as this deployment is set up."""
    return {"reviewers": list(review.reviewers), "required_approvals": review.required_approvals}


def tool_approval(context: df.DurableOrchestrationContext, *, get_agent: GetAgent) -> Steps[dict[str, Any]]:
    """Put a tool call to its reviewers, whole, and pass what they decide to the session that waits for it."""
    call = ToolApprovalInput.model_validate(context.get_input())
    status = RunStatus(context)
    title = f"{call.agent} wants to call {call.tool}"
    content = json.dumps(call.arguments, indent=2, ensure_ascii=False)
    policy = ReviewPolicy(reviewers=call.reviewers, required_approvals=call.required_approvals)
    asked_by = f"{call.agent} ({call.tool})"
    asking = review(
        context,
        status,
        title,
        content,
        policy,
        until=call.expires_at,
        asked_by=asked_by,
        asked_for_by=owner_of(call.session_id),
    )
    outcome = yield from drive(context, asking)
    _tell(context, call, outcome.decision)
    output = ToolApprovalOutput(outcome="expired", decisions=outcome.decisions)
    output.notification = next(iter(outcome.notifications), None)
    if outcome.decision is not None:
        output.outcome = "approved" if outcome.is_approved else "rejected"
    return output.model_dump(mode="json")


def _tell(context: df.DurableOrchestrationContext, call: ToolApprovalInput, decision: AuditEntry | None) -> None:
    """Tell the session what was decided, or that nothing was: it does not judge by its own clock."""
    session = AgentSessionId(call.agent, call.session_id)
    entity = df.EntityId(session.entity_name, session.key)
    if decision is None:
        undecided = UndecidedMessage(request_id=call.request_id)
        context.signal_entity(entity, "give_up", undecided.model_dump(mode="json"))
        return
    message = DecisionMessage(
        request_id=call.request_id,
        approved=decision.approved,
        feedback=decision.feedback,
        reviewer=decision.reviewer,
        decided_at=decision.decided_at or context.current_utc_datetime,
    )
    context.signal_entity(entity, "decide", message.model_dump(mode="json"))
