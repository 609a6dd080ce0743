"""Have a decision written to the audit log, next to all else that a run waits for."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from azure.durable_functions.models.history.HistoryEventType import HistoryEventType

from durable_agents.activities.record_decision import DecisionRecord, hash_answer, record_decision
from durable_agents.orchestration.approval_requests import ApprovalRequest, AuditEntry, Decision
from durable_agents.orchestration.attempts import DEFAULT_RETRY, attempt, pause
from durable_agents.orchestration.human_requests import AnsweredBy, HumanRequest
from durable_agents.orchestration.steps import AnyOf, Fiber, Steps

UNWRITTEN = "The audit log cannot be written. The decision stands, and the run goes on once it is written down."
_SCHEDULED = (
    HistoryEventType.TASK_SCHEDULED,
    HistoryEventType.SUB_ORCHESTRATION_INSTANCE_CREATED,
    HistoryEventType.TIMER_CREATED,
    HistoryEventType.EVENT_SENT,
)
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(minutes=1), timedelta(minutes=30)


class Recordings:
    """The decisions on one request on their way to the audit log; `context` is the SDK's.

    Each is begun in the turn that judges the decision, and tried again, after ever longer pauses, until it is written.
    A run waits for that before it acts on the decision: nothing is done that is not written down.
    """

    def __init__(self, context: Any) -> None:
        self._context = context
        self._open: list[_Recording] = []
        self._number = 0

    @property
    def tasks(self) -> tuple[Any, ...]:
        """What they wait for."""
        return tuple(task for recording in self._open for task in recording.tasks)

    @property
    def note(self) -> str | None:
        """What is to be said of them where the run is shown."""
        return UNWRITTEN if any(recording.is_late for recording in self._open) else None

    def approval(
        self, request: ApprovalRequest, decision: Decision, asked_by: str | None, refused: str | None = None
    ) -> None:
        """Begin to write down a decision on an approval: one that counts, an `AuditEntry`, or one that was refused."""
        settled = isinstance(decision, AuditEntry) and decision.settled
        self._begin(
            asked_by,
            outcome="refused" if refused else "settled" if settled else "counted",
            reason=refused,
            approved=decision.approved,
            request_id=request.request_id,
            content_hash=request.content_hash,
            attempt=request.attempt,
            asked=tuple(request.reviewers),
            reviewer=decision.reviewer,
            reviewer_id=decision.reviewer_id,
            verified=decision.verified,
            channel=decision.channel,
        )

    def answer(
        self, request: HumanRequest, by: AnsweredBy, asked_by: str, value: Any, refused: str | None = None
    ) -> None:
        """Begin to write down an answer to what a workflow asks; `value` is plain JSON."""
        self._begin(
            asked_by,
            outcome="refused" if refused else "settled",
            reason=refused,
            approved=_approval_in(value),
            answer_hash=hash_answer(value),
            request_id=request.request_id,
            content_hash=request.content_hash,
            asked=tuple(request.reviewers),
            **by.model_dump(),
        )

    def go_on(self) -> None:
        """Go on with those whose tasks have ended."""
        for recording in self._open:
            recording.go_on()
        self._open = [recording for recording in self._open if not recording.has_ended]

    def finish(self) -> Steps[None]:
        """Wait until all are written."""
        while self._open:
            yield AnyOf(self.tasks)
            self.go_on()

    def cancel(self) -> None:
        """Try none again: the wait for the decision has lost a race. What was begun is written, if that is possible."""
        for recording in self._open:
            recording.cancel()

    def _begin(self, asked_by: str | None, **members: Any) -> None:
        self._number += 1
        now: datetime = self._context.current_utc_datetime
        key = f"{self._context.instance_id} {members['request_id']} {now.isoformat()} {self._number}"
        record = DecisionRecord(
            id=uuid.uuid5(uuid.NAMESPACE_URL, key).hex,
            decided_at=now,
            instance_id=self._context.instance_id,
            asked_by=asked_by or _name_of(self._context),
            **members,
        )
        if _is_recorded(self._context):
            self._open.append(_Recording(self._context, record))
            self.go_on()


class _Recording(Fiber):
    """One decision on its way; it `is_late` while it could not be written in all attempts of one round."""

    def __init__(self, context: Any, record: DecisionRecord) -> None:
        self.is_late = False
        super().__init__(self._write(context, record.model_dump(mode="json")))

    def _write(self, context: Any, payload: Any) -> Steps[None]:
        wait = _FIRST_PAUSE
        while True:
            try:
                yield from attempt(context, record_decision.__name__, payload, DEFAULT_RETRY)
                return
            except Exception:
                # The SDK has no class for it. There is no other place where the entry could go.
                self.is_late = True
            yield from pause(context, wait)
            wait = min(2 * wait, _LONGEST_PAUSE)


def _is_recorded(context: Any) -> bool:
    """Say whether this decision goes to the log. It did not in runs that had decided before there was one.

    Then the history goes on, from the next number on that the run gives, without such an activity in that turn. Where
    it does not go on, the run may do anything.
    """
    is_reached = False
    for event in context.histories:
        if event.event_type == HistoryEventType.ORCHESTRATOR_STARTED and is_reached:
            return False
        is_reached |= event.event_type in _SCHEDULED and event.event_id >= context._sequence_number
        is_activity = event.event_type == HistoryEventType.TASK_SCHEDULED
        if is_reached and is_activity and event.Name == record_decision.__name__:
            return True
    return not is_reached


def _name_of(context: Any) -> str:
    started = (event for event in context.histories if event.event_type == HistoryEventType.EXECUTION_STARTED)
    return next((str(event.Name) for event in started), "")


def _approval_in(value: Any) -> bool | None:
    """Return the yes or no of an answer, if that is one."""
    found = value.get("approved") if isinstance(value, dict) else value
    return found if isinstance(found, bool) else None
