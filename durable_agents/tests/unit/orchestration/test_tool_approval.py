"""A tool call that an agent's turn waits with is put to reviewers as a draft is."""

import json
from typing import Any

import pytest

from durable_agents.orchestration.registry import Orchestration
from durable_agents.orchestration.tool_approval import ToolApprovalInput, tool_approval

APPROVAL = Orchestration(tool_approval, ToolApprovalInput)
ARGUMENTS = {"order_id": "A-17", "note": "für Zoë\u3164", "amount_cents": 1250}
INPUT = {
    "agent": "ShopAssistant",
    "session_id": "s1",
    "request_id": "0" * 32,
    "tool": "refund_order",
    "arguments": ARGUMENTS,
    "expires_at": "2026-01-02T09:00:00Z",
}
SENT = {"channel": "webhook", "location": None}
SIGNAL = 9


def decide(run: Any, **fields: Any) -> None:
    """Raise a decision on the call, as the app's routes do."""
    named = {name: run.waiting_for[name] for name in ("request_id", "content_hash")}
    run.raise_event(run.waiting_for["event_name"], {**named, "approved": True, **fields})


def told(run: Any) -> list[tuple[str, str, dict[str, Any]]]:
    """Return the signals of the last turn: to which entity, which operation, with what."""
    leaves = [leaf for batch in run.state["actions"] for leaf in batch if leaf["actionType"] == SIGNAL]
    return [(leaf["instanceId"], leaf["operation"], json.loads(leaf["input"])) for leaf in leaves]


def test_reviewers_are_shown_the_call_whole_and_the_session_learns_what_they_decide(start: Any) -> None:
    run = start(APPROVAL, {**INPUT, "reviewers": ["ada"]})
    asked = run.waits_for("notify_reviewer")
    assert asked["title"] == "ShopAssistant wants to call refund_order"
    assert json.loads(asked["content"]) == ARGUMENTS
    assert "für Zoë\u3164" in asked["content"]
    assert (asked["reviewers"], asked["expires_at"]) == (["ada"], "2026-01-02T09:00:00Z")
    run.complete("notify_reviewer", SENT)
    decide(run, reviewer="eve")
    assert "ignored" in run.waiting_for["note"]
    decide(run, reviewer="Ada", approved=False, feedback="No.")
    ((entity, operation, message),) = told(run)
    assert (entity, operation) == ("@dafx-shopassistant@s1", "decide")
    decided_at = message.pop("decided_at")
    assert decided_at.startswith("2026-01-01T09:00:00")
    assert message == {"request_id": "0" * 32, "approved": False, "feedback": "No.", "reviewer": "Ada"}
    assert run.state["output"]["outcome"] == "rejected"
    assert run.timers() == {}


def test_a_call_nobody_decides_on_expires_and_tells_the_session_so(start: Any) -> None:
    run = start(APPROVAL, INPUT)
    run.complete("notify_reviewer", SENT)
    run.fire_timer()
    assert run.state["output"]["outcome"] == "expired"
    ((_, operation, message),) = told(run)
    assert (operation, message) == ("give_up", {"request_id": "0" * 32})


@pytest.mark.parametrize("decided_first", [True, False])
def test_a_decision_stands_although_the_reviewers_could_not_be_told(start: Any, decided_first: bool) -> None:
    run = start(APPROVAL, INPUT)
    if decided_first:
        decide(run)
    run.fail("notify_reviewer")
    if not decided_first:
        decide(run)
    assert (run.state["output"]["outcome"], run.state["output"]["notification"]) == ("approved", None)
    assert len(told(run)) == 1
