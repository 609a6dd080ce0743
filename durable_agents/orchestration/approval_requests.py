"""What passes between a run and its reviewers: the request for a decision, and the decision.

Each request has its own id and its own event name. External events are kept by name until somebody waits for them, so
with one name for all drafts a double click would approve the next draft, which nobody has seen.
"""

import hashlib
import json
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, StrictBool

from durable_agents.characters.person_names import LONGEST_NAME, check_name, find_person, identity_of

PREVIEW_CHARACTERS = 500

ALLOWED_DECISIONS: tuple[Literal["approve", "reject"], ...] = ("approve", "reject")

Channel = Literal["api", "link", "event", "webhook"]
"""How a decision came in: `POST /approval/..`, a signed link, the run's event route, or the durable webhook itself."""


ReviewerName = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME), AfterValidator(check_name)]
"""A reviewer, as a user name, an address or a role."""


class ApprovalRequest(BaseModel):
    """What a run asks a human to decide; it is shown in the run's custom status, under `waiting_for`.

    The custom status of a run is limited to 16 KB, so title, preview and names are cut; the whole draft is kept for the
    page behind the reviewers' links. Times are in UTC. `reviewers` are those who are asked; without any, whoever is
    allowed to decide may do so. `required_approvals` is how many of them must approve, `approvals` how many have, and
    one rejection rejects. `asked_for_by` is the owner whose run or session asks, as its id names one: who that is does
    not decide. `escalated` says that an earlier request for the same draft has expired. `note` tells that an event was
    ignored, or that the reviewers could not be told.
    """

    kind: Literal["approval"] = "approval"
    request_id: str
    event_name: str
    content_hash: str
    attempt: int
    title: str
    preview: str
    preview_truncated: bool
    requested_at: datetime | None = None
    expires_at: datetime
    allowed: tuple[Literal["approve", "reject"], ...] = ALLOWED_DECISIONS
    reviewers: list[str] = []
    required_approvals: int = 1
    approvals: int = 0
    asked_for_by: str | None = None
    escalated: bool = False
    note: str | None = None

    def voter_of(self, name: str | None, identity: str) -> str | None:
        """Return whose one vote a decision of this reviewer is, or None if the reviewer was not asked.

        Each of those who were asked has one vote, by whatever way it comes.
        """
        if not self.reviewers:
            return identity
        asked = find_person(name, self.reviewers)
        return None if asked is None else identity_of(asked)


class Decision(BaseModel):
    """A reviewer's decision on one request, as it travels in the event. It holds for the draft with this hash only.

    `verified` says that App Service authentication vouches for the reviewer; otherwise the name is as stated. The
    `decision_id` tells apart decisions that say the same.
    """

    request_id: str
    content_hash: str
    approved: StrictBool
    feedback: str | None = None
    decision_id: str | None = Field(default=None, pattern=r"^[0-9a-f]{32}$")
    reviewer: ReviewerName | None = None
    reviewer_id: ReviewerName | None = None
    verified: StrictBool = False
    channel: Channel = "webhook"

    @property
    def identity(self) -> str:
        """Who counts as one reviewer; all who do not say who they are count as one."""
        return identity_of(self.reviewer, self.reviewer_id if self.verified else None)


class AuditEntry(Decision):
    """A decision that counts, in the audit log of its run. `settled` says that nothing more is asked after it."""

    attempt: int | None = None
    decided_at: datetime | None = None
    settled: bool = True


class IgnoredDecisionError(ValueError):
    """An event that does not count; the message says why, for the reviewers to see.

    `decision` is what it says, if it is a decision on this very draft, which was refused.
    """

    def __init__(self, message: str, decision: Decision | None = None) -> None:
        super().__init__(message)
        self.decision = decision


def hash_content(title: str, content: str) -> str:
    """Return the SHA-256, in hex, that names this exact title and content."""
    return hashlib.sha256(json.dumps([title, content]).encode()).hexdigest()


def cut(text: str, characters: int) -> str:
    """Return the longest beginning of `text` that takes at most so many characters as JSON, quotes left out."""
    beginning = text[:characters]
    while len(json.dumps(beginning)) - 2 > characters:
        surplus = len(json.dumps(beginning)) - 2 - characters
        # No character takes more than twelve: an astral one is two escapes of six.
        beginning = beginning[: len(beginning) - max(1, surplus // 12)]
    return beginning


def read_requests(custom_status: object) -> list[ApprovalRequest]:
    """Return the approvals a run waits for according to its custom status; the first one comes with its preview."""
    shown = custom_status if isinstance(custom_status, dict) else {}
    others = shown.get("requests")
    waits = [shown.get("waiting_for"), *(others if isinstance(others, list) else [])]
    approvals = [wait for wait in waits if isinstance(wait, dict) and wait.get("kind") == "approval"]
    requests: dict[str, ApprovalRequest] = {}
    for request in map(ApprovalRequest.model_validate, approvals):
        requests.setdefault(request.request_id, request)
    return list(requests.values())


def read_decision(payload: object, request: ApprovalRequest) -> Decision:
    """Return the decision in an event's payload: JSON text when the SDK raised it, an object from the webhook.

    Raises:
        IgnoredDecisionError: The payload is no decision, or one on another draft.
    """
    try:
        data: Any = json.loads(payload) if isinstance(payload, str) else payload
        decision = Decision.model_validate(data)
    except (ValueError, RecursionError) as error:
        raise IgnoredDecisionError("An event was ignored: it is not a decision.") from error
    if (decision.request_id, decision.content_hash) != (request.request_id, request.content_hash):
        raise IgnoredDecisionError("A decision was ignored: it names another draft.")
    return decision
