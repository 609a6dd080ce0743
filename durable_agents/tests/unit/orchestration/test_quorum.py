"""Who decides on a draft: quorum, escalation to a second reviewer, and the audit trail."""

import json
import logging
from typing import Any

import pytest

from durable_agents.orchestration.approval_requests import Decision
from durable_agents.orchestration.registry import Orchestration
from durable_agents.tests.app.agents import Draft
from durable_agents.tests.app.orchestrations import content_approval

APPROVAL = Orchestration(content_approval)
INPUT = {"topic": "tea", "approval_timeout_hours": 24, "max_revisions": 1}
QUORUM = {**INPUT, "reviewers": ["ada", "bob", "eve"], "required_approvals": 2}
ESCALATES = {**INPUT, "second_reviewer": "eve", "escalation_timeout_hours": 2}
DRAFT = Draft(title="Tea", content="Tea is warm.")
SENT = {"channel": "webhook", "location": None}
NAMED = {"request_id": "r1", "content_hash": "0" * 64, "approved": True}
PUBLISHED = {"location": "published/x.md"}


def wait(start: Any, run_input: dict[str, Any]) -> Any:
    """Return a run whose first draft waits for its decision; the reviewers have been told."""
    run = start(APPROVAL, run_input)
    run.answer("Writer", DRAFT)
    run.complete("notify_reviewer", SENT)
    return run


def trail(run: Any) -> list[dict[str, Any]]:
    """Return the decisions in the custom status."""
    decisions: list[dict[str, Any]] = run.state["customStatus"].get("decisions", [])
    return decisions


def test_a_quorum_needs_as_many_different_reviewers(start: Any) -> None:
    run = wait(start, QUORUM)
    request = run.waiting_for
    run.decide(approved=True, reviewer="ada", decision_id="1" * 32)
    assert run.waiting_for == {**request, "approvals": 1}
    assert [(d["reviewer"], d["settled"]) for d in trail(run)] == [("ada", False)]
    run.decide(approved=True, reviewer="ada", decision_id="2" * 32)
    assert "the same reviewer" in run.waiting_for["note"]
    run.decide(approved=True, reviewer="bob")
    run.complete("publish", PUBLISHED)

    output = run.state["output"]
    assert output["outcome"] == "published"
    assert [(d["reviewer"], d["settled"]) for d in output["decisions"]] == [("ada", False), ("bob", True)]
    assert run.timers() == {}


def test_one_rejection_rejects(start: Any) -> None:
    run = wait(start, QUORUM)
    run.decide(approved=True, reviewer="ada")
    run.decide(approved=False, reviewer="bob")
    assert run.state["output"]["outcome"] == "rejected"
    assert [d["approved"] for d in run.state["output"]["decisions"]] == [True, False]


def test_nobody_takes_an_approval_back_by_rejecting_it(start: Any) -> None:
    run = wait(start, QUORUM)
    run.decide(approved=True, reviewer="ada")
    run.decide(approved=False, reviewer="ada")
    assert [d["approved"] for d in trail(run)] == [True]
    assert "the same reviewer" in run.waiting_for["note"]


@pytest.mark.parametrize("spelling", ["Ada", "ada ", " ADA", "\uff41da", "\u24d0da"], ids=ascii)
def test_another_spelling_is_no_other_reviewer(start: Any, spelling: str) -> None:
    run = wait(start, QUORUM)
    run.decide(approved=True, reviewer="ada")
    run.decide(approved=True, reviewer=spelling)
    assert [d["reviewer"] for d in trail(run)] == ["ada"]
    assert "the same reviewer" in run.waiting_for["note"]


@pytest.mark.parametrize(
    "reviewer", [None, "nobody who was asked", "\u0430da", "ada\u3164", "ada\ufe0f", "a\u034fda"], ids=ascii
)
def test_only_those_who_were_asked_count(start: Any, reviewer: str | None) -> None:
    run = wait(start, QUORUM)
    run.decide(approved=True, reviewer=reviewer)
    assert trail(run) == []
    assert "ignored" in run.waiting_for["note"]
    assert run.state["isDone"] is False


def test_a_stated_name_is_no_verified_account(start: Any) -> None:
    run = wait(start, QUORUM)
    run.decide(approved=True, reviewer="bob-id")
    assert trail(run) == []
    run.decide(approved=True, reviewer="Bob", reviewer_id="bob-id", verified=True)
    run.decide(approved=True, reviewer="bob")
    assert [(d["reviewer"], d["verified"]) for d in trail(run)] == [("Bob", True)]


def test_where_nobody_is_named_a_stated_account_is_another_person(start: Any) -> None:
    first = Decision.model_validate({**NAMED, "reviewer": "7"})
    second = Decision.model_validate({**NAMED, "reviewer": "ada", "reviewer_id": "7", "verified": True})
    stated = Decision.model_validate({**NAMED, "reviewer": "ada", "reviewer_id": "7"})
    assert len({first.identity, second.identity, stated.identity, "7", "id:7"}) == 4
    assert second.identity == "id:7"


def test_only_the_second_reviewer_settles_the_second_request(start: Any) -> None:
    run = wait(start, ESCALATES)
    run.fire_timer()
    run.complete("notify_reviewer", SENT)
    run.decide(approved=True, reviewer="ada")
    run.decide(approved=True)
    assert trail(run) == []
    run.decide(approved=False, reviewer="Eve")
    assert run.state["output"]["outcome"] == "rejected"


def test_a_quorum_that_arrives_before_the_reviewers_are_told_counts(start: Any) -> None:
    run = start(APPROVAL, QUORUM)
    run.answer("Writer", DRAFT)
    run.decide(approved=True, reviewer="ada")
    run.decide(approved=True, reviewer="bob")
    run.complete("notify_reviewer", SENT)
    run.complete("publish", PUBLISHED)
    assert run.state["output"]["outcome"] == "published"
    assert run.timers() == {}


