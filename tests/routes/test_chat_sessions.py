from typing import Any

import pytest

from devhost.testing.plugin import StartHost
from durable_agents.testing import Api

HELLO = {"message": "Hello"}


def test_a_conversation_over_http(api: Api) -> None:
    first = api.http.post("/api/chat/routes", json=HELLO)
    assert (first.status_code, first.json()["status"]) == (200, "answered"), first.text
    assert api.http.post("/api/chat/routes", json={"message": "What did I say?"}).status_code == 200
    read = api.http.get("/api/chat/routes").json()
    assert [(turn["message"], turn["status"]) for turn in read["turns"]] == [
        ("Hello", "answered"),
        ("What did I say?", "answered"),
    ]
    assert read["turns"][0]["answer"] == first.json()["answer"]


def test_a_repeat_under_a_key_says_nothing_again(api: Api) -> None:
    headers = {"Idempotency-Key": "once"}
    answers = [api.http.post("/api/chat/keys", json=HELLO, headers=headers) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert len(api.http.get("/api/chat/keys").json()["turns"]) == 1
    other = api.http.post("/api/chat/keys", json={"message": "Other"}, headers=headers)
    assert (other.status_code, other.json()["type"]) == (422, "urn:problem:idempotency-key-reused")


def test_a_conversation_that_is_deleted_is_gone_and_its_name_free(api: Api) -> None:
    assert api.http.delete("/api/chat/gone").status_code == 404
    for _ in range(2):
        assert api.http.post("/api/chat/gone", json=HELLO).status_code == 200
    assert api.http.delete("/api/chat/gone").status_code == 204
    assert api.http.get("/api/chat/gone").status_code == 404
    assert api.http.post("/api/chat/gone", json=HELLO).status_code == 200
    assert len(api.http.get("/api/chat/gone").json()["turns"]) == 1


@pytest.mark.parametrize(
    ("session", "body", "headers", "kind"),
    [
        ("bad", {}, {}, "invalid-body"),
        ("bad", {"message": " "}, {}, "invalid-body"),
        ("bad", {"message": "x" * 8_001}, {}, "invalid-body"),
        ("bad", {**HELLO, "role": "system"}, {}, "invalid-body"),
        ("bad", [], {}, "invalid-json"),
        ("bad.id", HELLO, {}, "invalid-session"),
        ("x" * 65, HELLO, {}, "invalid-session"),
        ("a%3Fop=reset", HELLO, {}, "invalid-session"),
        ("bad", HELLO, {"Idempotency-Key": "with blanks"}, "invalid-idempotency-key"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_stored(
    session: str, body: Any, headers: dict[str, str], kind: str, api: Api
) -> None:
    answer = api.http.post(f"/api/chat/{session}", json=body, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (400, f"urn:problem:{kind}")
    assert api.http.get("/api/chat/bad").status_code == 404


def test_who_is_signed_in_has_a_session_of_each_name(start_host: StartHost) -> None:
    host = start_host(APP_SERVICE_AUTHENTICATION="true")
    with host.client() as http:
        assert http.post("/api/chat/mine", json=HELLO).status_code == 403
        for who in ("ada", "bob"):
            headers = {"X-MS-CLIENT-PRINCIPAL-ID": who, "X-MS-CLIENT-PRINCIPAL-NAME": who}
            assert http.post("/api/chat/mine", json={"message": f"I am {who}."}, headers=headers).status_code == 200
            (turn,) = http.get("/api/chat/mine", headers=headers).json()["turns"]
            assert turn["message"] == f"I am {who}."
