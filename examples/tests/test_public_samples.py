"""The routes of the public samples: their field names, on runs of this app."""

import time
from typing import Any

import pytest

ARTICLE = {"topic": "tea", "max_review_attempts": 2, "approval_timeout_hours": 1}


def start(api: Any, sample: str, **request: Any) -> dict[str, Any]:
    response = api.http.post(f"/api/{sample}/run", **request)
    assert response.status_code == 202, response.text
    started: dict[str, Any] = response.json()
    assert response.headers["Location"] == started["statusQueryGetUri"]
    return started


def status(api: Any, started: dict[str, Any]) -> dict[str, Any]:
    response = api.http.get(started["statusQueryGetUri"])
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def finish(api: Any, started: dict[str, Any]) -> dict[str, Any]:
    api.finish(started["instanceId"])
    return status(api, started)


def wait_for_draft(api: Any, started: dict[str, Any]) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while (pending := status(api, started)["pendingApproval"]) is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    draft: dict[str, Any] = pending
    return draft


def test_the_uri_of_the_status_is_a_route_of_the_app_and_holds_no_key(api: Any, host: Any) -> None:
    started = start(api, "singleagent")
    assert started["statusQueryGetUri"] == f"{host.url}/api/singleagent/status/{started['instanceId']}"
    assert set(started) == {"message", "instanceId", "statusQueryGetUri"}


def test_single_agent_ends_with_a_text(api: Any) -> None:
    done = finish(api, start(api, "singleagent"))
    assert (done["runtimeStatus"], done["failureDetails"]) == ("Completed", None)
    assert isinstance(done["output"], str) and done["output"]
    assert done["input"] == {"topic": "learning"}


@pytest.mark.sample
def test_multi_agent_ends_with_the_answer_of_each_agent(api: Any) -> None:
    started = start(api, "multiagent", content="What is tea?", headers={"Content-Type": "text/plain"})
    assert started["prompt"] == "What is tea?"
    assert set(finish(api, started)["output"]) == {"writer", "researcher"}


@pytest.mark.parametrize(
    ("text", "beginning"),
    [("Where is order 7?", "Email sent: "), ("You won the lottery! Claim your prize now.", "Email marked as spam: ")],
)
def test_spam_detection_says_what_was_done(api: Any, text: str, beginning: str) -> None:
    started = start(api, "spamdetection", json={"email_id": "email-1", "email_content": text})
    assert started["emailId"] == "email-1"
    done = finish(api, started)
    assert done["output"].startswith(beginning)
    assert done["input"]["email"]["sender"] == "email-1@example.invalid"


def test_hitl_shows_its_draft(api: Any) -> None:
    started = start(api, "hitl", json=ARTICLE)
    assert started["topic"] == "tea"
    draft = wait_for_draft(api, started)
    assert draft["requestId"] == api.run(started["instanceId"])["waiting_for"]["request_id"]
    waiting = status(api, started)
    assert (waiting["workflowStatus"], waiting["output"]) == ("waiting_for_approval", None)
    assert waiting["input"]["max_revisions"] == 1


def approve(api: Any, started: dict[str, Any], **decision: Any) -> Any:
    return api.http.post(f"/api/hitl/approve/{started['instanceId']}", json=decision)


@pytest.mark.sample
def test_hitl_publishes_what_was_approved(api: Any) -> None:
    started = start(api, "hitl", json=ARTICLE)
    first = wait_for_draft(api, started)
    rejected = approve(api, started, approved=False, feedback="shorter", requestId=first["requestId"])
    assert (rejected.status_code, rejected.json()["approved"]) == (200, False)
    second = wait_for_draft(api, started)
    while second == first:
        second = wait_for_draft(api, started)
    decided = approve(api, started, approved=True, requestId=second["requestId"])
    assert decided.json() == {
        "message": "Human approval sent to orchestration.",
        "instanceId": started["instanceId"],
        "approved": True,
    }
    done = finish(api, started)
    assert done["workflowStatus"] == "Content published."
    assert done["output"]["content"].startswith(second["preview"])


def test_hitl_refuses_a_decision_that_names_no_draft_or_another(api: Any) -> None:
    started = start(api, "hitl", json=ARTICLE)
    draft = wait_for_draft(api, started)
    nameless = approve(api, started, approved=True)
    assert nameless.status_code == 400
    assert {error["field"] for error in nameless.json()["errors"]} == {"requestId"}
    assert approve(api, started, approved=True, requestId="another").status_code == 409
    assert wait_for_draft(api, started) == draft


def test_a_status_shows_only_the_runs_of_its_sample(api: Any) -> None:
    started = start(api, "singleagent")
    response = api.http.get(f"/api/hitl/status/{started['instanceId']}")
    assert (response.status_code, response.headers["Content-Type"]) == (404, "application/problem+json")
    assert "error" in response.json()


@pytest.mark.parametrize(
    ("sample", "request_"),
    [
        ("multiagent", {"content": b""}),
        ("multiagent", {"content": b"\xff"}),
        ("spamdetection", {"json": {"email_id": "a b", "email_content": "x"}}),
        ("spamdetection", {"json": {"email_id": "1"}}),
        ("spamdetection", {"json": {"email_id": "1", "email_content": "x", "sender": "nobody"}}),
        ("hitl", {"json": {"topic": " "}}),
        ("hitl", {"json": {**ARTICLE, "max_review_attempts": 0}}),
        ("hitl", {"json": {**ARTICLE, "approval_timeout_hours": 0}}),
        ("hitl", {"content": b"{"}),
    ],
)
def test_a_bad_request_is_a_problem(api: Any, sample: str, request_: dict[str, Any]) -> None:
    response = api.http.post(f"/api/{sample}/run", **request_)
    assert (response.status_code, response.headers["Content-Type"]) == (400, "application/problem+json")
