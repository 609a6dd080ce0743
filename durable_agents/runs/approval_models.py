"""The JSON that the routes of approvals answer with."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from durable_agents.orchestration.approval_requests import ApprovalRequest, AuditEntry
from durable_agents.orchestration.human_requests import HumanRequest
from durable_agents.runs.shown_drafts import ShownDraft


class PendingApproval(ApprovalRequest):
    """What a human is asked to decide on. `links.decide` takes the decision."""

    kind: Literal["approval"] = Field(default="approval", exclude=True)
    event_name: str = Field(exclude=True)
    instance_id: str
    orchestration: str
    links: dict[str, str]


class PendingWorkflowRequest(HumanRequest):
    """What a workflow asks a human. `links.respond` takes the answer, in the form of `response_type`."""

    instance_id: str
    workflow: str
    links: dict[str, str]


class ApprovalPage(BaseModel):
    """What waits for a human; a page may be short, or empty, although there is a next one."""

    approvals: list[PendingApproval]
    workflow_requests: list[PendingWorkflowRequest]
    next_page_token: str | None


class DecisionAnswer(BaseModel):
    """What came of a decision: it is `decided`, or `counted` if more approvals are needed, or `accepted` for now.

    `decision` is the one that counts, null if that is not known yet. Its feedback is in the output of the run only.
    """

    instance_id: str
    request_id: str
    approved: bool
    status: Literal["decided", "counted", "accepted"]
    decision: AuditEntry | None
    links: dict[str, str] = {}


class ReviewedRequest(BaseModel):
    """What a reviewer is told of a request, beside the draft."""

    request_id: str
    content_hash: str
    attempt: int
    expires_at: datetime
    reviewers: list[str]
    required_approvals: int
    approvals: int
    escalated: bool


class Review(BaseModel):
    """What the reviewer of a link is asked: `draft`, or what was decided: `decision`.

    `request` is null once nobody waits for a decision any more, `reviewer` where nobody was named.
    """

    run: str
    reviewer: str | None
    request: ReviewedRequest | None
    draft: ShownDraft | None
    decision: AuditEntry | None
