"""The sessions of agents over HTTP: listed, read, cleared, ended, and ended by time."""

import json
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any
from uuid import uuid4

import httpx
import pytest

from durable_agents.testing import Api

NEVER_YET = "0 0 0 29 2 *"
EVERY_SECOND = "* * * * * *"
SECONDS = 1 / 86_400  # in days


def run(http: httpx.Client, session: str, message: str, agent: str = "Writer", **headers: str) -> dict[str, Any]:
    body = {"message": message, "session_id": session}
    response = http.post(f"/api/agents/{agent}/run", json=body, headers=headers)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def listed(http: httpx.Client, query: str = "", agent: str = "Writer") -> list[str]:
    response = http.get(f"/api/agents/{agent}/sessions{query}")
    assert response.status_code == 200, response.text
    return [session["session_id"] for session in response.json()["sessions"]]


def wait_until(holds: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "not reached"
        time.sleep(0.05)


@pytest.mark.sample
def test_a_session_is_shown_turn_by_turn(api: Api) -> None:
    session = uuid4().hex
    first = run(api.http, session, "Search the library for the warranty", "Researcher")
    second = run(api.http, session, "Thanks", "Researcher")
    shown = api.http.get(f"/api/agents/researcher/sessions/{session}").json()
    assert (shown["agent"], shown["session_id"], shown["summary"]) == ("Researcher", session, None)
    assert [turn["message"] for turn in shown["turns"]] == ["Search the library for the warranty", "Thanks"]
    assert [turn["response"] for turn in shown["turns"]] == [first["response"], second["response"]]
    assert [turn["status"] for turn in shown["turns"]] == ["success", "success"]
    (call,) = shown["turns"][0]["tool_calls"]
    assert (call["name"], call["arguments"]) == ("search_library", {"query": "the warranty"})
    assert "24 months" in call["result"]
    total = first["usage"]["total_token_count"] + second["usage"]["total_token_count"]
    assert shown["usage"]["total_token_count"] == total
    assert shown["used_at"] < shown["expires_at"]
    assert api.http.get(shown["links"]["self"]).json() == shown


def test_sessions_are_listed_page_by_page_the_last_used_first(start_host: Any, api_of: Any) -> None:
    host = start_host()
    http = api_of(host).http
    for session in ("a", "b", "c", "a"):
        run(http, session, "Hello")
    assert listed(http) == ["a", "c", "b"]
    assert listed(http, agent="Researcher") == []
    page = http.get("/api/agents/Writer/sessions?limit=2").json()
    assert [session["session_id"] for session in page["sessions"]] == ["a", "c"]
    rest = http.get(f"/api/agents/Writer/sessions?limit=2&page_token={page['next_page_token']}").json()
    assert ([session["session_id"] for session in rest["sessions"]], rest["next_page_token"]) == (["b"], None)
    # What an orchestration asks in a session of its own is listed too, and so will be swept.
    api_of(host).start("content_approval", {"topic": "tea"})
    wait_until(lambda: len(listed(http)) == 4)


@pytest.mark.sample
def test_a_reset_session_is_empty_and_goes_on(api: Api) -> None:
    session = uuid4().hex
    run(api.http, session, "I am Ada.")
    response = api.http.post(f"/api/agents/Writer/sessions/{session}/reset")
    assert (response.status_code, response.json()["turns"], response.json()["usage"]) == (200, [], {})
    assert session in listed(api.http)
    assert run(api.http, session, "Who am I?")["message_count"] == 2


@pytest.mark.sample
def test_a_deleted_session_is_gone_and_its_id_is_free(api: Api) -> None:
    session = uuid4().hex
    run(api.http, session, "I am Ada.")
    url = f"/api/agents/Writer/sessions/{session}"
    assert api.http.delete(url).status_code == 204
    assert session not in listed(api.http)
    assert [
        api.http.request(*call).status_code for call in (("GET", url), ("DELETE", url), ("POST", f"{url}/reset"))
    ] == [404] * 3
    assert run(api.http, session, "Who am I?")["message_count"] == 2


def test_a_session_is_ended_after_the_messages_that_came_before(start_host: Any, api_of: Any) -> None:
    http = api_of(start_host(OFFLINE_MODEL_LATENCY_SECONDS="1", AGENT_WAIT_SECONDS="2")).http
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(run, http, "s", "Hello")
        wait_until(lambda: listed(http) == ["s"])
        assert http.delete("/api/agents/Writer/sessions/s").status_code == 204
        # The answer went with the session: it may have been seen just before.
        assert answer.exception() is None or "session_deleted" in str(answer.exception())
    assert listed(http) == []


@pytest.mark.sample
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?limit=0", "limit"),
        ("?limit=201", "limit"),
        ("?limit=x", "limit"),
        ("?limit=²", "limit"),
        ("?page_token=x", "page_token"),
    ],
)
def test_a_bad_query_is_refused_by_name(api: Api, query: str, field: str) -> None:
    response = api.http.get(f"/api/agents/Writer/sessions{query}")
    assert (response.status_code, response.json()["errors"][0]["field"]) == (400, field)


