"""Write down what a human has decided, where it outlives the run that asked."""

import hashlib
import json
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

from durable_agents.storage.audit_log import AuditLog


class DecisionRecord(BaseModel):
    """A decision as the audit log has it: who asked, who decided on what, by what way, and what came of it.

    What was decided on and what was written about it are not in it, but their hashes: `content_hash` of what the
    reviewers have read, `answer_hash` of an answer that is more than a yes or no. A decision is `settled` when nothing
    more is asked after it, `counted` as one of several, `refused` for a `reason`, or `sent` to a run
    that judges it itself.
    """

    id: str
    kind: Literal["decision"] = "decision"
    decided_at: datetime
    instance_id: str
    asked_by: str
    request_id: str
    content_hash: str | None = None
    attempt: int = 1
    asked: tuple[str, ...] = ()
    outcome: Literal["settled", "counted", "refused", "sent"]
    reason: str | None = None
    approved: bool | None = None
    answer_hash: str | None = None
    reviewer: str | None = None
    reviewer_id: str | None = None
    verified: bool = False
    channel: str


class RecordReceipt(BaseModel):
    """Says that the entry of this id is kept."""

    id: str


def hash_answer(value: Any) -> str:
    """Return the SHA-256, in hex, of an answer, which is plain JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def record_decision(record: DecisionRecord, *, log: AuditLog) -> RecordReceipt:
    """Append the decision to the audit log and return when it is kept. Safe to run twice: its id is known there.

    Raises:
        AuditLogBusyError: Others append all the time.
        OSError: The folder of the log cannot be written.
        azure.core.exceptions.AzureError: Blob Storage cannot be reached or refused the entry.
    """
    log.append(record.id, record.model_dump(mode="json", exclude={"id"}))
    return RecordReceipt(id=record.id)
