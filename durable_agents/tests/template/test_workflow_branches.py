"""Each branch of each workflow of the project, over HTTP, with the host killed and started again between all steps.

A workflow that was deleted from the project is skipped.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from devhost.testing.host_process import REPOSITORY, HostProcess

pytestmark = [pytest.mark.kills, pytest.mark.timeout(180)]

EXPENSE = {"employee": "ada@example.com", "amount_cents": 12_050, "purpose": "Train to Berlin"}
CLAIM = {"customer": "ada@example.com", "cause": "water", "amount_cents": 40_000, "account": "A pipe broke."}
MAIL = {"sender": "ada@example.com", "subject": "Order 7", "body": "Where is my order?"}
SPAM = {"sender": "eve@example.com", "body": "You won the lottery! Claim your prize now."}
COMMENT = {"author": "Ada", "text": "See www.example.com"}
YES, NO = {"approved": True}, {"approved": False}


@dataclass(frozen=True)
class Answer:
    """What a human answers to the executor that asks, whether by its bare name or by the way to it."""

    executor: str
    body: Mapping[str, Any]
    reviewer: str | None = None


@dataclass(frozen=True)
class Story:
    """A way through a graph: what it starts with, who answers what, what comes out, and how many files it leaves."""

    workflow: str
    run_input: Any
    outcome: str
    answers: tuple[Answer, ...] = ()
    files: Mapping[str, int] = field(default_factory=dict)
    shows: Callable[[dict[str, Any]], bool] = lambda output: True


MANAGER, BUDGET = Answer("manager", YES, "manager"), Answer("budget", YES, "budget")
COMPLIANCE = Answer("compliance", YES, "Compliance")
ADJUSTER, SENIOR = Answer("adjust~0~adjuster", YES), Answer("adjust~0~senior", YES, "senior adjuster")
LARGE = {**CLAIM, "amount_cents": 2_000_000}
PAID = {"payments/*.json": 1}

STORIES = {
    "cancelled": Story(
        "order_cancellation", "ORD-1001", "cancelled", files={"cancellations/*.json": 1, "order_cancellation-*.eml": 1}
    ),
    "shipped": Story("order_cancellation", "ORD-1002", "already_shipped", files={"cancellations/*.json": 0}),
    "unknown": Story("order_cancellation", "ORD-7", "unknown"),
    "two experts": Story(
        "expert_review", "Why is the sky blue?", "answered", shows=lambda one: len(one["answers"]) == 2
    ),
    "no question": Story("expert_review", " ", "no_question"),
    "paid": Story("expense_reimbursement", EXPENSE, "paid", (MANAGER, COMPLIANCE, BUDGET), PAID),
    "manager says no": Story(
        "expense_reimbursement", EXPENSE, "rejected", (Answer("manager", NO, "manager"),), {"payments/*.json": 0}
    ),
    "budget says no": Story(
        "expense_reimbursement",
        EXPENSE,
        "rejected",
        (MANAGER, Answer("budget", {**NO, "comments": "Empty."}, "budget"), COMPLIANCE),
        {"payments/*.json": 0},
        lambda output: [one["approved"] for one in output["approvals"]] == [True, False, True],
    ),
    "compliance says no": Story(
        "expense_reimbursement", EXPENSE, "rejected", (MANAGER, BUDGET, Answer("compliance", NO, "compliance"))
    ),
    "paid at once": Story("claim_handling", CLAIM, "paid", (), {**PAID, "claim_handling-*.eml": 1}),
    "not covered": Story("claim_handling", {**CLAIM, "cause": "wear"}, "not_covered", files={"payments/*.json": 0}),
    "adjusted": Story(
        "claim_handling",
        {**CLAIM, "amount_cents": 60_000},
        "paid",
        (Answer("adjust~0~adjuster", {**YES, "amountCents": 10_000}),),
        PAID,
        lambda output: output["settlement"] == {"amount_cents": 10_000, "decided_by": "adjuster", "note": None},
    ),
    "adjuster says no": Story(
        "claim_handling", {**CLAIM, "account": "It is suspicious."}, "rejected", (Answer("adjust~0~adjuster", NO),)
    ),
    "senior says yes": Story("claim_handling", LARGE, "paid", (ADJUSTER, SENIOR), PAID),
    "senior says no": Story(
        "claim_handling", LARGE, "rejected", (ADJUSTER, Answer("adjust~0~senior", NO, "senior adjuster"))
    ),
    "spam": Story("email_routing", SPAM, "quarantined", files={"quarantine/*.json": 1}),
    "answered": Story("email_routing", MAIL, "replied", files={"email_routing-*.eml": 1}),
    "by a machine": Story("email_routing", {**MAIL, "headers": {"Auto-Submitted": "auto-replied"}}, "ignored"),
    "no objection": Story("comment_moderation", {**COMMENT, "text": "I agree."}, "published"),
    "approved": Story("comment_moderation", COMMENT, "published", (Answer("weigh", YES),), {"published/*.md": 1}),
    "rejected": Story("comment_moderation", COMMENT, "rejected", (Answer("weigh", NO),), {"published/*.md": 0}),
}


def look(
    http: httpx.Client, story: Story, instance_id: str, reached: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """Return the status of the run as soon as `reached` holds for it."""
    deadline = time.monotonic() + 60
    while True:
        status: dict[str, Any] = http.get(f"/api/workflow/{story.workflow}/status/{instance_id}").json()
        if reached(status):
            return status
        assert time.monotonic() < deadline, status
        time.sleep(0.05)


def give(host: HostProcess, story: Story, instance_id: str, answer: Answer) -> None:
    """Answer the request of this executor, once it asks."""

    def requests(status: dict[str, Any]) -> dict[str, str]:
        pending = status.get("pendingHumanInputRequests", [])
        ways = {one["requestId"].rpartition("~") for one in pending}
        assert len(ways) == len(pending)
        return {
            "".join(one["requestId"].rpartition("~")[:2]) + one["sourceExecutor"]: one["requestId"] for one in pending
        }

    with host.client() as http:
        status = look(http, story, instance_id, lambda status: answer.executor in requests(status))
        path = f"/api/workflow/{story.workflow}/respond/{instance_id}/{requests(status)[answer.executor]}"
        if answer.reviewer is not None:
            for wrong in ({}, {"reviewer": "eve"}):
                assert http.post(path, json=answer.body, params=wrong).status_code == 403
        who = {} if answer.reviewer is None else {"reviewer": answer.reviewer}
        taken = http.post(path, json=answer.body, params=who)
        assert taken.status_code == 200, taken.text


@pytest.mark.parametrize("name", STORIES)
def test_a_branch_ends_as_it_should_whenever_the_host_dies(name: str, start_host: Any) -> None:
    story = STORIES[name]
    if not (REPOSITORY / "workflows" / f"{story.workflow}.py").exists():
        pytest.skip(f"the project has no workflow {story.workflow!r} any more")
    host = start_host()
    with host.client() as http:
        started = http.post(f"/api/workflow/{story.workflow}/run", json=story.run_input)
        assert started.status_code == 202, started.text
        instance_id = started.json()["instanceId"]
    for answer in story.answers:
        host.restart()
        give(host, story, instance_id, answer)
    host.restart()
    with host.client() as http:
        ended = look(http, story, instance_id, lambda one: one["runtimeStatus"] not in ("Pending", "Running"))
        picture = http.get(f"/api/workflow/{story.workflow}/graph", params={"run": instance_id, "format": "mermaid"})
    assert ended["runtimeStatus"] == "Completed", ended
    (output,) = ended["output"]
    assert output["outcome"] == story.outcome
    assert story.shows(output)
    assert {pattern: len(list(host.outbox.glob(pattern))) for pattern in story.files} == story.files
    assert {state["state"] for state in ended["executors"].values()} == {"done"}
    assert " done\n" in picture.text
