import hashlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from threading import Thread
from typing import Any

import pytest

RUN = "/api/agents/Writer/run"
AGENTS = ["Writer", "SpamDetector", "EmailAssistant", "Researcher", "ShopAssistant", "Editor"]


@pytest.mark.sample
def test_an_agent_answers_and_remembers(api: Any) -> None:
    first = api.http.post(RUN, json={"message": "My name is Ada.", "session_id": "memory-1"})
    assert first.status_code == 200
    body = first.json()
    assert (body["status"], body["session_id"], body["message"]) == ("success", "memory-1", "My name is Ada.")
    assert body["message_count"] == 2
    assert body["usage"]["total_token_count"] > 0
    assert first.headers["x-ms-session-id"] == "memory-1"
    second = api.http.post(RUN, json={"message": "Who am I?", "sessionId": "memory-1"}).json()
    assert second["message_count"] == 4
    assert "My name is Ada." in second["response"]


@pytest.mark.sample
def test_sessions_do_not_mix(api: Any) -> None:
    api.http.post(RUN, json={"message": "My name is Ada.", "session_id": "apart-1"})
    assert "Ada" not in api.http.post(RUN, json={"message": "Hello", "session_id": "apart-2"}).json()["response"]


def test_plain_text_is_answered_in_plain_text(api: Any) -> None:
    response = api.http.post(RUN, content="Hello", headers={"Content-Type": "text/plain"})
    assert (response.status_code, response.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert "Hello" in response.text
    assert response.headers["x-ms-session-id"]


@pytest.mark.sample
def test_an_answer_can_be_picked_up_later(api: Any, host: Any) -> None:
    accepted = api.http.post(RUN, json={"message": "Hello", "session_id": "later-1", "wait_for_response": False})
    assert (accepted.status_code, accepted.json()["status"]) == (202, "accepted")
    location = accepted.headers["Location"]
    assert location.startswith(f"{host.url}/api/agents/Writer/sessions/later-1/responses/")
    deadline = time.monotonic() + 10
    while (answer := api.http.get(location)).status_code == 202:
        assert int(answer.headers["Retry-After"]) > 0
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert answer.status_code == 200
    assert answer.json()["correlation_id"] == accepted.json()["correlation_id"]


def test_an_id_nobody_handed_out_is_404(api: Any) -> None:
    accepted = api.http.post(RUN, json={"message": "Hello", "session_id": "forged-1"}).json()
    real = accepted["correlation_id"]
    for session, correlation_id in [("forged-1", "0" * 40), ("forged-2", real), ("forged-1", "x"), ("..", real)]:
        path = f"/api/agents/Writer/sessions/{session}/responses/{correlation_id}"
        assert api.http.get(path).status_code == 404


@pytest.mark.parametrize("moment", [0, None, 253_402_300_800, 0xFFFFFFFFFF], ids=["1970", "now", "10000", "last"])
@pytest.mark.parametrize("rest", ["", "/stream"])
def test_an_id_that_a_caller_has_made_is_404(api: Any, moment: int | None, rest: str) -> None:
    moment = int(time.time()) if moment is None else moment
    body = f"{moment:010x}" + "0" * 20
    mark = hashlib.sha256(f"Writer\nforged-3\n{body}".encode()).hexdigest()[:10]
    answer = api.http.get(f"/api/agents/Writer/sessions/forged-3/responses/{body}{mark}{rest}")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:problem:unknown-response")


def test_a_slow_agent_is_not_a_failed_one(start_host: Any, api_of: Any) -> None:
    api = api_of(start_host(OFFLINE_MODEL_LATENCY_SECONDS="1.5", AGENT_WAIT_SECONDS="0.2"))
    slow = api.http.post(RUN, json={"message": "Hello"})
    assert (slow.status_code, slow.json()["status"]) == (202, "running")
    assert api.http.get(slow.headers["Location"]).status_code == 202
    deadline = time.monotonic() + 20
    while api.http.get(slow.headers["Location"]).status_code == 202:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert api.http.get(slow.headers["Location"]).json()["status"] == "success"


@pytest.mark.sample
@pytest.mark.parametrize(
    "session_id", ["x?op=reset&", "q#frag", "p%41", "a/b", "..", "@dafx-writer@victim", "a b", "x" * 129]
)
def test_a_crafted_session_id_reaches_no_session(api: Any, session_id: str) -> None:
    api.http.post(RUN, json={"message": "My name is Ada.", "session_id": "x"})
    for response in (
        api.http.post(RUN, json={"message": "Hello", "session_id": session_id}),
        api.http.post(RUN, json={"message": "Hello"}, params={"session_id": session_id}),
        api.http.post(RUN, json={"message": "Hello"}, params={"thread_id": session_id}),
    ):
        assert (response.status_code, response.json()["type"]) == (400, "urn:problem:invalid-session-id")
    assert "Ada" in api.http.post(RUN, json={"message": "Who am I?", "session_id": "x"}).json()["response"]


@pytest.mark.parametrize("body", [{"message": "x", "role": "system"}, {"message": "x", "response_format": {}}, {}])
def test_a_request_the_agent_must_not_see_is_refused(api: Any, body: dict[str, Any]) -> None:
    response = api.http.post(RUN, json=body)
    assert (response.status_code, response.headers["Content-Type"]) == (400, "application/problem+json")
    assert response.json()["error"] == response.json()["detail"]


def test_an_unknown_agent_names_the_known_ones(api: Any) -> None:
    response = api.http.post("/api/agents/Poet/run", json={"message": "Hello"})
    assert (response.status_code, response.json()["known"]) == (
        404,
        AGENTS,
    )


def test_the_name_of_an_agent_has_no_case(api: Any) -> None:
    response = api.http.post("/api/agents/writer/run", json={"message": "Hello", "session_id": "case-1"})
    assert response.status_code == 200
    assert api.http.post(RUN, json={"message": "Again", "session_id": "case-1"}).json()["message_count"] == 4


def test_agents_and_health_are_listed(api: Any, host: Any) -> None:
    agents = api.http.get("/api/agents").json()["agents"]
    assert [agent["name"] for agent in agents] == AGENTS
    assert agents[0]["links"]["run"] == f"{host.url}{RUN}"
    assert all(agent["description"] for agent in agents)
    models = {agent["name"]: {m["name"]: m["default"] for m in agent["output_models"]} for agent in agents}
    assert (models["Writer"], models["SpamDetector"]) == ({"Draft": False}, {"SpamVerdict": True})
    assert agents[3]["tools"] == ["search_library", "count_words"]
    assert agents[3]["budget"] == {"max_tokens": None, "max_tool_calls": 10, "max_seconds": 300}
    health = api.http.get("/api/health/details").json()
    assert (health["status"], health["model_provider"], health["agent_count"]) == ("healthy", "offline", len(AGENTS))


@pytest.mark.sample
def test_messages_to_one_session_are_answered_one_after_the_other(api: Any) -> None:
    with ThreadPoolExecutor(10) as pool:
        bodies = [{"message": f"Message {number}", "session_id": "crowd-1"} for number in range(10)]
        answers = list(pool.map(lambda body: api.http.post(RUN, json=body), bodies))
    assert {answer.status_code for answer in answers} == {200}
    in_order = sorted((answer.json() for answer in answers), key=lambda body: body["message_count"])
    assert [body["message_count"] for body in in_order] == list(range(2, 22, 2))
    for turn, (before, after) in enumerate(pairwise(in_order), start=2):
        assert f"Turn {turn} " in after["response"]
        assert f'before that you wrote: "{before["message"]}"' in after["response"]


def test_under_a_key_a_repeat_is_the_same_run(api: Any) -> None:
    body = {"message": "Hello", "session_id": "key-1"}
    first = api.http.post(RUN, json=body, headers={"Idempotency-Key": "k1"})
    assert first.status_code == 200
    assert api.http.post(RUN, json=body, headers={"Idempotency-Key": "k1"}).json() == first.json()
    other = api.http.post(RUN, json={**body, "message": "Bye"}, headers={"Idempotency-Key": "k1"})
    assert (other.status_code, other.json()["type"]) == (422, "urn:problem:idempotency-key-reused")
    assert api.http.post(RUN, json=body).json()["message_count"] == 4
    assert api.http.post(RUN, json=body, headers={"Idempotency-Key": "k 1"}).status_code == 400


@pytest.mark.sample
def test_repeats_at_the_same_time_are_one_run(api: Any) -> None:
    with ThreadPoolExecutor(8) as pool:
        headers = {"Idempotency-Key": "k2"}
        answers = list(pool.map(lambda _: api.http.post(RUN, json={"message": "Hello"}, headers=headers), range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["correlation_id"] for answer in answers}) == 1
    session = answers[0].json()["session_id"]
    assert api.http.post(RUN, json={"message": "Next", "session_id": session}).json()["message_count"] == 4


def test_an_output_model_is_asked_for_by_name(api: Any) -> None:
    answer = api.http.post(RUN, json={"message": "Tea", "response_format": "Draft"}).json()
    assert set(answer["value"]) == {"title", "content"}
    path = f"/api/agents/Writer/sessions/{answer['session_id']}/responses/{answer['correlation_id']}"
    assert api.http.get(path).json()["value"] == answer["value"]
    assert "value" not in api.http.post(RUN, json={"message": "Tea"}).json()
    verdict = api.http.post("/api/agents/SpamDetector/run", json={"message": "You won the lottery!"}).json()
    assert set(verdict["value"]) == {"is_spam", "confidence", "reason"}


def test_an_unknown_output_model_names_the_known_ones(api: Any) -> None:
    response = api.http.post(RUN, json={"message": "Tea", "response_format": "Poem"})
    assert (response.status_code, response.json()["errors"][0]["field"]) == (400, "response_format")
    assert "Known: Draft" in response.json()["detail"]


def test_a_body_that_is_too_large_is_413(api: Any) -> None:
    assert api.http.post(RUN, json={"message": "x" * 300_000}).status_code == 413


@pytest.mark.sample
def test_a_run_that_exceeds_its_budget_says_what_it_has_used(api: Any) -> None:
    body = {"message": "Search the library for the warranty", "session_id": "budget-1"}
    run = "/api/agents/Researcher/run"
    response = api.http.post(run, json={**body, "budget": {"max_tool_calls": 0}})
    assert (response.status_code, response.json()["status"]) == (422, "failed")
    assert response.json()["error_code"] == "budget_exceeded"
    assert response.json()["used"]["tool_calls"] == 0
    assert response.json()["used"]["tokens"] == response.json()["usage"]["total_token_count"] > 0
    tight = api.http.post(run, json={**body, "budget": {"max_tokens": 1}})
    assert (tight.status_code, tight.json()["error_code"]) == (422, "budget_exceeded")
    fine = api.http.post(run, json={**body, "budget": {"max_tool_calls": 1}}).json()
    assert (fine["status"], fine["message_count"]) == ("success", 6)
    assert "warranty.txt" in fine["response"]


def test_a_run_that_takes_too_long_is_ended(start_host: Any, api_of: Any) -> None:
    api = api_of(start_host(OFFLINE_MODEL_LATENCY_SECONDS="5"))
    response = api.http.post(RUN, json={"message": "Hello", "budget": {"max_seconds": 0.2}})
    assert (response.status_code, response.json()["error_code"]) == (422, "budget_exceeded")
    assert 0.2 <= response.json()["used"]["seconds"] < 3


@pytest.mark.kills
def test_a_long_session_is_shortened_and_survives_a_restart(start_host: Any, api_of: Any) -> None:
    host = start_host(SESSION_COMPACTION_BYTES="4000", SESSION_KEEP_TURNS="2")
    api = api_of(host)
    costs = []
    for number in range(1, 31):
        answer = api.http.post(RUN, json={"message": f"Question {number} about tea", "session_id": "long-1"}).json()
        assert (answer["status"], answer["message_count"]) == ("success", 2 * number)
        costs.append(answer["usage"]["input_token_count"])
        if number == 1:
            first = f"/api/agents/Writer/sessions/long-1/responses/{answer['correlation_id']}"
        if number == 20:
            host.restart()
    assert max(costs[20:]) <= max(costs[:20])
    assert "Question 29 about tea" in answer["response"]
    assert (api.http.get(first).status_code, api.http.get(first).json()["error_code"]) == (410, "answer_compacted")


class BrokenModel(BaseHTTPRequestHandler):
    """A model provider that refuses every key."""

    def do_POST(self) -> None:
        content = b'{"error": {"message": "Incorrect API key provided: sk-secret", "code": "invalid_api_key"}}'
        self.send_response(401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""


@pytest.fixture
def broken_model() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), BrokenModel)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_failed_model_call_is_a_failure_everywhere(start_host: Any, api_of: Any, broken_model: str) -> None:
    settings = {"OPENAI_API_KEY": "sk-secret", "OPENAI_MODEL": "m", "OPENAI_BASE_URL": broken_model}
    api = api_of(start_host(**settings))
    response = api.http.post(RUN, json={"message": "Hello", "session_id": "broken-1"})
    assert response.status_code == 502
    body = response.json()
    assert (body["status"], body["response"]) == ("failed", None)
    assert body["error_code"]
    assert "sk-secret" not in response.text
    path = f"/api/agents/Writer/sessions/broken-1/responses/{body['correlation_id']}"
    assert api.http.get(path).status_code == 502

    run = api.wait(api.start("content_approval", {"topic": "tea"}), lambda run: run["runtime_status"] == "Failed")
    assert "Agent 'Writer' failed" in run["error"]
    assert "sk-secret" not in run["error"]
