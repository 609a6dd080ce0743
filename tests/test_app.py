"""The app on a host: one story for each orchestration and each workflow ends as it should."""

import email
import json
import time
from email import policy
from pathlib import Path
from typing import Any

import pytest

from devhost.testing.host_process import HostProcess
from durable_agents.testing import Api

HAM = {
    "sender": "Ada <ada@example.com>",
    "subject": "Order 7",
    "body": "Where is my order?",
    "message_id": "<7@example.com>",
}
SPAM = {
    "sender": "prizes@example.net",
    "subject": "You won the lottery!!!",
    "body": "Congratulations, winner! Claim your prize of $1,000,000 now: send your bank details and a gift card.",
}


def test_the_app_starts_and_its_agents_answer(api: Api) -> None:
    assert api.http.get("/api/health").json()["status"] == "healthy"
    for agent in api.http.get("/api/agents").json()["agents"]:
        answer = api.http.post(agent["links"]["run"], json={"message": "Hello"})
        assert answer.status_code in (200, 202), answer.text


@pytest.mark.sample
def test_an_honest_email_is_answered(api: Api, host: HostProcess) -> None:
    instance_id = api.start("email_triage", {"email": HAM})
    output = api.finish(instance_id)
    assert (output["outcome"], output["verdict"]["is_spam"]) == ("replied", False)
    assert output["reason"].startswith("Judged not spam")
    path = Path(output["receipt"]["location"])
    assert [path] == list(host.outbox.glob(f"{instance_id}-*-send_email.eml"))
    sent = email.message_from_bytes(path.read_bytes(), policy=policy.default)
    assert sent["To"] == "ada@example.com"
    assert sent["In-Reply-To"] == HAM["message_id"]
    assert sent["Message-ID"] == output["receipt"]["message_id"]
    assert sent["Subject"] == output["reply"]["subject"]


@pytest.mark.sample
def test_spam_is_quarantined_and_not_answered(api: Api, host: HostProcess) -> None:
    instance_id = api.start("email_triage", {"email": SPAM, "spam_threshold": 0})
    output = api.finish(instance_id)
    assert (output["outcome"], output["reply"]) == ("quarantined", None)
    (filed,) = (host.outbox / "quarantine").glob(f"{instance_id}-*-handle_spam_email.json")
    record = json.loads(filed.read_text(encoding="utf-8"))
    assert (record["sender"], record["reason"]) == (SPAM["sender"], output["verdict"]["reason"])
    assert not list(host.outbox.glob(f"{instance_id}-*"))


def test_a_reply_that_comes_back_to_the_app_is_not_answered(api: Api) -> None:
    first = api.finish(api.start("email_triage", {"email": HAM}))
    reply = email.message_from_bytes(Path(first["receipt"]["location"]).read_bytes(), policy=policy.default)
    came_in = {"sender": reply["From"], "subject": reply["Subject"], "body": reply.get_content()}
    second = api.finish(api.start("email_triage", {"email": {**came_in, "headers": dict(reply.items())}}))
    assert (second["outcome"], second["reply"], second["receipt"]) == ("ignored", None, None)


def test_an_encoded_subject_starts_no_header(api: Api) -> None:
    subject = "=?utf-8?q?Order=0D=0AReply-To:_eve=40evil.example=0D=0A=0D=0A<h1>unlock</h1>?="
    output = api.finish(api.start("email_triage", {"email": {**HAM, "subject": subject}}))
    sent = email.message_from_bytes(Path(output["receipt"]["location"]).read_bytes(), policy=policy.default)
    assert sent["Reply-To"] is None
    assert "Order Reply-To: eve@evil.example <h1>unlock</h1>" in sent["Subject"]


@pytest.mark.sample
def test_the_editor_is_told_when_its_article_is_published(api: Api) -> None:
    """A run of content_approval that the editor has started tells it how it ended."""
    run = "/api/agents/Editor/run"
    api.http.post(run, json={"message": "Start an article about white tea", "session_id": "desk"})
    started = api.http.get("/api/agents/Editor/sessions/desk").json()["turns"][0]["tool_calls"][0]["result"]
    instance_id = json.loads(started)["run_id"]
    draft = api.draft(instance_id)
    assert api.decide(instance_id, draft["request_id"], approved=True).status_code == 200
    api.finish(instance_id)
    stream, deadline = f"{api.run(instance_id)['links']['answer']}/stream", time.monotonic() + 30
    # It is sent in pieces, and whoever reads comes back for the next one.
    while "published" not in (text := api.http.get(stream).text):
        assert time.monotonic() < deadline, text
    turn = api.http.get("/api/agents/Editor/sessions/desk").json()["turns"][1]
    assert (turn["run_id"], turn["status"], turn["tool_calls"]) == (instance_id, "success", [])


