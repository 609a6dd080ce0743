import json
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.sample
def test_an_approved_draft_is_published(api: Any, host: Any) -> None:
    instance_id = api.start("content_approval", {"topic": "green tea"})
    waiting_for = api.draft(instance_id)
    assert api.run(instance_id)["links"]["approval"] == f"{host.url}/api/approval/{instance_id}"

    answer = api.decide(instance_id, waiting_for["request_id"], approved=True)
    assert (answer.status_code, answer.json()["status"]) == (200, "decided")
    assert answer.json()["links"]["self"] == f"{host.url}/api/runs/{instance_id}"
    output = api.finish(instance_id)
    assert output["outcome"] == "published"
    key = f"{instance_id}-{waiting_for['request_id']}"
    asked = json.loads((host.outbox / "reviews" / f"{key}.json").read_text(encoding="utf-8"))
    assert (asked["kind"], asked["content_hash"]) == ("review_requested", waiting_for["content_hash"])
    path = Path(output["publication"]["location"])
    assert path.parent == host.published and path.name.startswith(f"{instance_id}-")
    assert path.read_text(encoding="utf-8") == f"# {asked['title']}\n\n{asked['content']}\n"
    assert api.run(instance_id)["waiting_for"] is None


@pytest.mark.sample
def test_a_rejected_draft_is_revised_and_the_revision_published(api: Any, host: Any) -> None:
    instance_id = api.start("content_approval", {"topic": "black tea"})
    first = api.draft(instance_id)
    feedback = "Mention the samovar."
    assert api.decide(instance_id, first["request_id"], approved=False, feedback=feedback).status_code == 200
    second = api.draft(instance_id, attempt=2)
    assert second["request_id"] != first["request_id"]
    assert second["content_hash"] != first["content_hash"]
    assert feedback in second["preview"]
    assert "black tea" in second["preview"], "the writer has forgotten the first turn of its session"

    late = api.decide(instance_id, first["request_id"], approved=True)
    assert (late.status_code, late.json()["type"]) == (409, "urn:problem:already-decided")
    assert late.json()["waiting_for"]["request_id"] == second["request_id"]
    assert late.json()["decision"]["approved"] is False

    assert api.decide(instance_id, second["request_id"], approved=True).status_code == 200
    output = api.finish(instance_id)
    assert [decision["approved"] for decision in output["decisions"]] == [False, True]
    (published,) = host.published.glob(f"{instance_id}-*")
    assert "samovar" in published.read_text(encoding="utf-8")


def test_a_rejection_without_feedback_is_final(api: Any, host: Any) -> None:
    instance_id = api.start("content_approval", {"topic": "tea"})
    api.decide(instance_id, api.draft(instance_id)["request_id"], approved=False)
    assert api.finish(instance_id)["outcome"] == "rejected"
    assert list(host.published.glob(f"{instance_id}-*")) == []


@pytest.mark.sample
def test_nobody_decides_in_time(start_host: Any, api_of: Any) -> None:
    host = start_host(APPROVAL_TIMEOUT_HOURS=str(0.3 / 3600))
    api = api_of(host)
    instance_id = api.start("content_approval", {"topic": "tea"})
    output = api.finish(instance_id)
    assert output["outcome"] == "escalated"
    escalation = json.loads(Path(output["escalation"]["location"]).read_text(encoding="utf-8"))
    assert escalation["key"].startswith(f"{instance_id}-")
    assert list(host.published.glob(f"{instance_id}-*")) == []


def test_a_run_that_is_over_takes_no_other_decision(api: Any) -> None:
    instance_id = api.start("content_approval", {"topic": "tea"})
    request_id = api.draft(instance_id)["request_id"]
    first = api.decide(instance_id, request_id, approved=True)
    api.finish(instance_id)
    assert api.decide(instance_id, request_id, approved=True).json() == first.json()
    other = api.decide(instance_id, request_id, approved=False)
    assert (other.status_code, other.json()["type"]) == (409, "urn:problem:already-decided")
    assert other.json()["decision"] == first.json()["decision"]
    unknown = api.decide(instance_id, "another", approved=True)
    assert (unknown.status_code, unknown.json()["type"]) == (409, "urn:problem:run-is-over")


