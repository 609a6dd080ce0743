"""Where the decisions of a run are read from."""

from typing import Any

import pytest
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus

from durable_agents.runs.decisions import read_audit_log

TIME = "2026-01-01T09:00:00Z"


def record(feedback: str) -> dict[str, Any]:
    """Return a decision as a run keeps it."""
    said = {"request_id": "q1", "content_hash": "h", "approved": True, "feedback": feedback}
    who = {"reviewer": "ada", "reviewer_id": None, "verified": False, "channel": "webhook"}
    return {**said, **who, "attempt": 1, "decided_at": TIME, "settled": True}


def decisions_of(state: str, output: object, custom_status: object) -> list[str | None]:
    row = {"name": "x", "instanceId": "x-1", "createdTime": TIME, "lastUpdatedTime": TIME, "runtimeStatus": state}
    status = DurableOrchestrationStatus.from_json({**row, "output": output, "customStatus": custom_status})
    return [decision.feedback for decision in read_audit_log(status)]


@pytest.mark.parametrize("state", ["Suspended", "Running"])
def test_the_reason_of_a_suspension_is_no_output(state: str) -> None:
    """Azure Storage shows it in the place of the output, and as JSON if it is: whoever suspends could decide."""
    invented = {"decisions": [record("invented")]}
    assert decisions_of(state, invented, {"stage": "waiting_for_approval"}) == []
    assert decisions_of(state, invented, {"decisions": [record("made")]}) == ["made"]


def test_a_completed_run_has_all_of_them_in_its_output() -> None:
    output = {"decisions": [record("first"), record("last")]}
    assert decisions_of("Completed", output, {"decisions": [record("last")]}) == ["first", "last"]
