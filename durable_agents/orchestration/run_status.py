"""What a run shows of itself in its custom status: where it is, what it waits for and has used, what was decided.

The task hub takes 16 KB of UTF-16 for it, which is two bytes for each character of the JSON text.
"""

import json
import logging
from datetime import datetime
from typing import Any

import azure.durable_functions as df
from pydantic import BaseModel

from durable_agents.orchestration.approval_requests import (
    ApprovalRequest,
    AuditEntry,
    Decision,
    IgnoredDecisionError,
)
from durable_agents.orchestration.spending import Spending, Usage

logger = logging.getLogger(__name__)

_CHARACTERS = 8_000


class EventWait(BaseModel):
    """What a run waits for that is no approval: an event of this name. `note` tells of one that was ignored.

    It is waited for until `expires_at`; null is for ever, as its author says.
    `question` is what somebody is to answer with it, if the run says so.
    """

    kind: str = "event"
    event_name: str
    expires_at: datetime | None = None
    question: str | None = None
    note: str | None = None


class RunStatus:
    """Writes the custom status of one run, and keeps the decisions that counted in it: in order, only ever added to.

    A late or repeated decision is held against the newest decisions in the status; the run's output has them all.
    """

    def __init__(self, context: df.DurableOrchestrationContext, spending: Spending | None = None) -> None:
        self._context = context
        self._spending = spending
        self._shown_usage = Usage()
        self._stage: dict[str, Any] = {}
        self._waiting: dict[str, BaseModel] = {}
        self.decisions: list[AuditEntry] = []

    def set(self, stage: str, **details: Any) -> None:
        """Say where the run is."""
        self._stage = {"stage": stage, **details}
        self._write()

    def wait(self, key: str, waiting_for: BaseModel) -> None:
        """Say that the run waits for this, under a key of its own."""
        self._waiting[key] = waiting_for
        self._write()

    def stop_waiting(self, key: str) -> None:
        """Say that the run does not wait for this any more."""
        if self._waiting.pop(key, None) is not None:
            self._write()

    def show_usage(self) -> None:
        """Say what the run has used, if it has used more than is shown."""
        if self._spending is not None and self._spending.used() != self._shown_usage:
            self._write()

    def count(self, decision: Decision, request: ApprovalRequest) -> AuditEntry:
        """Count the decision on the request it is about, log it, and return its record.

        Raises:
            IgnoredDecisionError: The reviewer was not asked, or has decided on this request before.
        """
        voter = request.voter_of(decision.reviewer, decision.identity)
        if voter is None:
            why = "A decision was ignored: its reviewer is none of those who were asked."
            raise IgnoredDecisionError(why, decision)
        earlier = [record for record in self.decisions if record.request_id == request.request_id]
        if any(request.voter_of(record.reviewer, record.identity) == voter for record in earlier):
            raise IgnoredDecisionError("A decision was ignored: the same reviewer has decided before.", decision)
        approvals = 1 + sum(record.approved for record in earlier)
        record = AuditEntry(
            **decision.model_dump(),
            attempt=request.attempt,
            decided_at=self._context.current_utc_datetime,
            settled=not decision.approved or approvals >= request.required_approvals,
        )
        self.decisions.append(record)
        if not self._context.is_replaying:
            # As JSON, in one line: what a reviewer wrote cannot pass for another line of the log.
            text = json.dumps(record.model_dump(mode="json"))
            logger.info("%s approval decision %s", self._context.instance_id, text)
        return record

    def _write(self) -> None:
        """Set the custom status: with as many of the newest decisions, and of the requests, as it has room for."""
        waiting = [one.model_dump(mode="json") for one in self._waiting.values()]
        waiting.sort(key=lambda one: one["kind"] != "approval")
        decisions = [record.model_dump(mode="json", exclude={"feedback"}) for record in self.decisions]
        status: dict[str, Any] = dict(self._stage)
        self._shown_usage = Usage() if self._spending is None else self._spending.used()
        if self._shown_usage != Usage():
            status["usage"] = self._shown_usage.model_dump()
        if waiting:
            status |= {"stage": f"waiting_for_{waiting[0]['kind']}", "waiting_for": waiting[0]}
        if len(waiting) > 1:
            # All of them, so that each can be decided on; the text to read comes with the request itself.
            status["requests"] = [
                {**one, "preview": "", "preview_truncated": True} if one["kind"] == "approval" else one
                for one in waiting
            ]
        while decisions and _is_too_long({**status, "decisions": decisions}):
            del decisions[0]
        while len(status.get("requests", ())) > 1 and _is_too_long(status):
            del status["requests"][-1]
            status["requests_not_shown"] = len(waiting) - len(status["requests"])
        self._context.set_custom_status({**status, "decisions": decisions} if decisions else status)


def _is_too_long(status: dict[str, Any]) -> bool:
    return len(json.dumps(status)) > _CHARACTERS
