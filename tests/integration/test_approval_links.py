"""The page behind a reviewer's signed link, over HTTP."""

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

FORM = {"content-type": "application/x-www-form-urlencoded"}
TOPIC = {"topic": "tea"}
Links = Callable[..., list[str]]


@pytest.fixture
def links(host: Any) -> Links:
    """Return `links(instance_id, request_id)`: the paths of the links that the reviewers of a draft got, in order."""
    return lambda instance_id, request_id: links_of(host, instance_id, request_id)


def links_of(host: Any, instance_id: str, request_id: str) -> list[str]:
    """Return the paths of the links in the outbox, once they are there: the host is not at the address it was told."""
    path = host.outbox / "reviews" / f"{instance_id}-{request_id}.json"
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline, f"there is no {path.name}"
        time.sleep(0.01)
    sent = json.loads(path.read_text(encoding="utf-8"))
    return [urlsplit(link["url"]).path for link in sent["links"]]


def ask(api: Any, links: Links, **body: Any) -> tuple[str, dict[str, Any], str]:
    """Start a run and return its id, what it waits with, and the first reviewer's link."""
    instance_id = api.start("content_approval", {**TOPIC, **body})
    request = api.draft(instance_id)
    return instance_id, request, links(instance_id, request["request_id"])[0]


def submit(api: Any, link: str, decision: str, **fields: str) -> httpx.Response:
    """Send the page's form and return the answer, whatever it is."""
    answer: httpx.Response = api.http.post(link, data={"decision": decision, **fields})
    return answer


def test_the_page_shows_the_whole_draft_and_its_form_decides(api: Any, links: Links) -> None:
    instance_id, _, link = ask(api, links, topic="tea & <b>biscuits</b>")
    page = api.http.get(link)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "tea &amp; &lt;b&gt;biscuits&lt;/b&gt;" in page.text
    assert instance_id in page.text

    decided = submit(api, link, "approve", feedback="Well done.\r\n\r\nSend it.\r\n")
    assert (decided.status_code, decided.headers["location"]) == (303, link)
    assert "The draft was approved" in api.http.get(decided.headers["location"]).text
    output = api.finish(instance_id)
    (decision,) = output["decisions"]
    assert output["outcome"] == "published"
    assert (decision["channel"], decision["reviewer"], decision["verified"]) == ("link", "reviewer", False)
    assert decision["feedback"] == "Well done.\n\nSend it."
    assert "The draft was approved" in api.http.get(link).text


def shown(api: Any, instance_id: str) -> dict[str, Any]:
    """Return the run without the time of its last turn: the reviewer has the link before that is stored."""
    return {name: value for name, value in api.run(instance_id).items() if name != "last_updated_at"}


def test_looking_at_the_page_changes_nothing(api: Any, links: Links) -> None:
    instance_id, request, link = ask(api, links)
    before = shown(api, instance_id)
    for method in ("GET", "HEAD", "GET"):
        answer = api.http.request(method, link, params={"decision": "approve", "approved": "true"})
        assert answer.status_code == 200
        assert (answer.content == b"") == (method == "HEAD")
    assert shown(api, instance_id) == before
    assert api.draft(instance_id) == request


def test_a_link_is_good_for_one_decision(api: Any, links: Links) -> None:
    instance_id, _, link = ask(api, links)
    assert submit(api, link, "reject").status_code == 303
    assert api.finish(instance_id)["outcome"] == "rejected"
    assert submit(api, link, "reject").status_code == 303
    other = submit(api, link, "approve")
    assert (other.status_code, "has been rejected by" in other.text) == (410, True)
    assert "The draft was rejected" in api.http.get(link).text
    assert len(api.finish(instance_id)["decisions"]) == 1


def test_the_link_of_a_draft_does_not_decide_on_the_next_one(api: Any, links: Links) -> None:
    instance_id, first, link = ask(api, links)
    submit(api, link, "reject", feedback="More.")
    second = api.draft(instance_id, attempt=2)
    assert submit(api, link, "approve").status_code == 410
    assert "The draft was rejected" in api.http.get(link).text
    assert api.draft(instance_id, attempt=2) == second
    assert links(instance_id, second["request_id"]) != links(instance_id, first["request_id"])


def test_every_reviewer_of_a_quorum_has_a_link(api: Any, links: Links) -> None:
    instance_id, request, _ = ask(api, links, reviewers=["ada", "bob"], required_approvals=2)
    ada, bob = links(instance_id, request["request_id"])
    submit(api, ada, "approve")
    assert "others have still to decide" in api.http.get(ada).text
    assert "1 of 2" in api.http.get(bob).text
    submit(api, bob, "approve")
    assert [d["reviewer"] for d in api.finish(instance_id)["decisions"]] == ["ada", "bob"]


def test_a_link_that_has_expired_decides_nothing(api: Any, links: Links) -> None:
    instance_id, _, link = ask(api, links, approval_timeout_hours=1.5 / 3600, second_reviewer="eve")
    api.wait(instance_id, lambda run: (run["waiting_for"] or {}).get("escalated"))
    for answer in (api.http.get(link), submit(api, link, "approve")):
        assert (answer.status_code, answer.headers["content-type"]) == (410, "text/html; charset=utf-8")
    assert api.run(instance_id)["stage"] == "waiting_for_approval"