@pytest.mark.sample
def test_an_article_is_revised_approved_and_published(api: Api, host: HostProcess) -> None:
    instance_id = api.start("content_approval", {"topic": "green tea"})
    first = api.draft(instance_id)
    feedback = "Mention the samovar."
    assert api.decide(instance_id, first["request_id"], approved=False, feedback=feedback).status_code == 200
    second = api.draft(instance_id, attempt=2)
    assert feedback in second["preview"]
    assert api.decide(instance_id, second["request_id"], approved=True).status_code == 200
    output = api.finish(instance_id)
    assert (output["outcome"], [decision["approved"] for decision in output["decisions"]]) == (
        "published",
        [False, True],
    )
    article = Path(output["publication"]["location"])
    assert list(host.published.glob(f"{instance_id}-*")) == [article]
    assert article.read_text(encoding="utf-8").startswith(f"# {output['draft']['title']}\n")


@pytest.mark.sample
def test_a_human_answers_in_the_middle_of_the_agent_loop(api: Api) -> None:
    instance_id = api.start("agent_loop", {"task": 'Ask a human: "Which order is it?"'})
    waits = api.wait(instance_id, lambda run: run["waiting_for"] is not None)["waiting_for"]
    assert waits["question"] == "Which order is it?"
    event = f"/api/runs/{instance_id}/events/{waits['event_name']}"
    assert api.http.post(event, json={"answer": "Order 7."}).status_code == 202
    output = api.finish(instance_id)
    assert (output["outcome"], output["iterations"]) == ("answered", 2)
    assert 'a tool answered: "Order 7."' in output["answer"]


@pytest.mark.parametrize(("mail", "outcome"), [(HAM, "replied"), (SPAM, "quarantined")])
def test_an_email_is_routed(api: Api, mail: dict[str, str], outcome: str) -> None:
    body = {name: mail[name] for name in ("sender", "subject", "body")}
    ended = api.http.post("/api/workflow/email_routing/run", json=body, params={"waitForResponse": "true"}).json()
    (routed,) = ended["output"]
    assert routed["outcome"] == outcome
    assert Path(routed["location"]).exists()


def test_a_comment_with_a_link_waits_for_a_human(api: Api) -> None:
    comment: dict[str, Any] = {"author": "Ada", "text": "See www.example.com"}
    instance_id = api.start("dafx-comment_moderation", comment)
    run = api.wait(instance_id, lambda run: run["waiting_for"] is not None)
    (asked,) = run["waiting_for"]["requests"]
    respond = f"/api/workflow/comment_moderation/respond/{instance_id}/{asked['request_id']}"
    assert api.http.post(respond, json={"approved": True, "moderator": "mary"}).status_code == 200
    ended = api.wait(instance_id, lambda run: run["runtime_status"] != "Running")
    (moderated,) = ended["output"]
    assert (moderated["outcome"], moderated["moderator"]) == ("published", "mary")
    assert Path(moderated["location"]).read_text(encoding="utf-8").endswith(f"{comment['text']}\n")


@pytest.mark.parametrize(
    ("workflow", "run_input", "outcome"),
    [
        ("order_cancellation", "ORD-1003", "cancelled"),
        ("expert_review", "Why is the sky blue?", "answered"),
        (
            "claim_handling",
            {"customer": "ada@example.com", "cause": "fire", "amount_cents": 100, "account": "It burnt."},
            "paid",
        ),
    ],
)
def test_a_graph_without_questions_ends_at_once(api: Api, workflow: str, run_input: object, outcome: str) -> None:
    answer = api.http.post(f"/api/workflow/{workflow}/run", params={"waitForResponse": "true"}, json=run_input)
    assert answer.status_code == 200, answer.text
    assert [output["outcome"] for output in answer.json()["output"]] == [outcome]


def decide(api: Api, instance_id: str, reviewer: str, *, approved: bool = True) -> None:
    """Decide on what the run asks this reviewer, found in the list of all that waits."""

    def asks(run: dict[str, Any]) -> bool:
        return reviewer in [one for request in run["waiting_for"]["requests"] for one in request["reviewers"]]

    api.wait(instance_id, lambda run: run["waiting_for"] is not None and asks(run))
    listed = api.http.get("/api/approvals", params={"limit": 200}).json()["workflow_requests"]
    (mine,) = [one for one in listed if (one["instance_id"], one["reviewers"]) == (instance_id, [reviewer])]
    answer = api.http.post(mine["links"]["respond"], params={"reviewer": reviewer}, json={"approved": approved})
    assert answer.status_code == 200, answer.text


