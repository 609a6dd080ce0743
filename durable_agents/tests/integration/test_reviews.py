"""What a reviewer's signed link shows and decides, over HTTP; test_reviewer_page.py has the page in a browser."""

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

TOPIC = {"topic": "tea"}
Links = Callable[..., list[str]]


@pytest.fixture
def links(host: Any) -> Links:
    """Return `links(instance_id, request_id)`: the tokens of the links that the reviewers of a draft got, in order."""
    return lambda instance_id, request_id: links_of(host, instance_id, request_id)


def links_of(host: Any, instance_id: str, request_id: str) -> list[str]:
    """Return the tokens of the links in the outbox, once they are there."""
    path = host.outbox / "reviews" / f"{instance_id}-{request_id}.json"
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline, f"there is no {path.name}"
        time.sleep(0.01)
    sent = json.loads(path.read_text(encoding="utf-8"))
    links = [link["url"].partition("#") for link in sent["links"]]
    assert all(page.endswith("/api/review") for page, _, _ in links)
    return [token for _, _, token in links]


def ask(api: Any, links: Links, **body: Any) -> tuple[str, dict[str, Any], str]:
    """Start a run and return its id, what it waits with, and the token of the first reviewer's link."""
    instance_id = api.start("content_approval", {**TOPIC, **body})
    request = api.draft(instance_id)
    return instance_id, request, links(instance_id, request["request_id"])[0]


def read(api: Any, token: str) -> httpx.Response:
    """Ask what the link shows and return the answer, whatever it is."""
    answer: httpx.Response = api.http.post("/api/review", json={"token": token})
    return answer


def submit(api: Any, token: str, approved: Any, **fields: Any) -> httpx.Response:
    """Decide by link and return the answer, whatever it is."""
    body = {"token": token, "approved": approved, **fields}
    answer: httpx.Response = api.http.post("/api/review/decision", json=body)
    return answer


def test_a_link_shows_the_whole_draft_and_decides(api: Any, links: Links) -> None:
    instance_id, request, token = ask(api, links, topic="tea & <b>biscuits</b>\u3164")
    shown = read(api, token)
    assert (shown.status_code, shown.headers["cache-control"]) == (200, "no-store")
    review = shown.json()
    assert (review["run"], review["reviewer"], review["decision"]) == (f"content_approval ({instance_id})", None, None)
    assert review["request"]["request_id"] == request["request_id"]
    assert "tea & <b>biscuits</b>" in review["draft"]["content"][0]
    assert review["draft"]["content"][1] == {"mark": "U+3164"}
    # It is in the title as well.
    assert review["draft"]["invisible_characters"] == 2

    decided = submit(api, token, True, feedback="Well done.\n\nSend it.")
    assert (decided.status_code, decided.json()["status"]) == (200, "decided")
    output = api.finish(instance_id)
    (decision,) = output["decisions"]
    assert output["outcome"] == "published"
    assert (decision["channel"], decision["reviewer"], decision["verified"]) == ("link", None, False)
    assert decision["feedback"] == "Well done.\n\nSend it."
    after = read(api, token).json()
    assert (after["draft"], after["request"], after["decision"]["approved"]) == (None, None, True)
    assert "feedback" not in after["decision"]


def test_looking_at_a_link_changes_nothing(api: Any, links: Links) -> None:
    instance_id, request, token = ask(api, links)
    before = api.run(instance_id)
    for method in ("GET", "HEAD", "GET"):
        answer = api.http.request(method, "/api/review", params={"decision": "approve", "approved": "true"})
        assert answer.status_code == 200
        assert (answer.content == b"") == (method == "HEAD")
        assert request["request_id"] not in answer.text
    assert read(api, token).json() == read(api, token).json()
    assert api.run(instance_id) == before
    assert api.draft(instance_id) == request


def test_a_link_is_good_for_one_decision(api: Any, links: Links) -> None:
    instance_id, _, token = ask(api, links)
    first = submit(api, token, False)
    assert first.status_code == 200
    assert api.finish(instance_id)["outcome"] == "rejected"
    assert submit(api, token, False).json() == first.json()
    other = submit(api, token, True)
    assert (other.status_code, other.json()["type"]) == (410, "urn:problem:already-decided")
    assert read(api, token).json()["decision"]["approved"] is False
    assert len(api.finish(instance_id)["decisions"]) == 1


def test_the_link_of_a_draft_does_not_decide_on_the_next_one(api: Any, links: Links) -> None:
    instance_id, first, token = ask(api, links)
    submit(api, token, False, feedback="More.")
    second = api.draft(instance_id, attempt=2)
    assert submit(api, token, True).status_code == 410
    assert read(api, token).json()["decision"]["approved"] is False
    assert api.draft(instance_id, attempt=2) == second
    assert links(instance_id, second["request_id"]) != links(instance_id, first["request_id"])


def test_every_reviewer_of_a_quorum_has_a_link_and_one_vote(start_host: Any, api_of: Any) -> None:
    host = start_host(REVIEWERS="ada,bob", REQUIRED_APPROVALS="2")
    api = api_of(host)
    instance_id, request, ada = ask(api, lambda *ids: links_of(host, *ids))
    _, bob = links_of(host, instance_id, request["request_id"])
    assert read(api, ada).json()["reviewer"] == "ada"
    assert submit(api, ada, True).json()["status"] == "counted"
    for again in (
        submit(api, ada, True),
        api.decide(instance_id, request["request_id"], approved=True, reviewer="Ada"),
    ):
        assert (again.status_code, again.json()["status"]) == (200, "counted")
    assert read(api, ada).json()["decision"]["settled"] is False
    waiting = read(api, bob).json()["request"]
    assert (waiting["approvals"], waiting["required_approvals"]) == (1, 2)
    submit(api, bob, True)
    assert [d["reviewer"] for d in api.finish(instance_id)["decisions"]] == ["ada", "bob"]


