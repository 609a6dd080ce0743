from typing import Any

import pytest
from pydantic import ValidationError

from agents.writer import Draft
from durable_agents import Orchestration
from durable_agents.testing import replay
from orchestrations.content_approval import ContentApprovalInput, content_approval

APPROVAL = Orchestration(content_approval)
INPUT = {"topic": "tea", "approval_timeout_hours": 24, "max_revisions": 1}
FIRST = Draft(title="Tea", content="Tea is warm.")
SECOND = Draft(title="Green tea", content="Green tea is warm.")
SENT = {"channel": "webhook", "location": None}
PUBLISHED = {"store": "folder", "location": "published/x.md"}


@pytest.fixture
def waiting() -> Any:
    """A run whose first draft waits for its decision; the reviewer has been told."""
    run = replay(APPROVAL, INPUT)
    run.answer("Writer", FIRST)
    run.complete("notify_reviewer", SENT)
    return run


def test_approval_publishes_and_leaves_no_timer_behind(waiting: Any) -> None:
    waiting.decide(approved=True)
    shown = waiting.state["customStatus"]
    assert (shown["stage"], shown["attempt"], len(shown["decisions"])) == ("decided", 1, 1)
    assert waiting.timers() == {}
    waiting.complete("publish_content", PUBLISHED)

    output = waiting.state["output"]
    assert (output["outcome"], output["publication"]) == ("published", PUBLISHED)
    assert output["draft"] == FIRST.model_dump()
    assert [decision["approved"] for decision in output["decisions"]] == [True]
    assert output["notifications"] == [{**SENT, "delivered": True}]


def test_feedback_is_revised_in_the_same_session_under_a_new_request(waiting: Any) -> None:
    first = waiting.waiting_for
    waiting.decide(approved=False, feedback="Say which tea.")
    asked = waiting.asked("Writer")
    waiting.answer("Writer", SECOND)
    waiting.complete("notify_reviewer", SENT)

    assert "Say which tea." in asked["message"]
    sent = [e for e in waiting.history if e["EventType"] == 14]
    assert len(sent) == 2
    second = waiting.waiting_for
    assert second["attempt"] == 2
    assert first["request_id"] != second["request_id"]
    assert first["event_name"] != second["event_name"]
    waiting.decide(approved=True)
    waiting.complete("publish_content", PUBLISHED)
    assert waiting.state["output"]["draft"] == SECOND.model_dump()
    assert [d["feedback"] for d in waiting.state["output"]["decisions"]] == ["Say which tea.", None]


def test_both_drafts_come_from_one_session() -> None:
    run = replay(APPROVAL, INPUT)
    first = run.asked("Writer")["entity"]
    run.answer("Writer", FIRST)
    run.complete("notify_reviewer", SENT)
    run.decide(approved=False, feedback="More.")
    assert run.asked("Writer")["entity"] == first


def test_rejection_without_feedback_is_final(waiting: Any) -> None:
    waiting.decide(approved=False)
    assert waiting.state["isDone"]
    assert waiting.state["output"]["outcome"] == "rejected"
    assert waiting.state["output"]["publication"] is None


def test_the_last_revision_may_be_rejected_but_not_revised(waiting: Any) -> None:
    waiting.decide(approved=False, feedback="More.")
    waiting.answer("Writer", SECOND)
    waiting.complete("notify_reviewer", SENT)
    waiting.decide(approved=False, feedback="More still.")
    assert waiting.state["output"]["outcome"] == "rejected"
    assert len(waiting.state["output"]["decisions"]) == 2


def test_a_draft_nobody_decides_on_is_escalated(waiting: Any) -> None:
    waiting.fire_timer()
    assert waiting.state["customStatus"] == {"stage": "expired", "attempt": 1}
    escalation = waiting.waits_for("escalate_for_review")
    waiting.complete("escalate_for_review", SENT)

    assert escalation["content"] == FIRST.content
    assert waiting.state["output"]["outcome"] == "escalated"
    assert waiting.state["output"]["escalation"] == {**SENT, "delivered": True}
    assert waiting.state["output"]["decisions"] == []


def test_reviewers_who_cannot_be_told_may_decide_all_the_same() -> None:
    run = replay(APPROVAL, INPUT)
    run.answer("Writer", FIRST)
    run.fail("notify_reviewer")
    assert "could not be told" in run.waiting_for["note"]
    run.decide(approved=True)
    run.complete("publish_content", PUBLISHED)
    output = run.state["output"]
    assert (output["outcome"], output["notifications"]) == ("published", [])
    assert output["untold"] == [output["decisions"][0]["request_id"]]
    assert run.timers() == {}


def test_a_decision_stands_although_the_reviewers_turn_out_not_to_be_told() -> None:
    run = replay(APPROVAL, INPUT)
    run.answer("Writer", FIRST)
    run.decide(approved=True)
    run.fail("notify_reviewer")
    run.complete("publish_content", PUBLISHED)
    output = run.state["output"]
    assert (output["outcome"], len(output["decisions"]), len(output["untold"])) == ("published", 1, 1)


def test_a_draft_nobody_was_told_of_is_escalated_when_its_time_is_over() -> None:
    run = replay(APPROVAL, INPUT)
    run.answer("Writer", FIRST)
    run.fail("notify_reviewer")
    run.fire_timer()
    run.complete("escalate_for_review", SENT)
    assert run.state["output"]["outcome"] == "escalated"
    assert len(run.state["output"]["untold"]) == 1


def test_a_draft_nobody_decides_on_goes_to_the_second_reviewer_whose_decision_alone_counts() -> None:
    run = replay(APPROVAL, {**INPUT, "second_reviewer": "eve", "escalation_timeout_hours": 2})
    run.answer("Writer", FIRST)
    run.complete("notify_reviewer", SENT)
    run.fire_timer()
    asked = run.waits_for("notify_reviewer")
    assert (asked["reviewers"], asked["escalated"], asked["content"]) == (["eve"], True, FIRST.content)
    run.complete("notify_reviewer", SENT)
    run.decide(approved=True, reviewer="ada")
    run.decide(approved=True, reviewer="eve")
    run.complete("publish_content", PUBLISHED)
    output = run.state["output"]
    assert (output["outcome"], [d["reviewer"] for d in output["decisions"]]) == ("published", ["eve"])


@pytest.mark.parametrize("reviewers", [["ada"], ["ada", "Ada"]])
def test_a_quorum_that_cannot_be_reached_is_refused(reviewers: list[str]) -> None:
    with pytest.raises(ValidationError, match="only 1 different reviewers are asked"):
        ContentApprovalInput.model_validate({**INPUT, "reviewers": reviewers, "required_approvals": 2})
