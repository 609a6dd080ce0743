"""What humans decide is written to the audit log before a run acts on it, however long that takes."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from durable_agents.activities.record_decision import DecisionRecord, record_decision
from durable_agents.orchestration.registry import Orchestration
from durable_agents.orchestration.tool_approval import ToolApprovalInput, tool_approval
from durable_agents.storage.audit_files import LocalAuditFiles
from durable_agents.storage.audit_log import AuditLog, read_log
from durable_agents.tests.app.agents import Draft
from durable_agents.tests.app.orchestrations import content_approval

APPROVAL = Orchestration(content_approval)
INPUT = {"topic": "tea", "approval_timeout_hours": 24, "max_revisions": 1}
QUORUM = {**INPUT, "reviewers": ["ada", "bob", "eve"], "required_approvals": 2}
DRAFT = Draft(title="A secret title", content="Secret words.")
SENT = {"channel": "webhook", "location": None}
RECORD = record_decision.__name__


def wait(start: Any, run_input: dict[str, Any], *, keeps: bool = True) -> Any:
    """Return a run whose first draft waits for its decision; the reviewers have been told."""
    run = start(APPROVAL, run_input)
    run.answer("Writer", DRAFT)
    run.complete("notify_reviewer", SENT)
    run.keeps_audit_log = keeps
    return run


def opened(run: Any) -> list[Any]:
    """Return the names of the activities that are open."""
    return [leaf["functionName"] for leaf in run.open.values() if "functionName" in leaf]


def test_each_decision_is_written_with_who_made_it_and_what_came_of_it(start: Any) -> None:
    run = wait(start, QUORUM)
    request = run.waiting_for
    known = {"reviewer_id": "1-2", "verified": True, "channel": "api"}
    run.decide(approved=True, reviewer="mallory", channel="event")
    run.decide(approved=True, feedback="A private word.", reviewer="Ada", **known)
    run.decide(approved=False, reviewer="ada", channel="link")
    run.decide(approved=True, reviewer="bob", channel="link")
    common = {
        "kind": "decision",
        "instance_id": "run-1",
        "asked_by": "orchestration",
        "request_id": request["request_id"],
        "content_hash": request["content_hash"],
        "attempt": 1,
        "asked": ["ada", "bob", "eve"],
        "answer_hash": None,
    }
    assert all(common.items() <= entry.items() for entry in run.audit_log)
    came = [(entry["reviewer"], entry["approved"], entry["channel"], entry["outcome"]) for entry in run.audit_log]
    assert came == [
        ("mallory", True, "event", "refused"),
        ("Ada", True, "api", "counted"),
        ("ada", False, "link", "refused"),
        ("bob", True, "link", "settled"),
    ]
    assert ["asked" in str(entry["reason"]) for entry in run.audit_log] == [True, False, False, False]
    assert "decided before" in run.audit_log[2]["reason"]
    assert [(entry["verified"], entry["reviewer_id"]) for entry in run.audit_log[1:3]] == [(True, "1-2"), (False, None)]
    assert len({entry["id"] for entry in run.audit_log}) == 4
    text = json.dumps(run.audit_log)
    assert not any(words in text for words in ("ecret", "private"))


def test_nothing_is_done_before_the_decision_is_written_and_the_decision_shows_at_once(start: Any) -> None:
    run = wait(start, INPUT, keeps=False)
    run.decide(approved=True, reviewer="ada")
    assert opened(run) == [RECORD]
    shown = run.state["customStatus"]
    assert (shown["stage"], [one["reviewer"] for one in shown["decisions"]]) == ("decided", ["ada"])
    run.complete(RECORD, {"id": "x"})
    assert opened(run) == ["publish"]


def test_a_log_that_cannot_be_written_holds_the_run_and_undoes_nothing(start: Any) -> None:
    run = wait(start, INPUT, keeps=False)
    run.decide(approved=True, reviewer="ada")
    for _ in range(4):
        run.fail(RECORD)
        assert opened(run) == []
        shown = run.state["customStatus"]
        assert (shown["stage"], len(shown["decisions"])) == ("decided", 1)
        assert "audit log cannot be written" in shown["note"]
        run.fire_timer()
        assert opened(run) == [RECORD]
    run.complete(RECORD, {"id": "x"})
    assert opened(run) == ["publish"]
    assert run.timers() == {}


def test_it_is_tried_again_after_ever_longer_pauses_of_half_an_hour_at_most(start: Any) -> None:
    run = wait(start, INPUT, keeps=False)
    run.decide(approved=True)
    waited = []
    for _ in range(7):
        run.fail(RECORD)
        before = run.now
        run.fire_timer()
        waited.append((run.now - before) // timedelta(minutes=1))
    assert waited == [1, 2, 4, 8, 16, 30, 30]


def test_further_decisions_count_while_an_earlier_one_is_not_written_yet(start: Any) -> None:
    run = wait(start, QUORUM, keeps=False)
    run.decide(approved=True, reviewer="ada")
    run.fail(RECORD)
    run.decide(approved=True, reviewer="bob")
    assert run.state["customStatus"]["stage"] == "decided"
    assert [entry["reviewer"] for entry in run.inputs(RECORD)] == ["bob"]
    run.complete(RECORD, {"id": "bob"})
    assert opened(run) == []
    run.fire_timer()
    assert [entry["reviewer"] for entry in run.inputs(RECORD)] == ["ada"]
    run.complete(RECORD, {"id": "ada"})
    assert opened(run) == ["publish"]


def test_a_request_that_expires_waits_for_what_was_decided_to_be_written(start: Any) -> None:
    run = wait(start, QUORUM, keeps=False)
    run.decide(approved=True, reviewer="ada")
    run.pass_time(timedelta(days=2))
    assert run.state["customStatus"]["stage"] == "expired"
    assert opened(run) == [RECORD]
    run.complete(RECORD, {"id": "x"})
    assert opened(run) == ["escalate"]


def test_who_asks_for_a_tool_call_is_the_agent(start: Any) -> None:
    call = {
        "agent": "ShopAssistant",
        "session_id": "zoe@example.com",
        "request_id": "0" * 32,
        "tool": "refund_order",
        "arguments": {"to": "Zoë"},
        "expires_at": "2026-01-02T09:00:00Z",
    }
    run = start(Orchestration(tool_approval, ToolApprovalInput), call)
    run.complete("notify_reviewer", SENT)
    run.decide(approved=True, reviewer="ada")
    (entry,) = run.audit_log
    assert (entry["asked_by"], entry["outcome"]) == ("ShopAssistant (refund_order)", "settled")
    assert not any(words in json.dumps(entry) for words in ("zoe", "Zo\\u00eb"))


def test_a_run_that_had_decided_before_there_was_a_log_goes_on(start: Any) -> None:
    """Its history has no such activity, so a replay must not ask for one; what it decides from now on is written."""
    run = wait(start, QUORUM)
    run.decide(approved=True, reviewer="ada")
    _as_before(run)
    run.audit_log.clear()
    run.decide(approved=True, reviewer="bob")
    assert "error" not in run.state
    assert [entry["reviewer"] for entry in run.audit_log] == ["bob"]
    assert opened(run) == ["publish"]


def _as_before(run: Any) -> None:
    """Make its history what it would have been without the one entry: what was scheduled after it has a lower id."""
    (at,) = [place for place, event in enumerate(run.history) if event.get("Name") == RECORD]
    number = run.history[at]["EventId"]
    done = next(place for place, event in enumerate(run.history) if event.get("TaskScheduledId") == number)
    # With the turn of its result.
    run.history = [event for event in run.history[: done - 1] if event.get("Name") != RECORD]
    for event in run.history[at:]:
        event["EventId"] -= event["EventId"] > number
    run._ids.remove(number)
    run._ids = [one - (one > number) for one in run._ids]
    run.open = {one - (one > number): leaf for one, leaf in run.open.items()}
    run._next_id -= 1


@pytest.mark.parametrize("times", [1, 3])
def test_the_activity_writes_one_entry_however_often_it_runs(tmp_path: Any, times: int) -> None:
    record = DecisionRecord(
        id="d1",
        decided_at=datetime(2026, 1, 1, 9, tzinfo=UTC),
        instance_id="run-1",
        asked_by="content_approval",
        request_id="r1",
        outcome="settled",
        approved=True,
        channel="api",
    )
    for _ in range(times):
        assert record_decision(record, log=AuditLog(tmp_path)).id == "d1"
    ((_, line),) = read_log(LocalAuditFiles(tmp_path))
    assert line.id == "d1"
    assert {**record.model_dump(mode="json"), "previous": line.previous}.items() <= dict(line.members).items()