def test_who_is_signed_in_as_another_does_not_decide_by_link(start_host: Any, api_of: Any) -> None:
    key = "an operators' key of 32 characters"
    host = start_host(REVIEWERS="ada", APP_SERVICE_AUTHENTICATION="true", OPERATOR_KEY=key)
    api = api_of(host)
    api.http.headers["x-operator-key"] = key
    instance_id, _, token = ask(api, lambda *ids: links_of(host, *ids))
    other = {"X-MS-CLIENT-PRINCIPAL-NAME": "eve", "X-MS-CLIENT-PRINCIPAL-ID": "7"}
    body = {"token": token, "approved": True}
    refused = api.http.post("/api/review/decision", json=body, headers=other)
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:problem:not-a-reviewer")
    assert submit(api, token, True).status_code == 200
    assert [d["reviewer"] for d in api.finish(instance_id)["decisions"]] == ["ada"]


def test_a_link_that_has_expired_decides_nothing(start_host: Any, api_of: Any) -> None:
    host = start_host(APPROVAL_TIMEOUT_HOURS=str(1.5 / 3600), SECOND_REVIEWER="eve")
    api = api_of(host)
    instance_id, _, token = ask(api, lambda *ids: links_of(host, *ids))
    api.wait(instance_id, lambda run: (run["waiting_for"] or {}).get("escalated"))
    for answer in (read(api, token), submit(api, token, True)):
        assert answer.status_code == 410
    assert api.run(instance_id)["stage"] == "waiting_for_approval"


def test_a_forged_link_shows_and_decides_nothing(api: Any, links: Links) -> None:
    instance_id, request, token = ask(api, links)
    _, _, other = ask(api, links)
    spliced = f"{token.rpartition('.')[0]}.{other.rpartition('.')[2]}"
    for forged in (
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        spliced,
        "",
        "x",
        "?a.b",
        f"{token}\n",
        "x" * 9_000,
    ):
        for answer in (read(api, forged), submit(api, forged, True)):
            assert (answer.status_code, answer.json()["type"]) == (403, "urn:problem:forged-link")
            assert request["title"] not in answer.text
    assert api.draft(instance_id) == request


def test_a_draft_that_is_not_the_one_that_was_asked_about_can_not_be_decided(start_host: Any, api_of: Any) -> None:
    host = start_host()
    api = api_of(host)
    instance_id, request, token = ask(api, lambda *ids: links_of(host, *ids))
    (kept,) = (host.state / "drafts").iterdir()
    draft = json.loads(kept.read_text())
    kept.write_text(json.dumps({**draft, "content": draft["content"] + " And something else."}))
    for answer in (read(api, token), submit(api, token, True)):
        assert (answer.status_code, "something else" in answer.text) == (409, False)
    kept.unlink()
    for answer in (read(api, token), submit(api, token, True)):
        assert answer.status_code == 503
    assert api.draft(instance_id) == request


def test_a_link_outlives_the_host(start_host: Any, api_of: Any) -> None:
    host = start_host()
    instance_id, _, token = ask(api_of(host), lambda *ids: links_of(host, *ids))
    host.restart()
    api = api_of(host)
    assert submit(api, token, True).status_code == 200
    assert api.finish(instance_id)["outcome"] == "published"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"approved": "yes"}, 400),
        ({}, 400),
        ({"approved": True, "request_id": "another"}, 400),
        ({"approved": True, "reviewer": "eve"}, 400),
        ({"approved": False, "feedback": "x" * 10_001}, 400),
        ({"approved": False, "feedback": "x" * 300_000}, 413),
        ({"approved": True, "token": None}, 400),
    ],
)
def test_what_is_no_decision_decides_nothing(api: Any, links: Links, fields: dict[str, Any], status: int) -> None:
    instance_id, request, token = ask(api, links)
    answer = api.http.post("/api/review/decision", json={"token": token, **fields})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert token not in answer.text
    assert api.draft(instance_id) == request


def test_a_token_in_an_address_is_good_for_nothing(api: Any, links: Links) -> None:
    instance_id, request, token = ask(api, links)
    for answer in (
        api.http.post("/api/review/decision", params={"token": token, "approved": "true"}),
        api.http.post("/api/review", params={"token": token}),
        api.http.get(f"/api/approvals/{token}"),
        api.http.post(f"/api/approvals/{token}", json={"approved": True}),
    ):
        assert answer.status_code in (400, 404)
    assert api.draft(instance_id) == request


def test_the_page_is_shown_once_for_all_and_forbids_what_it_does_not_need(api: Any) -> None:
    for answer in (api.http.get("/api/review"), api.http.head("/api/review")):
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.sample
def test_no_secret_of_a_link_is_in_the_log_of_the_host(start_host: Any, api_of: Any) -> None:
    host = start_host()
    api = api_of(host)
    instance_id, _, token = ask(api, lambda *ids: links_of(host, *ids))
    api.http.get("/api/review")
    (kept,) = (host.state / "drafts").iterdir()
    draft = kept.read_text()
    kept.write_text("no draft")
    # What fails unexpectedly is logged most fully.
    assert [read(api, token).status_code, submit(api, token, True).status_code] == [500, 500]
    kept.write_text(draft)
    assert [read(api, token).status_code, submit(api, token, "yes").status_code] == [200, 400]
    assert submit(api, token, True).status_code == 200
    api.finish(instance_id)
    deadline = time.monotonic() + 10
    while "/api/review/decision failed" not in host.output():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    claims, signature = token.split(".")
    assert claims not in host.output()
    assert signature not in host.output()