def test_an_expense_is_paid_once_all_three_have_approved_it(api: Api, host: HostProcess) -> None:
    expense = {"employee": "ada@example.com", "amount_cents": 500, "purpose": "Tea"}
    instance_id = api.start("dafx-expense_reimbursement", expense)
    for reviewer in ("manager", "budget", "compliance"):
        decide(api, instance_id, reviewer)
    (paid,) = api.wait(instance_id, lambda run: run["runtime_status"] == "Completed")["output"]
    assert paid["outcome"] == "paid"
    assert Path(paid["location"]).parent == host.outbox / "payments"


def test_the_first_rejection_of_an_expense_ends_it_and_the_other_is_asked_no_more(api: Api) -> None:
    expense = {"employee": "ada@example.com", "amount_cents": 500, "purpose": "Tea"}
    instance_id = api.start("dafx-expense_reimbursement", expense)
    decide(api, instance_id, "manager")
    asked = api.wait(
        instance_id, lambda run: run["waiting_for"] is not None and len(run["waiting_for"]["requests"]) == 2
    )
    (late,) = [one for one in asked["waiting_for"]["requests"] if one["reviewers"] == ["compliance"]]
    decide(api, instance_id, "budget", approved=False)
    (rejected,) = api.wait(instance_id, lambda run: run["runtime_status"] == "Completed")["output"]
    assert rejected["outcome"] == "rejected"
    assert [(one["by"], one["approved"]) for one in rejected["approvals"]] == [
        ("manager", True),
        ("budget", False),
        ("compliance", None),
    ]
    respond = f"/api/workflow/expense_reimbursement/respond/{instance_id}/{late['request_id']}"
    answer = api.http.post(respond, params={"reviewer": "compliance"}, json={"approved": True})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:problem:request-withdrawn")


def test_a_document_is_outlined_written_and_published(api: Api, host: HostProcess) -> None:
    instance_id = api.start("document_publishing", {"topic": "returns", "must_cover": ["the receipt"]})
    output = api.finish(instance_id)
    assert "the receipt" in output["outline"]["sections"][0]["points"][0]
    article = Path(output["publication"]["location"])
    assert list(host.published.glob(f"{instance_id}-*")) == [article]
    assert article.read_text(encoding="utf-8").startswith(f"# {output['draft']['title']}\n")


def test_an_outline_that_stays_too_short_is_never_written_out(api: Api, host: HostProcess) -> None:
    instance_id = api.start("document_publishing", {"topic": "returns", "min_sections": 12})
    run = api.wait(instance_id, lambda run: run["runtime_status"] == "Failed")
    assert "The outline was sent back once and still has flaws. Sections: 3, where" in run["error"]
    assert not list(host.published.glob(f"{instance_id}-*"))


@pytest.mark.parametrize(
    ("question", "agent", "reply"),
    [
        ("Billing: what about invoice INV-1001?", "BillingSpecialist", "49.90 euros"),
        ("A technical problem: do the known issues have a printer that is offline?", "TechnicalSpecialist", "KI-2"),
        ("A general question: search the library for warranty", "GeneralSpecialist", "warranty.txt"),
        ("What now?", "FrontDesk", "What now?"),
    ],
)
def test_a_question_is_answered_by_whom_it_is_for(api: Api, question: str, agent: str, reply: str) -> None:
    output = api.finish(api.start("support_routing", {"question": question, "customer_number": "C-17"}))
    assert output["answered_by"] == agent
    assert reply in output["reply"]


def test_three_researchers_look_at_a_topic(api: Api) -> None:
    output = api.finish(api.start("topic_research", {"topic": "heat pumps"}))
    assert (len(output["findings"]), output["missing"]) == (3, [])
    assert all("heat pumps" in finding["text"] for finding in output["findings"])
    assert "heat pumps" in output["summary"]["summary"]


@pytest.mark.parametrize(
    ("brief", "outcome", "rounds"), [("Green tea", "best_effort", 4), ("9 lines on green tea", "good_enough", 1)]
)
def test_an_article_is_refined_until_it_is_good_or_the_rounds_are_used_up(
    api: Api, brief: str, outcome: str, rounds: int
) -> None:
    # The offline model takes its mark from the brief.
    output = api.finish(api.start("content_refinement", {"brief": brief}))
    assert (output["outcome"], output["rounds"], len(output["evaluations"])) == (outcome, rounds, rounds)
