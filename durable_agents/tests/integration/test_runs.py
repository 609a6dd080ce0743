from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

ORCHESTRATIONS = {"email_triage", "content_approval", "dafx-email_routing", "dafx-comment_moderation"}
BODY = {"email": {"sender": "ada@example.com", "subject": "Hi", "body": "Hello"}}


@pytest.mark.sample
def test_a_start_says_where_the_run_is(api: Any, host: Any) -> None:
    response = api.http.post("/api/runs/email_triage", json=BODY)
    assert response.status_code == 202
    started = response.json()
    location = f"{host.url}/api/runs/{started['instance_id']}"
    assert (response.headers["Location"], started["links"]["self"]) == (location, location)
    assert int(response.headers["Retry-After"]) > 0
    assert (started["orchestration"], started["status"]) == ("email_triage", "accepted")
    assert api.http.get(location).status_code == 200


def test_a_run_shows_its_input_with_the_defaults_of_the_deployment(api: Any) -> None:
    instance_id = api.start("email_triage", BODY)
    api.finish(instance_id)
    run = api.run(instance_id)
    assert run["input"]["spam_threshold"] == 0.8
    assert set(run["input"]) == {"email", "spam_threshold"}
    assert run["created_at"].endswith("Z")
    assert run["last_updated_at"] >= run["created_at"]
    assert (run["error"], run["waiting_for"]) == (None, None)


def test_an_unknown_orchestration_names_the_known_ones(api: Any) -> None:
    response = api.http.post("/api/runs/email_triaje", json=BODY)
    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert set(problem["known"]) == ORCHESTRATIONS
    assert (problem["status"], problem["instance"]) == (404, "/api/runs/email_triaje")
    assert problem["error"] == problem["detail"]


def test_every_wrong_field_is_listed(api: Any) -> None:
    body = {"email": {"subject": 7, "colour": "red"}, "spam_threshold": 2, "x": 1}
    response = api.http.post("/api/runs/email_triage", json=body)
    assert response.status_code == 400
    fields = {error["field"] for error in response.json()["errors"]}
    assert fields == {"email.sender", "email.subject", "email.colour", "spam_threshold", "x"}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"x"', b"\xff", b"[" * 100_000, b'{"topic": "\\ud800"}'])
def test_a_body_that_is_no_json_object_is_refused(api: Any, content: bytes) -> None:
    assert api.http.post("/api/runs/content_approval", content=content).status_code == 400


@pytest.mark.sample
@pytest.mark.parametrize("instance_id", ["unknown", "@dafx-writer@s1", "x%3Fy", "%2e%2e%2f", "a%01b", "x" * 300])
def test_an_unknown_run_is_404(api: Any, instance_id: str) -> None:
    response = api.http.get(f"/api/runs/{instance_id}")
    assert (response.status_code, response.headers["Content-Type"]) == (404, "application/problem+json")


def test_a_key_makes_a_repeat_return_the_same_run(api: Any) -> None:
    headers = {"Idempotency-Key": "repeat-1"}
    first = api.http.post("/api/runs/email_triage", json=BODY, headers=headers)
    output = api.finish(first.json()["instance_id"])
    updated = api.run(first.json()["instance_id"])["last_updated_at"]
    second = api.http.post("/api/runs/email_triage", json=BODY, headers=headers)
    assert (second.status_code, second.json()) == (202, first.json())
    assert api.run(first.json()["instance_id"])["last_updated_at"] == updated
    assert api.finish(first.json()["instance_id"]) == output


def test_a_key_belongs_to_one_body(api: Any) -> None:
    headers = {"Idempotency-Key": "repeat-2"}
    api.start("email_triage", BODY, **headers)
    other = api.http.post("/api/runs/email_triage", json={**BODY, "spam_threshold": 0.8}, headers=headers)
    assert (other.status_code, other.json()["type"]) == (422, "urn:problem:idempotency-key-reused")


def test_a_key_counts_for_one_orchestration_only(api: Any) -> None:
    headers = {"Idempotency-Key": "repeat-3"}
    assert api.start("email_triage", BODY, **headers) != api.start("content_approval", {"topic": "tea"}, **headers)