@pytest.mark.parametrize("session", ["x%3Fop%3Dreset%26", "q%23frag", "p%2541", "..%2F..", "%20", "a" * 129, "%C3%A9"])
def test_a_crafted_id_reaches_no_session(api: Api, session: str) -> None:
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/reset")):
        response = api.http.request(method, f"/api/agents/Writer/sessions/{session}{path}")
        assert response.status_code == 404, response.text


def test_unknown_agents_and_sessions_are_404(api: Api) -> None:
    assert api.http.get("/api/agents/Nobody/sessions").status_code == 404
    assert api.http.get("/api/agents/Writer/sessions/nobody").json()["type"] == "urn:problem:unknown-session"


@pytest.mark.kills
def test_sessions_end_by_time_also_over_a_kill(start_host: Any, api_of: Any) -> None:
    host = start_host(SESSION_TTL_DAYS=str(3 * SECONDS), SESSION_SWEEP_SCHEDULE=EVERY_SECOND)
    http = api_of(host).http
    for session in ("a", "b"):
        run(http, session, "Hello")
    host.restart()
    turns = []

    def only_the_used_one_is_left() -> bool:
        turns.append(run(http, "kept", "Still here")["message_count"])
        return listed(http) == ["kept"] and len(turns) > 60

    wait_until(only_the_used_one_is_left)
    assert turns == [2 * (number + 1) for number in range(len(turns))]
    assert [http.get(f"/api/agents/Writer/sessions/{name}").status_code for name in ("a", "b")] == [404, 404]
    assert run(http, "a", "Hello again")["message_count"] == 2
    assert host.output().count("have expired") >= 1


def test_an_expired_session_is_not_shown_before_it_is_swept(start_host: Any, api_of: Any) -> None:
    http = api_of(start_host(SESSION_TTL_DAYS=str(2 * SECONDS), SESSION_SWEEP_SCHEDULE=NEVER_YET)).http
    run(http, "s", "Hello")
    assert listed(http) == ["s"]
    time.sleep(2.1)
    assert (listed(http), http.get("/api/agents/Writer/sessions/s").status_code) == ([], 404)


@pytest.mark.thorough
@pytest.mark.kills
def test_kills_while_sessions_are_used_and_swept_lose_no_turn(start_host: Any, api_of: Any) -> None:
    """With a key each message is one turn, however often it is sent: what was answered stays, nothing comes twice."""
    host = start_host(SESSION_SWEEP_SCHEDULE=EVERY_SECOND)
    http = api_of(host).http
    for number in range(4):
        message, key = f"Message {number}", {"Idempotency-Key": f"k{number}"}
        if number % 2:
            host.kill()
            host.start()
        run(http, "s", message, **key)
        host.restart()
        assert run(http, "s", message, **key)["message_count"] == 2 * (number + 1)
    shown = http.get("/api/agents/Writer/sessions/s").json()
    assert [turn["message"] for turn in shown["turns"]] == [f"Message {number}" for number in range(4)]
    assert listed(http) == ["s"]


@pytest.mark.parametrize("unit", ["語", "\N{PILE OF POO}", "\x01", "x"])
def test_a_session_is_stored_within_its_limit(api: Api, host: Any, unit: str) -> None:
    session = f"large-{ord(unit)}"
    message = "m" + unit * (250_000 // len(json.dumps(unit, ensure_ascii=False)[1:-1].encode()))
    for _ in range(4):
        answer = api.http.post("/api/agents/Writer/run", json={"message": message, "session_id": session})
        assert answer.status_code == 200 or answer.json()["error_code"] == "session_too_large"
    with closing(sqlite3.connect(f"file:{host.database}?mode=ro", uri=True)) as hub:
        like = f"%{session}"
        (size,) = hub.execute("select max(length(state)) from entities where entity_id like ?", (like,)).fetchone()
    assert size <= 900_000
    assert run(api.http, session, "Hello")["status"] == "success"
