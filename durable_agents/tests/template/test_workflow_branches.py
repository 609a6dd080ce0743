"""Each branch of each workflow of the project, over HTTP, with the host killed and started again between all steps.

A workflow that was deleted from the project is skipped.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from devhost.testing.host_process import REPOSITORY, HostProcess
from devhost.testing.plugin import NewHost

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
LETTER = {"claim_handling-*.eml": 1}
PAID = {"payments/*.json": 1}

STORIES = {
    "cancelled": Story(
        "order_cancellation", "ORD-1001", "cancelled", files={"cancellations/*.json": 1, "order_cancellation-*.eml": 1}
    ),
    "shipped": Story("order_cancellation", "ORD-1002", "already_shipped"),
    "unknown": Story("order_cancellation", "ORD-7", "unknown"),
    "two experts": Story(
        "expert_review", "Why is the sky blue?", "answered", shows=lambda one: len(one["answers"]) == 2
    ),
    "no question": Story("expert_review", " ", "no_question"),
    "paid": Story("expense_reimbursement", EXPENSE, "paid", (MANAGER, COMPLIANCE, BUDGET), PAID),
    "manager says no": Story("expense_reimbursement", EXPENSE, "rejected", (Answer("manager", NO, "manager"),)),
    "budget says no": Story(
        "expense_reimbursement",
        EXPENSE,
        "rejected",
        (MANAGER, Answer("budget", {**NO, "comments": "Empty."}, "budget")),
        {},
        lambda output: [one["approved"] for one in output["approvals"]] == [True, False, None],
    ),
    "compliance says no": Story(
        "expense_reimbursement", EXPENSE, "rejected", (MANAGER, BUDGET, Answer("compliance", NO, "compliance"))
    ),
    "paid at once": Story("claim_handling", CLAIM, "paid", (), {**PAID, **LETTER}),
    "not covered": Story("claim_handling", {**CLAIM, "cause": "wear"}, "not_covered", (), LETTER),
    "adjusted": Story(
        "claim_handling",
        {**CLAIM, "amount_cents": 60_000},
        "paid",
        (Answer("adjust~0~adjuster", {**YES, "amountCents": 10_000}),),
        {**PAID, **LETTER},
        lambda output: output["settlement"] == {"amount_cents": 10_000, "decided_by": "adjuster", "note": None},
    ),
    "adjuster says no": Story(
        "claim_handling",
        {**CLAIM, "account": "It is suspicious."},
        "rejected",
        (Answer("adjust~0~adjuster", NO),),
        LETTER,
    ),
    "senior says yes": Story("claim_handling", LARGE, "paid", (ADJUSTER, SENIOR), {**PAID, **LETTER}),
    "senior says no": Story(
        "claim_handling", LARGE, "rejected", (ADJUSTER, Answer("adjust~0~senior", NO, "senior adjuster")), LETTER
    ),
    "spam": Story("email_routing", SPAM, "quarantined", files={"quarantine/*.json": 1}),
    "answered": Story("email_routing", MAIL, "replied", files={"email_routing-*.eml": 1}),
    "by a machine": Story("email_routing", {**MAIL, "headers": {"Auto-Submitted": "auto-replied"}}, "ignored"),
    "no objection": Story(
        "comment_moderation", {**COMMENT, "text": "I agree."}, "published", (), {"published/*.md": 1}
    ),
    "approved": Story("comment_moderation", COMMENT, "published", (Answer("weigh", YES),), {"published/*.md": 1}),
    "rejected": Story("comment_moderation", COMMENT, "rejected", (Answer("weigh", NO),)),
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


@dataclass
class Ended:
    """What came of all stories on one host: how each run is, its picture, and where it wrote."""

    runs: dict[str, dict[str, Any]]
    pictures: dict[str, str]
    outbox: Path


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory, new_host: NewHost) -> Iterator[Ended]:
    """All stories, side by side; the host is killed before each round of answers, and before the end."""
    told = {name: story for name, story in STORIES.items() if is_here(story)}
    with new_host(tmp_path_factory.mktemp("branches"), app_root=REPOSITORY) as host:
        with host.client() as http:
            ids = {name: start(http, story) for name, story in told.items()}
        for number in range(max((len(story.answers) for story in told.values()), default=0)):
            host.restart()
            for name, story in told.items():
                for answer in story.answers[number : number + 1]:
                    give(host, story, ids[name], answer)
        host.restart()
        with host.client() as http:
            yield Ended(
                {name: look(http, told[name], instance_id, is_over) for name, instance_id in ids.items()},
                {name: draw(http, told[name], instance_id) for name, instance_id in ids.items()},
                host.outbox,
            )
        host.stop()


def is_here(story: Story) -> bool:
    return (REPOSITORY / "workflows" / f"{story.workflow}.py").exists()


def is_over(status: dict[str, Any]) -> bool:
    return status["runtimeStatus"] not in ("Pending", "Running")


def start(http: httpx.Client, story: Story) -> str:
    started = http.post(f"/api/workflow/{story.workflow}/run", json=story.run_input)
    assert started.status_code == 202, started.text
    return str(started.json()["instanceId"])


def draw(http: httpx.Client, story: Story, instance_id: str) -> str:
    parameters = {"run": instance_id, "format": "mermaid"}
    return http.get(f"/api/workflow/{story.workflow}/graph", params=parameters).text


@pytest.mark.parametrize("name", STORIES)
def test_a_branch_ends_as_it_should_whenever_the_host_dies(name: str, ended: Ended) -> None:
    story = STORIES[name]
    if not is_here(story):
        pytest.skip(f"the project has no workflow {story.workflow!r} any more")
    run = ended.runs[name]
    assert run["runtimeStatus"] == "Completed", run
    (output,) = run["output"]
    assert output["outcome"] == story.outcome
    assert story.shows(output)
    assert {state["state"] for state in run["executors"].values()} == {"done"}
    assert " done\n" in ended.pictures[name]


def test_what_they_do_outside_is_done_once(ended: Ended) -> None:
    told = [story for story in STORIES.values() if is_here(story)]
    expected = Counter({pattern: 0 for story in told for pattern in story.files})
    for story in told:
        expected.update(story.files)
    assert {pattern: len(list(ended.outbox.glob(pattern))) for pattern in expected} == expected