def test_a_run_that_waits_for_nothing_takes_no_decision(start_host: Any, api_of: Any) -> None:
    api = api_of(start_host(OFFLINE_MODEL_LATENCY_SECONDS="3"))
    instance_id = api.start("content_approval", {"topic": "tea"})
    answer = api.decide(instance_id, "any", approved=True)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:problem:no-approval-pending")


@pytest.mark.sample
def test_a_decision_on_another_text_is_refused(api: Any) -> None:
    instance_id = api.start("content_approval", {"topic": "tea"})
    request_id = api.draft(instance_id)["request_id"]
    assert api.decide(instance_id, request_id, approved=True, content_hash="0" * 64).status_code == 409


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"request_id": "r"}, {"approved"}),
        ({"request_id": "r", "approved": "yes"}, {"approved"}),
        ({"request_id": "r", "approved": 1, "comment": "x"}, {"approved", "comment"}),
        ({}, {"approved"}),
    ],
)
def test_every_wrong_field_of_a_decision_is_listed(api: Any, body: dict[str, Any], fields: set[str]) -> None:
    answer = api.http.post("/api/approval/any", json=body)
    assert answer.status_code == 400
    assert {error["field"] for error in answer.json()["errors"]} == fields


@pytest.mark.sample
def test_the_first_request_need_not_be_named_and_each_later_one_must(api: Any) -> None:
    instance_id = api.start("content_approval", {"topic": "tea"})
    api.draft(instance_id)
    url = f"/api/approval/{instance_id}"
    revise = api.http.post(url, json={"approved": False, "feedback": "Add more technical details"})
    assert (revise.status_code, revise.json()["status"]) == (200, "decided")
    second = api.draft(instance_id, attempt=2)
    unnamed = api.http.post(url, json={"approved": True})
    assert (unnamed.status_code, unnamed.json()["type"]) == (409, "urn:problem:request-id-needed")
    assert unnamed.json()["waiting_for"]["request_id"] == second["request_id"]
    assert second["request_id"] in unnamed.json()["detail"]
    assert api.decide(instance_id, second["request_id"], approved=True).status_code == 200
    assert api.finish(instance_id)["outcome"] == "published"
    late = api.http.post(url, json={"approved": True})
    assert (late.status_code, late.json()["type"]) == (409, "urn:problem:run-is-over")
    assert api.http.post("/api/approval/unknown", json={"approved": True}).status_code == 404


@pytest.mark.sample
def test_the_second_reviewer_is_asked_by_another_request(start_host: Any, api_of: Any) -> None:
    settings = {"APPROVAL_TIMEOUT_HOURS": str(1 / 3600), "SECOND_REVIEWER": "bob"}
    api = api_of(start_host(**settings))
    instance_id = api.start("content_approval", {"topic": "tea"})
    api.wait(instance_id, lambda run: (run["waiting_for"] or {}).get("escalated") is True)
    answer = api.http.post(f"/api/approval/{instance_id}", json={"approved": True, "reviewer": "bob"})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:problem:request-id-needed")


@pytest.mark.parametrize("named", [{}, {"request_id": "any"}])
def test_what_a_workflow_asks_is_answered_at_another_address(api: Any, named: dict[str, str]) -> None:
    comment = {"text": "See www.example.com", "author": "Ada"}
    instance_id = api.start("dafx-comment_moderation", comment)
    api.wait(instance_id, lambda run: (run["waiting_for"] or {}).get("kind") == "human_input")
    answer = api.http.post(f"/api/approval/{instance_id}", json={"approved": True, **named})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:problem:answered-elsewhere")
    (url,) = answer.json()["respond_urls"]
    assert url in answer.json()["detail"]
    assert api.http.post(url, json={"verdict": "?"}).status_code == 400


@pytest.mark.parametrize("instance_id", ["unknown", "@dafx-writer@s1", "a%3Fb", "a%20b", "%2e%2e%2f"])
def test_an_unknown_run_takes_no_decision(api: Any, instance_id: str) -> None:
    assert api.decide(instance_id, "r", approved=True).status_code == 404
