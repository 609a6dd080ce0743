"""Approvals: what a run waits for, how a decision names the draft it is about, and the wait itself.

Each request has its own id and its own event name. External events are kept by name until somebody waits for them, so
with one name for all drafts a double click would approve the next draft, which nobody has seen.
"""

import hashlib
import json
from datetime import datetime
from typing import Any, Literal

import azure.durable_functions as df
from pydantic import BaseModel, StrictBool

from hosting.agent_calls import Steps

PREVIEW_CHARACTERS = 500
_TITLE_CHARACTERS = 100


class ApprovalRequest(BaseModel):
    """What a run asks a human to decide; it is shown in the run's custom status, under `waiting_for`.

    The custom status of a run is limited to 16 KB, so title and preview are cut; reviewers get the whole draft with the
    notification. `expires_at` is in UTC. `note` tells that an event was ignored.
    """

    kind: Literal["approval"] = "approval"
    request_id: str
    event_name: str
    content_hash: str
    attempt: int
    title: str
    preview: str
    preview_truncated: bool
    expires_at: datetime
    note: str | None = None


class Decision(BaseModel):
    """A reviewer's decision on one request, as it travels in the event. It holds for the draft with this hash only."""

    request_id: str
    content_hash: str
    approved: StrictBool
    feedback: str | None = None


class ForeignDecisionError(ValueError):
    """An event that is not a decision on the draft it reached."""


def open_request(
    context: df.DurableOrchestrationContext, *, title: str, content: str, attempt: int, expires_at: datetime
) -> ApprovalRequest:
    """Return a new request for a draft, with an id of its own that is the same in every replay."""
    request_id = context.new_uuid()
    return ApprovalRequest(
        request_id=request_id,
        event_name=f"Approval-{request_id}",
        content_hash=hash_content(title, content),
        attempt=attempt,
        title=title[:_TITLE_CHARACTERS],
        preview=content[:PREVIEW_CHARACTERS],
        preview_truncated=len(content) > PREVIEW_CHARACTERS,
        expires_at=expires_at,
    )


def hash_content(title: str, content: str) -> str:
    """Return the SHA-256, in hex, that names this exact title and content."""
    return hashlib.sha256(json.dumps([title, content]).encode()).hexdigest()


def read_request(custom_status: object) -> ApprovalRequest | None:
    """Return the approval a run waits for according to its custom status, or None."""
    waiting_for = custom_status.get("waiting_for") if isinstance(custom_status, dict) else None
    is_approval = isinstance(waiting_for, dict) and waiting_for.get("kind") == "approval"
    return ApprovalRequest.model_validate(waiting_for) if is_approval else None


def read_decision(payload: object, request: ApprovalRequest) -> Decision:
    """Return the decision in an event's payload: JSON text when the SDK raised it, an object from the webhook.

    Raises:
        ForeignDecisionError: The payload is no decision, or one on another draft.
    """
    try:
        data = json.loads(payload) if isinstance(payload, str) else payload
        decision = Decision.model_validate(data)
    except (ValueError, RecursionError) as error:
        raise ForeignDecisionError("An event was ignored: it is not a decision.") from error
    if (decision.request_id, decision.content_hash) != (request.request_id, request.content_hash):
        raise ForeignDecisionError("A decision was ignored: it names another draft.")
    return decision


def wait_for_decision(
    context: df.DurableOrchestrationContext, request: ApprovalRequest, notification: Any
) -> Steps[Decision | None]:
    """Wait for the decision on this request, or None when it expires; use with `yield from`.

    `notification` is the task that tells the reviewer. It is scheduled together with the wait, so that an answer can
    never arrive before somebody waits for it. An event that is not a decision on this draft is ignored with a note in
    the custom status, and the wait goes on until the same deadline. The custom status is the caller's to change after.

    Raises:
        Exception: The notification failed.
    """
    _show(context, request)
    decision, deadline = _open_race(context, request)
    winner = yield context.task_any([notification, decision, deadline])
    if winner is notification:
        try:
            yield notification
        except Exception:
            # A run is not over while one of its timers is open.
            deadline.cancel()
            raise
        winner = yield context.task_any([decision, deadline])
    while winner is decision:
        if not deadline.is_completed:
            deadline.cancel()
        try:
            return read_decision(decision.result, request)
        except ForeignDecisionError as ignored:
            _show(context, request.model_copy(update={"note": str(ignored)}))
        # A new timer too: a race between an old task and a new one holds back all that follows until the new one ends.
        decision, deadline = _open_race(context, request)
        winner = yield context.task_any([decision, deadline])
    return None


def _open_race(context: df.DurableOrchestrationContext, request: ApprovalRequest) -> tuple[Any, Any]:
    """Return the tasks for the decision and the deadline; the SDK does not declare that a timer has `cancel`."""
    return context.wait_for_external_event(request.event_name), context.create_timer(request.expires_at)


def _show(context: df.DurableOrchestrationContext, request: ApprovalRequest) -> None:
    context.set_custom_status({"stage": "waiting_for_approval", "waiting_for": request.model_dump(mode="json")})
