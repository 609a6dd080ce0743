"""How a run waits for a decision on a draft: what it shows, what counts, and what is ignored."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from durable_agents.orchestration.approval_requests import PREVIEW_CHARACTERS, hash_content
from durable_agents.orchestration.registry import Orchestration
from durable_agents.tests.app.agents import Draft
from durable_agents.tests.app.orchestrations import ContentApprovalInput, content_approval

APPROVAL = Orchestration(content_approval, ContentApprovalInput)
INPUT = {"topic": "tea", "approval_timeout_hours": 24, "max_revisions": 1}
FIRST = Draft(title="Tea", content="Tea is warm.")
SECOND = Draft(title="Green tea", content="Green tea is warm.")
SENT = {"channel": "webhook", "location": None}
PUBLISHED = {"location": "published/x.md"}
Start = Callable[..., Any]


def decide(run: Any, *, as_text: bool = True, **fields: Any) -> None:
    """Raise the decision on the draft the run waits with, changed by `fields`."""
    waiting_for = run.waiting_for
    names = {name: waiting_for[name] for name in ("request_id", "content_hash")}
    decision = {**names, "approved": True, "feedback": None, **fields}
    run.raise_event(waiting_for["event_name"], decision, as_text=as_text)


@pytest.fixture
def waiting(start: Start) -> Any:
    """A run whose first draft waits for its decision; the reviewer has been told."""
    run = start(APPROVAL, INPUT)
    run.answer("Writer", FIRST)
    run.complete("notify_reviewer", SENT)
    return run


def test_the_custom_status_says_what_the_run_waits_for(waiting: Any) -> None:
    shown = waiting.waiting_for
    assert shown["event_name"] == f"Approval-{shown['request_id']}"
    assert shown["content_hash"] == hash_content(FIRST.title, FIRST.content)
    assert (shown["title"], shown["preview"], shown["preview_truncated"]) == ("Tea", "Tea is warm.", False)
    assert (shown["attempt"], shown["note"]) == (1, None)
    assert shown["expires_at"].startswith("2026-01-02T09:00:00")


def test_the_wait_is_open_before_the_reviewer_can_know_of_it(start: Start) -> None:
    run = start(APPROVAL, INPUT)
    run.answer("Writer", FIRST)
    request = run.waits_for("notify_reviewer")
    decide(run)
    run.complete("notify_reviewer", SENT)

    assert request["content"] == FIRST.content
    assert run.waits_for("publish")["title"] == FIRST.title


@pytest.mark.parametrize("as_text", [True, False])
def test_approval_publishes_and_leaves_no_timer_behind(waiting: Any, as_text: bool) -> None:
    decide(waiting, as_text=as_text)
    shown = waiting.state["customStatus"]
    assert (shown["stage"], shown["attempt"], len(shown["decisions"])) == ("decided", 1, 1)
    assert waiting.timers() == {}
    waiting.complete("publish", PUBLISHED)

    output = waiting.state["output"]
    assert (output["outcome"], output["publication"]) == ("published", PUBLISHED)
    assert [decision["approved"] for decision in output["decisions"]] == [True]
    assert output["notifications"] == [{**SENT, "delivered": True}]


def test_a_double_click_does_not_approve_the_next_draft(waiting: Any) -> None:
    first = waiting.waiting_for
    decide(waiting, approved=False, feedback="More.")
    waiting.answer("Writer", SECOND)
    waiting.complete("notify_reviewer", SENT)
    late = {"request_id": first["request_id"], "content_hash": first["content_hash"], "approved": True}
    with pytest.warns(UserWarning, match="Potential duplicate Task completion"):
        waiting.raise_event(first["event_name"], late)
    assert waiting.waiting_for["attempt"] == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"content_hash": "0" * 64},
        {"request_id": "another"},
        {"approved": "yes"},
        {"approved": None},
    ],
)
def test_an_event_that_is_no_decision_on_this_draft_is_ignored(waiting: Any, changed: dict[str, Any]) -> None:
    before = waiting.waiting_for
    decide(waiting, **changed)
    after = waiting.waiting_for
    assert "ignored" in after["note"]
    assert {**after, "note": None} == before
    (timer,) = waiting.timers().values()
    # A second later than what the reviewer is told: it may fire a second early.
    assert timer["fireAt"].startswith("2026-01-02T09:00:01")
    decide(waiting)
    assert waiting.waits_for("publish")
    assert waiting.timers() == {}


@pytest.mark.parametrize("payload", ["not json", "[]", "null", 7])
def test_a_payload_that_is_not_even_an_object_is_ignored(waiting: Any, payload: object) -> None:
    waiting.raise_event(waiting.waiting_for["event_name"], payload, as_text=False)
    assert "not a decision" in waiting.waiting_for["note"]
    waiting.fire_timer()
    assert waiting.waits_for("escalate")


def test_a_foreign_event_before_the_reviewer_is_told_does_not_end_the_wait(start: Start) -> None:
    run = start(APPROVAL, INPUT)
    run.answer("Writer", FIRST)
    decide(run, request_id="another")
    run.complete("notify_reviewer", SENT)
    decide(run)
    run.complete("publish", PUBLISHED)
    assert run.state["output"]["outcome"] == "published"
    assert run.timers() == {}


NOT_YET = {"channel": "none", "location": None}


def test_while_there_is_no_key_for_links_reviewers_are_told_later_and_the_run_says_so(start: Start) -> None:
    run = start(APPROVAL, INPUT)
    run.answer("Writer", FIRST)
    pauses = []
    for _ in range(7):
        run.complete("notify_reviewer", NOT_YET)
        assert "as soon as the app has the key" in run.waiting_for["note"]
        asked = run.now
        run.fire(min(run.timers(), key=lambda number: str(run.timers()[number]["fireAt"])))
        pauses.append(round((run.now - asked).total_seconds() / 60))
    assert pauses == [1, 2, 4, 8, 16, 30, 30]
    run.complete("notify_reviewer", SENT)
    assert run.waiting_for["note"] is None
    decide(run)
    run.complete("publish", PUBLISHED)
    (receipt,) = run.state["output"]["notifications"]
    assert (receipt["channel"], receipt["delivered"]) == ("webhook", True)
    assert run.timers() == {}


def test_a_draft_can_be_decided_while_there_is_no_key_for_links(start: Start) -> None:
    run = start(APPROVAL, INPUT)
    run.answer("Writer", FIRST)
    run.complete("notify_reviewer", NOT_YET)
    decide(run)
    run.complete("publish", PUBLISHED)
    output = run.state["output"]
    assert (output["outcome"], output["notifications"]) == ("published", [])
    assert run.timers() == {}


def test_a_draft_of_which_nobody_was_told_for_want_of_a_key_expires_as_others_do(start: Start) -> None:
    run = start(APPROVAL, {**INPUT, "approval_timeout_hours": 0.001})
    run.answer("Writer", FIRST)
    run.complete("notify_reviewer", NOT_YET)
    run.fire(min(run.timers(), key=lambda number: str(run.timers()[number]["fireAt"])))
    assert run.waits_for("escalate")
    assert run.timers() == {}


def test_reviewers_who_cannot_be_told_may_decide_all_the_same(start: Start) -> None:
    run = start(APPROVAL, INPUT)
    run.answer("Writer", FIRST)
    run.fail("notify_reviewer")
    assert "could not be told" in run.waiting_for["note"]
    decide(run, request_id="another")
    assert "ignored" in run.waiting_for["note"]
    decide(run)
    run.complete("publish", PUBLISHED)
    output = run.state["output"]
    assert (output["outcome"], output["notifications"]) == ("published", [])
    assert run.timers() == {}


def test_a_decision_stands_although_the_reviewers_turn_out_not_to_be_told(start: Start) -> None:
    run = start(APPROVAL, INPUT)
    run.answer("Writer", FIRST)
    decide(run)
    run.fail("notify_reviewer")
    run.complete("publish", PUBLISHED)
    output = run.state["output"]
    assert (output["outcome"], len(output["decisions"]), output["notifications"]) == ("published", 1, [])


def test_a_draft_nobody_was_told_of_is_escalated_when_its_time_is_over(start: Start) -> None:
    run = start(APPROVAL, INPUT)
    run.answer("Writer", FIRST)
    run.fail("notify_reviewer")
    run.fire_timer()
    run.complete("escalate", PUBLISHED)
    assert run.state["output"]["outcome"] == "escalated"


@pytest.mark.parametrize("character", ["a", "\u00e9", "\x01", '"', "\U0001f600"])
def test_a_long_draft_fits_into_the_custom_status(start: Start, character: str) -> None:
    run = start(APPROVAL, INPUT)
    run.answer("Writer", Draft(title=character * 5_000, content=character * 50_000))
    assert run.waiting_for["preview_truncated"]
    assert PREVIEW_CHARACTERS / 3 < len(run.waiting_for["preview"]) <= PREVIEW_CHARACTERS
    # The limit is 16 KB of UTF-16, two bytes for each character of the JSON text, and more than 16 KB is never 16.
    assert len(json.dumps(run.state["customStatus"]).encode("utf-16-le")) <= 16 * 1024
