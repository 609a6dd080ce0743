"""The audit log of a run: every decision that counted, in order, only ever added to.

All of it is in the run's output. Until then, the newest part is in the custom status, where late and repeated decisions
are held against it.
"""

import json
import logging
from typing import Any

import azure.durable_functions as df

from durable_agents.orchestration.approval_requests import (
    ApprovalRequest,
    AuditEntry,
    Decision,
    IgnoredDecisionError,
)

logger = logging.getLogger(__name__)

# The hub takes 16 KB of UTF-16, which is two bytes for each character of the JSON text.
_STATUS_CHARACTERS = 8_000


class AuditLog:
    """The decisions of one run, kept by its orchestration, which lets the log write its custom status."""

    def __init__(self, context: df.DurableOrchestrationContext) -> None:
        self._context = context
        self.decisions: list[AuditEntry] = []

    def show(self, status: dict[str, Any]) -> None:
        """Set the custom status, with as many of the newest decisions as it has room for."""
        shown = [entry.model_dump(mode="json", exclude={"feedback"}) for entry in self.decisions]
        while shown and len(json.dumps({**status, "decisions": shown})) > _STATUS_CHARACTERS:
            del shown[0]
        self._context.set_custom_status({**status, "decisions": shown} if shown else status)

    def add(self, decision: Decision, request: ApprovalRequest) -> AuditEntry:
        """Count the decision on the request it is about, log it, and return its entry.

        Raises:
            IgnoredDecisionError: The reviewer was not asked, or has decided on this request before.
        """
        voter = request.voter_of(decision.reviewer, decision.identity)
        if voter is None:
            raise IgnoredDecisionError("A decision was ignored: its reviewer is none of those who were asked.")
        earlier = [entry for entry in self.decisions if entry.request_id == request.request_id]
        if any(request.voter_of(entry.reviewer, entry.identity) == voter for entry in earlier):
            raise IgnoredDecisionError("A decision was ignored: the same reviewer has decided before.")
        approvals = 1 + sum(entry.approved for entry in earlier)
        entry = AuditEntry(
            **decision.model_dump(),
            attempt=request.attempt,
            decided_at=self._context.current_utc_datetime,
            settled=not decision.approved or approvals >= request.required_approvals,
        )
        self.decisions.append(entry)
        if not self._context.is_replaying:
            # As JSON, in one line: what a reviewer wrote cannot pass for another line of the log.
            text = json.dumps(entry.model_dump(mode="json"))
            logger.info("%s approval decision %s", self._context.instance_id, text)
        return entry