@pytest.mark.sample
def test_any_number_of_starts_at_once_give_one_run_for_each_key(api: Any, host: Any) -> None:
    with ThreadPoolExecutor(20) as pool:
        keys = [f"storm-{number % 5}" for number in range(60)]
        started = list(pool.map(lambda key: api.start("email_triage", BODY, **{"Idempotency-Key": key}), keys))
    assert len(set(started)) == 5
    for instance_id in set(started):
        api.finish(instance_id)
        assert len(list(host.outbox.glob(f"{instance_id}*.eml"))) == 1


@pytest.mark.parametrize("key", ["", "two words", "x" * 129])
def test_an_impossible_key_is_refused(api: Any, key: str) -> None:
    response = api.http.post("/api/runs/email_triage", json=BODY, headers={"Idempotency-Key": key})
    assert (response.status_code, response.json()["type"]) == (400, "urn:problem:invalid-idempotency-key")


@pytest.mark.sample
def test_the_history_of_an_approval_has_agents_tokens_timers_and_events(api: Any) -> None:
    instance_id = api.start("content_approval", {"topic": "tea"})
    waiting_for = api.draft(instance_id)
    assert api.decide(instance_id, waiting_for["request_id"], approved=True).status_code == 200
    api.finish(instance_id)
    history = api.http.get(f"/api/runs/{instance_id}/history?outputs=1").json()
    steps = {(step["kind"], step["name"]): step for step in history["steps"]}
    assert set(steps) == {
        ("agent", "Writer"),
        ("timer", ""),
        ("activity", "notify_reviewer"),
        ("event", waiting_for["event_name"]),
        ("activity", "record_decision"),
        ("activity", "publish"),
    }
    assert steps["agent", "Writer"]["usage"] == history["usage"]
    assert history["usage"]["total_token_count"] > 0
    assert steps["timer", ""]["status"] == "canceled"
    assert steps["timer", ""]["fires_at"] > waiting_for["expires_at"]
    assert steps["activity", "publish"]["duration_seconds"] >= 0


def test_an_approval_through_the_event_route_goes_through_the_same_check(api: Any) -> None:
    instance_id = api.start("content_approval", {"topic": "tea", "max_revisions": 1})
    first = api.draft(instance_id)
    run = api.run(instance_id)
    url = run["links"]["event"]
    assert url.endswith(f"/events/{first['event_name']}")
    assert run["links"]["approval"].endswith(f"/approval/{instance_id}")
    unnamed = api.http.post(url, json={"approved": True})
    assert (unnamed.status_code, "request_id" in unnamed.json()["detail"]) == (400, True)
    other = api.http.post(url, json={"approved": True, "request_id": "another"})
    assert (other.status_code, other.json()["waiting_for"]["request_id"]) == (409, first["request_id"])
    revise = {"approved": False, "feedback": "shorter", "request_id": first["request_id"]}
    assert api.http.post(url, json=revise).status_code == 202
    second = api.draft(instance_id, attempt=2)
    # The decision on the first draft cannot reach the second, neither by its own event nor by that of the second.
    assert api.http.post(url, json=revise).status_code == 409
    late = api.http.post(f"/api/runs/{instance_id}/events/{second['event_name']}", json=revise)
    assert (late.status_code, late.json()["type"]) == (409, "urn:problem:other-draft-pending")
    decision = {"approved": True, "request_id": second["request_id"], "content_hash": second["content_hash"]}
    assert api.http.post(f"/api/runs/{instance_id}/events/{second['event_name']}", json=decision).status_code == 202
    assert api.finish(instance_id)["outcome"] == "published"


@pytest.mark.sample
def test_agents_sessions_are_no_runs(api: Any) -> None:
    api.finish(api.start("email_triage", BODY))
    listed = api.http.get("/api/runs?limit=200").json()["runs"]
    assert {run["orchestration"] for run in listed} <= ORCHESTRATIONS | {"tool_approval"}