def test_the_second_reviewer_decides_under_a_request_of_their_own(start: Any) -> None:
    run = wait(start, ESCALATES)
    first = run.waiting_for
    run.fire_timer()
    asked = run.waits_for("notify_reviewer")
    second = run.waiting_for
    assert (asked["reviewers"], asked["escalated"], asked["content"]) == (["eve"], True, DRAFT.content)
    assert second["request_id"] == asked["request_id"] != first["request_id"]
    assert second["event_name"] != first["event_name"]
    assert (second["content_hash"], second["attempt"]) == (first["content_hash"], first["attempt"])
    assert second["expires_at"].startswith("2026-01-02T11:00:01")
    run.complete("notify_reviewer", SENT)
    run.decide(approved=True, reviewer="eve")
    assert run.waits_for("publish")["title"] == DRAFT.title
    run.complete("publish", PUBLISHED)
    assert run.state["output"]["outcome"] == "published"
    assert run.state["output"]["notifications"] == [{**SENT, "delivered": True}] * 2


def test_a_decision_on_the_request_that_expired_is_not_one_on_the_second(start: Any) -> None:
    run = wait(start, ESCALATES)
    first = run.waiting_for
    run.fire_timer()
    run.complete("notify_reviewer", SENT)
    named = {name: first[name] for name in ("request_id", "content_hash")}
    run.raise_event(run.waiting_for["event_name"], {**named, "approved": True})
    assert trail(run) == []
    assert "another draft" in run.waiting_for["note"]


def test_a_quorum_that_was_not_reached_in_time_starts_anew_with_the_second_reviewer(start: Any) -> None:
    run = wait(start, {**QUORUM, **ESCALATES})
    run.decide(approved=True, reviewer="ada")
    run.fire_timer()
    run.complete("notify_reviewer", SENT)
    assert (run.waiting_for["required_approvals"], run.waiting_for["reviewers"]) == (1, ["eve"])
    run.decide(approved=False, reviewer="eve")
    assert run.state["output"]["outcome"] == "rejected"
    assert [d["reviewer"] for d in run.state["output"]["decisions"]] == ["ada", "eve"]


def test_a_draft_that_the_second_reviewer_leaves_undecided_is_escalated(start: Any) -> None:
    run = wait(start, ESCALATES)
    run.fire_timer()
    run.complete("notify_reviewer", SENT)
    run.fire_timer()
    assert run.waits_for("escalate")["title"] == DRAFT.title
    run.complete("escalate", PUBLISHED)
    assert run.state["output"]["outcome"] == "escalated"


def test_the_trail_says_who_when_what_and_how(start: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "durable_agents.orchestration.run_status")
    run = wait(start, INPUT)
    request = run.waiting_for
    sent = {"reviewer": "ada", "reviewer_id": "7", "verified": True, "channel": "link", "decision_id": "a" * 32}
    run.decide(approved=False, feedback="No.\nrun-1 approval decision {}", **sent)
    run.answer("Writer", Draft(title="Tea", content="More tea."))
    (shown,) = trail(run)
    run.complete("notify_reviewer", SENT)
    run.decide(approved=True)
    run.complete("publish", PUBLISHED)

    recorded = run.state["output"]["decisions"][0]
    assert recorded == {
        "request_id": request["request_id"],
        "content_hash": request["content_hash"],
        "approved": False,
        "feedback": "No.\nrun-1 approval decision {}",
        "attempt": 1,
        "decided_at": recorded["decided_at"],
        "settled": True,
        **sent,
    }
    assert recorded["decided_at"].startswith("2026-01-01T09:00:00")
    assert shown == {name: value for name, value in recorded.items() if name != "feedback"}
    logger = "durable_agents.orchestration.run_status"
    lines = [record.getMessage() for record in caplog.records if record.name == logger]
    assert [line.partition(" approval decision ")[0] for line in lines] == ["run-1", "run-1"]
    assert json.loads(lines[0].partition(" approval decision ")[2]) == recorded
    assert "\n" not in lines[0]


@pytest.mark.parametrize("name", ["a" * 100, "\u00e9" * 33, "\u5be9" * 33])
def test_the_custom_status_holds_the_newest_decisions_whatever_the_names(start: Any, name: str) -> None:
    reviewers = [name[:-1] + str(number) for number in range(10)]
    run = start(APPROVAL, {**INPUT, "reviewers": reviewers, "required_approvals": 10})
    run.answer("Writer", Draft(title=name * 10, content=name * 100))
    run.complete("notify_reviewer", SENT)
    for number, reviewer in enumerate(reviewers[:9]):
        run.decide(approved=True, reviewer=reviewer, feedback="x" * 10_000)
        assert len(json.dumps(run.state["customStatus"]).encode("utf-16-le")) <= 16 * 1024
        assert trail(run)[-1]["reviewer"] == reviewer, number
    run.decide(approved=True, reviewer=reviewers[9])
    run.complete("publish", PUBLISHED)
    assert [d["reviewer"] for d in run.state["output"]["decisions"]] == reviewers


@pytest.mark.parametrize(
    "changed", [{"reviewer": "x" * 101}, {"decision_id": "x" * 100_000}, {"channel": "telepathy"}, {"verified": 1}]
)
def test_a_raw_event_cannot_put_anything_into_the_status(start: Any, changed: dict[str, Any]) -> None:
    run = wait(start, INPUT)
    run.decide(approved=True, **changed)
    assert trail(run) == []
    assert "not a decision" in run.waiting_for["note"]
