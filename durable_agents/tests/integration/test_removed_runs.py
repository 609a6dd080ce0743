"""A run that was removed is gone: the next one under its id or its key meets nothing of it."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

ENTITIES = "/runtime/webhooks/durabletask/entities"
ADA = {"sender": "ada@example.com", "subject": "Order 7", "body": "My IBAN is DE00 1234, where is my order?"}
EVE = {"sender": "eve@example.com", "subject": "Hello", "body": "What did the customer before me write?"}
SECRET = "DE00 1234"


def until(look: Callable[[], Any], seconds: float = 20) -> Any:
    """Return what `look` returns as soon as it is anything."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def sessions(http: httpx.Client) -> list[dict[str, Any]]:
    """Return all sessions of agents that the task hub holds, with their states."""
    found: list[dict[str, Any]] = http.get(ENTITIES, params={"fetchState": "true", "top": 1000}).json()
    return found


def route(http: httpx.Client, email: dict[str, str], query: dict[str, str], headers: dict[str, str]) -> dict[str, Any]:
    """Run the workflow and return what it answers."""
    answer = http.post(
        "/api/workflow/email_routing/run", json=email, params={**query, "waitForResponse": "true"}, headers=headers
    )
    ended: dict[str, Any] = answer.json()
    assert ended["runtimeStatus"] == "Completed", ended
    return ended


@pytest.mark.parametrize(("query", "headers"), [({"runId": "gone-7"}, {}), ({}, {"Idempotency-Key": "gone-8"})])
def test_agents_of_a_workflow_remember_nothing_of_the_run_before(
    api: Any, query: dict[str, str], headers: dict[str, str]
) -> None:
    first = route(api.http, ADA, query, headers)
    assert any(SECRET in str(session) for session in sessions(api.http))
    assert api.http.delete(f"/api/runs/{first['instanceId']}").status_code == 204
    # At once, before the sessions had any time to end.
    second = route(api.http, EVE, query, headers)
    assert second["instanceId"] == first["instanceId"]
    (routed,) = second["output"]
    assert routed["outcome"] == "replied"
    assert "Turn 2" not in Path(routed["location"]).read_text(encoding="utf-8")
    until(lambda: not any(SECRET in str(session) for session in sessions(api.http)))


def test_agents_of_an_orchestration_forget_with_the_run_and_leave_the_list(api: Any) -> None:
    instance_id = api.start("email_triage", {"email": {**ADA, "body": "My secret is 4711-XYZ."}})
    api.finish(instance_id)
    listed = [
        f"/api/agents/{agent}/sessions/{session['session_id']}"
        for agent in ("SpamDetector", "EmailAssistant")
        for session in api.http.get(f"/api/agents/{agent}/sessions", params={"limit": 200}).json()["sessions"]
    ]
    own = [url for url in listed if "4711-XYZ" in api.http.get(url).text]
    assert len(own) == 2
    assert api.http.delete(f"/api/runs/{instance_id}").status_code == 204
    until(lambda: {api.http.get(url).status_code for url in own} == {404})
    for url in own:
        agent, session_id = url.split("/")[3], url.split("/")[5]
        entries = api.http.get(f"/api/agents/{agent}/sessions", params={"limit": 200}).json()["sessions"]
        assert session_id not in [entry["session_id"] for entry in entries]


def test_the_next_run_under_a_freed_key_acts(api: Any) -> None:
    headers = {"Idempotency-Key": "triage-1"}
    outputs = []
    for email in (ADA, EVE):
        instance_id = api.start("email_triage", {"email": email}, **headers)
        outputs.append(api.finish(instance_id))
        assert api.http.delete(f"/api/runs/{instance_id}").status_code == 204
    mails = [Path(output["receipt"]["location"]).read_text(encoding="utf-8") for output in outputs]
    assert ["To: ada@example.com" in mails[0], "To: eve@example.com" in mails[1]] == [True, True]


def test_the_next_run_under_a_freed_key_puts_spam_into_quarantine(api: Any) -> None:
    records = set()
    for number in (1, 2):
        email = {"sender": "eve@example.com", "body": f"You won the lottery {number}! Claim your prize now."}
        body = {"email": email, "spam_threshold": 0}
        instance_id = api.start("email_triage", body, **{"Idempotency-Key": "spam-1"})
        location = Path(api.finish(instance_id)["receipt"]["location"])
        assert f"lottery {number}!" in location.read_text(encoding="utf-8")
        records.add(location)
        assert api.http.delete(f"/api/runs/{instance_id}").status_code == 204
    assert len(records) == 2


def test_drafts_go_with_the_run_and_those_of_others_stay(api: Any, host: Any) -> None:
    root = "/runtime/webhooks/durabletask/orchestrators/content_approval"
    body = {"topic": "tea", "approval_timeout_hours": 1, "max_revisions": 0}
    for name in ("article", "article-2"):
        assert api.http.post(f"{root}/{name}", json=body).status_code == 202
        api.draft(name)
    kept = host.state / "drafts"
    (draft,) = until(lambda: list(kept.glob(f"article-{api.draft('article')['request_id']}.json")))
    assert api.decide("article", api.draft("article")["request_id"], approved=False).status_code == 200
    api.finish("article")
    assert api.http.delete("/api/runs/article").status_code == 204
    assert not draft.exists()
    assert len(list(kept.glob("article-2-*.json"))) == 1


def test_retention_removes_what_belongs_to_a_run(start_host: Any, api_of: Any) -> None:
    host = start_host(RUN_RETENTION_DAYS=str(1 / 86_400), RUN_SWEEP_SCHEDULE="* * * * * *")
    api = api_of(host)
    instance_id = api.start("email_triage", {"email": ADA})
    until(lambda: api.http.get(f"/api/runs/{instance_id}").status_code == 404)
    until(lambda: not any(SECRET in str(session) for session in sessions(api.http)))


def test_a_session_that_others_have_spoken_in_outlives_the_run(api: Any) -> None:
    instance_id = api.start("content_approval", {"topic": "tea in session"})
    api.decide(instance_id, api.draft(instance_id)["request_id"], approved=True)
    api.finish(instance_id)
    (own,) = [one for one in sessions(api.http) if "tea in session" in str(one["state"])]
    session_id = own["entityId"]["key"]
    message = {"message": "And coffee?", "session_id": session_id}
    assert api.http.post("/api/agents/Writer/run", json=message).status_code == 200
    assert api.http.delete(f"/api/runs/{instance_id}").status_code == 204
    # A message comes after the one that would have ended the session.
    answer = api.http.post("/api/agents/Writer/run", json=message).json()
    assert answer["message_count"] == 6