def test_a_forged_link_shows_and_decides_nothing(api: Any, links: Links) -> None:
    instance_id, request, link = ask(api, links)
    _, _, other = ask(api, links)
    spliced = f"{link.rpartition('.')[0]}.{other.rpartition('.')[2]}"
    for forged in (link[:-1] + ("A" if link[-1] != "A" else "B"), spliced, "/api/approvals/x", "/api/approvals/%3Fa.b"):
        for answer in (api.http.get(forged), submit(api, forged, "approve")):
            assert answer.status_code == 403
            assert request["title"] not in answer.text
    assert api.draft(instance_id) == request


def test_a_draft_that_is_not_the_one_that_was_asked_about_can_not_be_decided(start_host: Any, api_of: Any) -> None:
    host = start_host()
    api = api_of(host)
    instance_id, request, link = ask(api, lambda *ids: links_of(host, *ids))
    (kept,) = (host.state / "drafts").iterdir()
    draft = json.loads(kept.read_text())
    kept.write_text(json.dumps({**draft, "content": draft["content"] + " And something else."}))
    for answer in (api.http.get(link), submit(api, link, "approve")):
        assert (answer.status_code, "something else" in answer.text) == (409, False)
    kept.unlink()
    for answer in (api.http.get(link), submit(api, link, "approve")):
        assert answer.status_code == 503
    assert api.draft(instance_id) == request


@pytest.mark.kills
def test_a_link_outlives_the_host(start_host: Any, api_of: Any) -> None:
    host = start_host()
    instance_id, _, link = ask(api_of(host), lambda *ids: links_of(host, *ids))
    host.restart()
    api = api_of(host)
    assert submit(api, link, "approve").status_code == 303
    assert api.finish(instance_id)["outcome"] == "published"


def test_programs_decide_with_json(api: Any, links: Links) -> None:
    instance_id, request, link = ask(api, links)
    decided = api.http.post(link, json={"approved": True, "feedback": None})
    assert (decided.status_code, decided.headers["cache-control"]) == (200, "no-store")
    assert (decided.json()["status"], decided.json()["request_id"]) == ("decided", request["request_id"])
    api.finish(instance_id)
    assert api.http.post(link, json={"approved": True}).json() == decided.json()
    other = api.http.post(link, json={"approved": False})
    assert (other.status_code, other.json()["type"]) == (410, "urn:problem:already-decided")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"content": "decision=maybe", "headers": FORM}, 400),
        ({"content": "", "headers": FORM}, 400),
        ({"content": "decision=approve&decision=reject", "headers": FORM}, 400),
        ({"content": "decision=approve&reviewer=eve", "headers": FORM}, 400),
        ({"content": "decision=approve&feedback=%ff", "headers": FORM}, 400),
        ({"content": b"decision=approve&feedback=\xff", "headers": FORM}, 400),
        ({"content": "decision=reject&feedback=" + "x" * 10_001, "headers": FORM}, 400),
        ({"content": "decision=reject&feedback=" + "x" * 300_000, "headers": FORM}, 413),
        ({"content": "&".join(["decision=approve"] * 1_000), "headers": FORM}, 400),
        ({"content": "approve", "headers": {"content-type": "text/plain"}}, 415),
        ({"content": "decision=approve"}, 415),
        ({"json": {"approved": "yes"}}, 400),
        ({"json": {}}, 400),
        ({"json": ["approve"]}, 400),
        ({"json": {"approved": True, "request_id": "another"}}, 400),
    ],
)
def test_what_is_no_decision_decides_nothing(api: Any, links: Links, sent: dict[str, Any], status: int) -> None:
    instance_id, request, link = ask(api, links)
    answer = api.http.post(link, **sent)
    expected = "application/problem+json" if "json" in sent else "text/html; charset=utf-8"
    assert (answer.status_code, answer.headers["content-type"]) == (status, expected)
    assert api.draft(instance_id) == request


def test_every_page_forbids_scripts_frames_caches_and_referrers(api: Any, links: Links) -> None:
    _, _, link = ask(api, links)
    for answer in (
        api.http.get(link),
        api.http.head(link),
        api.http.get("/api/approvals/x"),
        submit(api, link, "maybe"),
        submit(api, link, "approve"),
        submit(api, link, "reject"),
        api.http.get(link),
    ):
        policy = answer.headers["content-security-policy"]
        for directive in (
            "default-src 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "style-src 'sha256-",
        ):
            assert directive in policy
        assert "unsafe" not in policy
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_token_is_not_in_the_log(start_host: Any, api_of: Any) -> None:
    host = start_host()
    api = api_of(host)
    _, _, link = ask(api, lambda *ids: links_of(host, *ids))
    (kept,) = (host.state / "drafts").iterdir()
    kept.write_text("no draft")
    assert api.http.get(link).status_code == 500
    deadline = time.monotonic() + 10
    while "/api/approvals/{token} failed" not in host.output():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert link.rpartition("/")[2] not in host.output()
