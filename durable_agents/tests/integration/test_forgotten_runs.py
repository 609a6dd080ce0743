"""Who asks for a run whose session was cleared or ended is told so at once, and waits for nothing."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

CODES = {"reset": "session_reset", "delete": "session_deleted"}


def begin(http: httpx.Client, agent: str, session: str, message: str = "Tea", **headers: str) -> dict[str, Any]:
    """Send a message without waiting for the answer, and return the paths under which it can be had."""
    body = {"message": message, "session_id": session, "wait_for_response": False}
    answer = http.post(f"/api/agents/{agent}/run", json=body, headers=headers)
    assert answer.status_code == 202, answer.text
    links: dict[str, str] = answer.json()["links"]
    return {name: httpx.URL(url).path for name, url in links.items()}


def reach(http: httpx.Client, path: str, *statuses: str) -> None:
    deadline = time.monotonic() + 20
    while http.get(path).json().get("status") not in statuses:
        assert time.monotonic() < deadline, http.get(path).text
        time.sleep(0.02)


def change(http: httpx.Client, agent: str, session: str, operation: str) -> None:
    url = f"/api/agents/{agent}/sessions/{session}"
    answer = http.delete(url) if operation == "delete" else http.post(f"{url}/reset")
    assert answer.status_code in (200, 204), answer.text


def events_of(page: httpx.Response) -> list[str]:
    return [line.removeprefix("event: ") for line in page.text.splitlines() if line.startswith("event: ")]


def read_to_the_end(http: httpx.Client, path: str) -> list[str]:
    """Follow a stream page by page and return the kinds of its events."""
    seen: list[str] = []
    headers: dict[str, str] = {}
    while not seen or seen[-1] not in ("done", "failed"):
        page = http.get(path, headers=headers)
        seen += events_of(page)
        ids = [line.removeprefix("id: ") for line in page.text.splitlines() if line.startswith("id: ")]
        headers = {"Last-Event-ID": ids[-1]} if ids else headers
    return seen


def assert_told(http: httpx.Client, links: dict[str, str], code: str) -> None:
    gone = http.get(links["response"])
    assert (gone.status_code, gone.json()["error_code"], gone.json()["status"]) == (410, code, "failed")
    assert read_to_the_end(http, links["stream"]) == ["failed"]
    assert http.get(links["stream"], headers={"Last-Event-ID": "ended"}).status_code == 204


@pytest.mark.parametrize("operation", ["reset", "delete"])
def test_the_answer_is_gone_with_the_reason(api: Any, operation: str) -> None:
    session, code = f"forgotten-{operation}", CODES[operation]
    links = begin(api.http, "Writer", session, "My secret is 4711.")
    reach(api.http, links["response"], "success")
    change(api.http, "Writer", session, operation)
    assert_told(api.http, links, code)
    assert "4711" not in api.http.get(links["stream"]).text
    # The session goes on as a new one, and what was forgotten stays so.
    later = begin(api.http, "Writer", session)
    reach(api.http, later["response"], "success")
    assert_told(api.http, links, code)


@pytest.mark.parametrize("operation", ["reset", "delete"])
def test_a_repeat_of_a_forgotten_message_is_no_new_turn(api: Any, operation: str) -> None:
    session, headers = f"repeated-{operation}", {"Idempotency-Key": "k"}
    links = begin(api.http, "Writer", session, **headers)
    reach(api.http, links["response"], "success")
    change(api.http, "Writer", session, operation)
    body = {"message": "Tea", "session_id": session}
    repeat = api.http.post("/api/agents/Writer/run", json=body, headers=headers)
    assert (repeat.status_code, repeat.json()["error_code"]) == (410, CODES[operation])
    other = api.http.post("/api/agents/Writer/run", json=body, headers={"Idempotency-Key": "k2"}).json()
    assert (other["status"], other["message_count"]) == ("success", 2)


@pytest.mark.parametrize("operation", ["reset", "delete"])
def test_who_waits_for_the_end_of_a_turn_returns(api: Any, operation: str) -> None:
    session = f"waiting-{operation}"
    links = begin(api.http, "ShopAssistant", session, "Refund 20.00 EUR for order 7.")
    reach(api.http, links["response"], "waiting_for_approval")
    with ThreadPoolExecutor(1) as thread, httpx.Client(base_url=api.http.base_url, timeout=30) as other:
        page = thread.submit(read_to_the_end, other, links["stream"])
        time.sleep(0.5)
        change(api.http, "ShopAssistant", session, operation)
        changed = time.monotonic()
        assert page.result(20)[-1] == "failed"
        # Not the time that a page waits for its first event: some looks at the session, on a machine that is busy.
        assert time.monotonic() - changed < 5
    assert_told(api.http, links, CODES[operation])


def test_a_session_that_is_gone_is_neither_shown_nor_listed(api: Any) -> None:
    links = begin(api.http, "Writer", "gone-1")
    reach(api.http, links["response"], "success")
    change(api.http, "Writer", "gone-1", "delete")
    url = "/api/agents/Writer/sessions/gone-1"
    calls = (("GET", url), ("DELETE", url), ("POST", f"{url}/reset"))
    assert [api.http.request(*call).status_code for call in calls] == [404, 404, 404]
    listed = api.http.get("/api/agents/Writer/sessions", params={"limit": 200}).json()["sessions"]
    assert "gone-1" not in [entry["session_id"] for entry in listed]
