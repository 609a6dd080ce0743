import json
from typing import Any

import azure.functions as func
import pytest

from durable_agents.http.problems import ProblemError
from durable_agents.http.requests import MAX_BODY_BYTES
from durable_agents.routes.agent_requests import read_agent_request
from durable_agents.sessions.budget import RunBudget

JSON = {"Content-Type": "application/json; charset=utf-8"}


def request(
    body: object, headers: dict[str, str] | None = None, params: dict[str, str] | None = None
) -> func.HttpRequest:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    url = "http://localhost/api/agents/Writer/run"
    return func.HttpRequest("POST", url, headers=headers or JSON, params=params or {}, body=content)


def test_a_json_request() -> None:
    read = read_agent_request(request({"message": " Hello ", "session_id": "s1", "enable_tool_calls": False}))
    assert (read.message, read.session_id, read.enable_tool_calls) == ("Hello", "s1", False)
    assert (read.wait, read.plain_text) == (True, False)


def test_camel_case_is_read_too() -> None:
    read = read_agent_request(request({"message": "Hello", "sessionId": "s1", "waitForResponse": False}))
    assert (read.session_id, read.wait) == ("s1", False)


def test_plain_text_is_answered_in_plain_text_unless_json_is_asked_for() -> None:
    assert read_agent_request(request("Hello ä".encode(), {"Content-Type": "text/plain"})).plain_text
    asked = {"Content-Type": "text/plain", "Accept": "text/html, application/json;q=0.9"}
    assert not read_agent_request(request(b"Hello", asked)).plain_text
    assert not read_agent_request(
        request({"message": "x"}, {"Content-Type": "application/cloudevents+json"})
    ).plain_text


@pytest.mark.parametrize(
    "headers", [{"X": "1"}, {"Content-Type": ""}, {"Content-Type": "application/x-www-form-urlencoded"}]
)
def test_json_is_read_as_such_unless_it_is_said_to_be_text(headers: dict[str, str]) -> None:
    read = read_agent_request(request({"message": "Hello", "wait_for_response": False}, headers))
    assert (read.message, read.wait, read.plain_text) == ("Hello", False, False)
    with pytest.raises(ProblemError) as refused:
        read_agent_request(request(b' {"message": ', headers))
    assert refused.value.status == 400
    assert read_agent_request(request(b"Hello {you}", headers)).message == "Hello {you}"
    as_text = read_agent_request(request(b'{"message": "Hello"}', {"Content-Type": "text/plain"}))
    assert (as_text.message, as_text.plain_text) == ('{"message": "Hello"}', True)


def test_without_a_session_id_a_new_session_begins() -> None:
    sessions = {read_agent_request(request({"message": "Hello"})).session_id for _ in range(2)}
    assert len(sessions) == 2


@pytest.mark.parametrize("name", ["session_id", "thread_id"])
def test_the_session_id_may_stand_in_the_query(name: str) -> None:
    assert read_agent_request(request({"message": "Hello"}, params={name: "s1"})).session_id == "s1"


def test_the_header_decides_before_the_query_before_the_body() -> None:
    body = {"message": "Hello", "wait_for_response": "no"}
    assert not read_agent_request(request(body)).wait
    assert read_agent_request(request(body, params={"wait_for_response": "on"})).wait
    with_header = {**JSON, "x-ms-wait-for-response": "0"}
    assert not read_agent_request(request(body, with_header, {"wait_for_response": "on"})).wait


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["message"]),
        ({"message": "  "}, ["message"]),
        ({"message": 7}, ["message"]),
        ({"message": "x", "role": "system"}, ["role"]),
        ({"message": "x", "colour": "red", "options": {}}, ["colour", "options"]),
        ({"message": "x", "wait_for_response": "perhaps"}, ["wait_for_response"]),
        ({"message": "x", "session_id": "a", "sessionId": "a"}, ["sessionId"]),
        ({"message": "x", "role": "system", "session_id": 7}, ["session_id", "role"]),
        ({"message": "x", "response_format": {"type": "object"}}, ["response_format"]),
        (
            {"message": "x", "budget": {"max_tokens": 0, "max_tool_calls": 1.5}},
            ["budget.max_tokens", "budget.max_tool_calls"],
        ),
        (
            {"message": "x", "budget": {"max_tokens": "9", "max_seconds": 0}},
            ["budget.max_tokens", "budget.max_seconds"],
        ),
        ({"message": "x", "budget": {"max_seconds": True}}, ["budget.max_seconds"]),
        ({"message": "x", "budget": {"max_seconds": "1"}}, ["budget.max_seconds"]),
        ({"message": "x", "budget": {"max_money": 1}}, ["budget.max_money"]),
    ],
)
def test_every_wrong_field_is_listed(body: dict[str, Any], fields: list[str]) -> None:
    with pytest.raises(ProblemError) as problem:
        read_agent_request(request(body))
    assert problem.value.status == 400
    assert [error["field"] for error in problem.value.members["errors"]] == fields


@pytest.mark.parametrize("session_id", ["x?op=reset&", "q#frag", "p%41", "a/b", "..", " a", "@dafx-writer@s1"])
def test_a_session_id_that_could_reach_another_session_is_refused(session_id: str) -> None:
    with pytest.raises(ProblemError) as problem:
        read_agent_request(request({"message": "x"}, params={"session_id": session_id}))
    assert (problem.value.status, problem.value.kind) == (400, "invalid-session-id")


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{", JSON, 400),
        (b"[]", JSON, 400),
        (b"\xff", {"Content-Type": "text/plain"}, 400),
        (b"", {"Content-Type": "text/plain"}, 400),
        (b"x" * (MAX_BODY_BYTES + 1), {"Content-Type": "text/plain"}, 413),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(content: bytes, headers: dict[str, str], status: int) -> None:
    with pytest.raises(ProblemError) as problem:
        read_agent_request(request(content, headers))
    assert problem.value.status == status


def test_two_session_ids_conflict() -> None:
    with pytest.raises(ProblemError) as problem:
        read_agent_request(request({"message": "x", "session_id": "a"}, params={"thread_id": "b"}))
    assert problem.value.kind == "conflicting-session-ids"


def test_a_wait_header_that_is_no_flag_is_refused() -> None:
    with pytest.raises(ProblemError, match="x-ms-wait-for-response"):
        read_agent_request(request({"message": "x"}, {**JSON, "x-ms-wait-for-response": "perhaps"}))


def test_a_budget_and_an_output_model_may_be_asked_for() -> None:
    body = {"message": "Hello", "responseFormat": "Draft", "budget": {"max_tokens": 9, "max_tool_calls": 0}}
    read = read_agent_request(request(body))
    assert read.response_format == "Draft"
    assert read.budget == RunBudget(max_tokens=9, max_tool_calls=0)


def test_under_a_key_a_repeat_has_the_same_session_and_content() -> None:
    first, repeat = (read_agent_request(request({"message": "Hello"}, {**JSON, "Idempotency-Key": "k1"})) for _ in "ab")
    assert (first.session_id, first.content) == (repeat.session_id, repeat.content)
    other = read_agent_request(request({"message": "Bye"}, {**JSON, "Idempotency-Key": "k1"}))
    assert (other.session_id == first.session_id, other.content == first.content) == (True, False)
