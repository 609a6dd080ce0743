"""Pass a human's decision to the run that waits for it, if it is a decision on exactly the draft it waits with.

Every route that can decide goes through `decide`.
"""

from typing import Any

import azure.durable_functions as df
import azure.functions as func
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus
from pydantic import BaseModel, Field, StrictBool

from hosting.approvals import ApprovalRequest, Decision, read_request
from hosting.problems import ProblemError
from hosting.registration import OrchestrationTable
from hosting.requests import read_json_object, read_model
from hosting.run_status import find_run, is_over


class ApprovalBody(BaseModel):
    """A reviewer's decision. `content_hash` is optional: with it, the decision also names the text that was read."""

    approved: StrictBool
    feedback: str | None = Field(default=None, max_length=10_000)
    request_id: str
    content_hash: str | None = None


def read_approval_body(req: func.HttpRequest) -> ApprovalBody:
    """Return the decision in the body of the request.

    Raises:
        ProblemError: 413 or 400. The body is no decision, or does not name the draft it is about.
    """
    body = read_json_object(req)
    try:
        return read_model(body, ApprovalBody)
    except ProblemError as problem:
        if "request_id" not in body:
            problem.detail += (
                " Without request_id a decision could reach a draft nobody has read. GET /runs/{instance_id} shows it "
                "as waiting_for.request_id, and the reviewer's notification has it."
            )
        raise


async def decide(
    client: df.DurableOrchestrationClient, orchestrations: OrchestrationTable, instance_id: str, body: ApprovalBody
) -> Decision:
    """Send the decision to the run and return it.

    Raises:
        ProblemError: 404 if there is no such run; 409 if it is over, waits for nothing, or for another draft.
    """
    request = _match(await find_run(client, orchestrations, instance_id), body)
    decision = Decision(
        request_id=request.request_id,
        content_hash=request.content_hash,
        approved=body.approved,
        feedback=body.feedback,
    )
    try:
        await client.raise_event(instance_id, request.event_name, decision.model_dump(mode="json"))
    except Exception:
        # The run may have ended since; the SDK tells that by the text of its exception only.
        _match(await find_run(client, orchestrations, instance_id), body)
        raise
    return decision


def _match(status: DurableOrchestrationStatus, body: ApprovalBody) -> ApprovalRequest:
    """Return the request the run waits with.

    Raises:
        ProblemError: 409, the run is over, waits for nothing, or waits for a decision on another draft.
    """
    state = status.runtime_status.name if status.runtime_status else "unknown"
    if is_over(status):
        raise _conflict("run-is-over", f"Run {status.instance_id!r} is over ({state}), so nothing can be decided.")
    request = read_request(status.custom_status)
    if request is None:
        detail = f"Run {status.instance_id!r} ({state}) does not wait for an approval now."
        raise _conflict("no-approval-pending", detail)
    if body.request_id != request.request_id or body.content_hash not in (None, request.content_hash):
        detail = (
            f"Run {status.instance_id!r} waits for a decision on another draft. Read the one in waiting_for, then "
            "decide with its request_id."
        )
        raise _conflict("other-draft-pending", detail, request)
    return request


def _conflict(kind: str, detail: str, request: ApprovalRequest | None = None) -> ProblemError:
    waiting_for: dict[str, Any] | None = None if request is None else request.model_dump(mode="json")
    return ProblemError(409, kind, detail, waiting_for=waiting_for)
