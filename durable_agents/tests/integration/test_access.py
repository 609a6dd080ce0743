"""Whose sessions and runs are: with App Service authentication, and what needs the operators' key without it."""

import asyncio
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import httpx
import pytest

from devhost.testing.host_process import HostProcess
from durable_agents.testing.chat_server import Answer, ChatCompletionsServer, ToolCall

KEY = "an operators' key of 32 characters"
APPS = Path(__file__).parents[1] / "apps"
OPERATOR = {"x-operator-key": KEY}
ENDLESS = {"topic": "tea", "approval_timeout_seconds": 0}
MAIL = {"email": {"sender": "ada@example.com", "subject": "Order", "body": "Where is it?"}}
COMMENT = {"author": "Ada", "text": "See www.example.com"}
CHANGES = ("cancel", "suspend", "resume", "rewind", "restart")


@pytest.fixture
def signed_in(start_host: Any) -> Any:
    """Return a host with App Service authentication on, whose reviewer is carol."""
    return start_host(APP_SERVICE_AUTHENTICATION="true", OPERATOR_KEY=KEY, REVIEWERS="carol@example.com")


def caller(host: HostProcess, who: str | None = None, **headers: str) -> httpx.Client:
    account = {}
    if who is not None:
        name = f"{who}@example.com"
        account = {
            "x-ms-client-principal-id": f"{who}-id",
            "x-ms-client-principal-name": name,
            "x-ms-client-principal-idp": "aad",
        }
    return httpx.Client(base_url=f"{host.url}/api", headers={**account, **headers}, timeout=60)


def talk(http: httpx.Client, session: str, message: str = "Hello", **headers: str) -> dict[str, Any]:
    body = {"message": message, "session_id": session}
    answer = http.post("/agents/Writer/run", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def start(http: httpx.Client, name: str = "email_triage", body: Any = None, **headers: str) -> str:
    answer = http.post(f"/runs/{name}", json=MAIL if body is None else body, headers=headers, params={"wait": "0"})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["instance_id"])


def ids_of(http: httpx.Client, path: str, member: str, name: str) -> set[str]:
    found: set[str] = set()
    params: dict[str, str] = {"limit": "2"}
    while True:
        page = http.get(path, params=params).json()
        found |= {one[name] for one in page[member]}
        if page.get("next_page_token") is None:
            return found
        params["page_token"] = page["next_page_token"]


@pytest.mark.kills
def test_a_session_is_its_callers_alone_although_all_call_it_the_same(signed_in: HostProcess) -> None:
    ada, bob = caller(signed_in, "ada"), caller(signed_in, "bob")
    first, other = talk(ada, "s"), talk(bob, "s", "And you?")
    assert first["session_id"] != other["session_id"]
    assert talk(ada, first["session_id"])["message_count"] == talk(ada, "s")["message_count"] - 2
    session = f"/agents/Writer/sessions/{first['session_id']}"
    answer = f"{session}/responses/{first['correlation_id']}"
    signed_in.kill()
    signed_in.start()
    ada, bob = caller(signed_in, "ada"), caller(signed_in, "bob")
    for http, status in ((ada, 200), (bob, 404), (caller(signed_in), 403), (caller(signed_in, None, **OPERATOR), 200)):
        assert [http.get(path).status_code for path in (session, answer, f"{answer}/stream")] == [status] * 3
    body = {"message": "Hello", "session_id": first["session_id"]}
    assert bob.post("/agents/Writer/run", json=body).status_code == 404
    assert bob.post(f"{session}/reset").status_code == bob.delete(session).status_code == 404
    assert ids_of(ada, "/agents/Writer/sessions", "sessions", "session_id") == {first["session_id"]}
    assert ids_of(bob, "/agents/Writer/sessions", "sessions", "session_id") == {other["session_id"]}
    everybodys = ids_of(caller(signed_in, None, **OPERATOR), "/agents/Writer/sessions", "sessions", "session_id")
    assert everybodys == {first["session_id"], other["session_id"]}
    assert ada.delete(session).status_code in (202, 204)


@pytest.mark.kills
def test_a_run_is_its_callers_alone_and_stays_so(signed_in: HostProcess) -> None:
    ada, bob, operator = caller(signed_in, "ada"), caller(signed_in, "bob"), caller(signed_in, None, **OPERATOR)
    key = {"Idempotency-Key": "k"}
    mine, yours = start(ada, **key), start(bob, **key)
    assert mine != yours
    assert (start(ada, **key), start(bob, **key)) == (mine, yours)
    ended = ada.post("/runs/email_triage", json=MAIL, headers=key, params={"wait": "30"})
    assert ended.json()["runtime_status"] == "Completed"
    again = ada.post(f"/runs/{mine}/restart").json()["instance_id"]
    by_operator = operator.post(f"/runs/{mine}/restart").json()["instance_id"]
    signed_in.kill()
    signed_in.start()
    ada, bob, operator = caller(signed_in, "ada"), caller(signed_in, "bob"), caller(signed_in, None, **OPERATOR)
    adas = {mine, again, by_operator}
    for run in adas:
        assert ada.get(f"/runs/{run}").status_code == operator.get(f"/runs/{run}").status_code == 200
        refused = [bob.get(f"/runs/{run}"), bob.get(f"/runs/{run}/history")]
        refused += [
            bob.post(f"/runs/{run}/{change}") for change in ("cancel", "suspend", "resume", "rewind", "restart")
        ]
        refused += [bob.delete(f"/runs/{run}"), bob.post(f"/runs/{run}/events/e", json={})]
        assert {answer.status_code for answer in refused} == {404}
        assert all(answer.json()["type"] == "urn:problem:unknown-run" for answer in refused)
    for params in ("", "?orchestration=email_triage"):
        assert ids_of(ada, f"/runs{params}", "runs", "instance_id") == adas
        assert ids_of(bob, f"/runs{params}", "runs", "instance_id") == {yours}
        assert ids_of(operator, f"/runs{params}", "runs", "instance_id") == {*adas, yours}
    assert ada.delete(f"/runs/{mine}").status_code == 204


def test_many_who_start_under_one_name_at_the_same_time_have_a_run_and_a_session_each(signed_in: HostProcess) -> None:
    people = [f"person{number}" for number in range(4)] * 2
    ready = Barrier(len(people))

    def race(who: str) -> tuple[str, str, str, str]:
        with caller(signed_in, who) as http:
            ready.wait()
            key = {"Idempotency-Key": "same"}
            run = start(http, **key)
            session = talk(http, "same", f"I am {who}.", **key)["session_id"]
            ran = http.post("/workflow/comment_moderation/run", json=COMMENT, params={"runId": "same"})
            return who, run, session, str(ran.json().get("instanceId"))

    with ThreadPoolExecutor(len(people)) as pool:
        raced = list(pool.map(race, people))
    for kind in (1, 2):
        assert len({one[kind] for one in raced}) == 4
        assert len({(one[0], one[kind]) for one in raced}) == 4
    assert len({one[3] for one in raced} - {"None"}) == 4
    for who, _, session, _ in raced:
        with caller(signed_in, who) as http:
            turns = http.get(f"/agents/Writer/sessions/{session}").text
        assert f"I am {who}." in turns
        assert not any(f"I am {other}." in turns for other in people if other != who)


def test_who_is_asked_decides_on_a_run_of_another_and_nobody_else(signed_in: HostProcess) -> None:
    ada, bob, carol = (caller(signed_in, who) for who in ("ada", "bob", "carol"))
    run = start(ada, "content_approval", {"topic": "tea"})
    while not (waiting := ada.get(f"/runs/{run}").json().get("waiting_for")):
        assert ada.get(f"/runs/{run}").json()["runtime_status"] in ("Pending", "Running")
    body = {"approved": True, "request_id": waiting["request_id"]}
    assert [len(http.get("/approvals").json()["approvals"]) for http in (ada, bob, carol)] == [1, 0, 1]
    stated = {**body, "reviewer": "carol@example.com"}
    assert caller(signed_in).post(f"/approval/{run}", json=stated).status_code == 403
    for http, status, kind in ((bob, 404, "unknown-run"), (ada, 403, "not-a-reviewer")):
        refused = http.post(f"/approval/{run}", json=stated)
        assert (refused.status_code, refused.json()["type"]) == (status, f"urn:problem:{kind}")
        assert http is ada or waiting["request_id"] not in refused.text
    assert carol.get(f"/runs/{run}").status_code == 404
    decided = [carol.post(f"/approval/{run}", json=body) for _ in range(2)]
    assert [(answer.status_code, answer.json()["decision"]["verified"]) for answer in decided] == [(200, True)] * 2
    assert bob.post(f"/approval/{run}", json=body).status_code == 404


def test_nobody_decides_on_a_run_of_their_own_although_they_are_asked(start_host: Any) -> None:
    host = start_host(APP_SERVICE_AUTHENTICATION="true", REVIEWERS="ada@example.com,carol@example.com")
    ada, carol = caller(host, "ada"), caller(host, "carol")
    run = start(ada, "content_approval", {"topic": "tea"})
    while not (waiting := ada.get(f"/runs/{run}").json().get("waiting_for")):
        assert ada.get(f"/runs/{run}").json()["runtime_status"] in ("Pending", "Running")
    body = {"approved": True, "request_id": waiting["request_id"]}
    sent = host.outbox / "reviews" / f"{run}-{waiting['request_id']}.json"
    deadline = time.monotonic() + 20
    while not sent.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    links = {one["reviewer"]: one["url"] for one in json.loads(sent.read_text(encoding="utf-8"))["links"]}
    link = links["ada@example.com"]
    by_link = {"token": link.partition("#")[2], "approved": True}
    ways = [
        (f"/approval/{run}", body),
        (f"/runs/{run}/events/{waiting['event_name']}", body),
        ("/review/decision", by_link),
    ]
    for path, decision in ways:
        refused = ada.post(path, json=decision)
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:problem:asked-for-it"), path
    assert carol.post(f"/approval/{run}", json=body).status_code == 200


async def test_nobody_approves_the_tool_call_that_they_have_asked_for(
    start_host: Any, model: ChatCompletionsServer
) -> None:
    call = ToolCall("call_1", "refund_order", {"order_id": "A-17", "amount_cents": 1250})
    model.script(Answer(tool_calls=(call,)), Answer("Refunded."))
    reviewers = "ada@example.com,carol@example.com"
    host = start_host(APP_SERVICE_AUTHENTICATION="true", REVIEWERS=reviewers, **model.settings)
    ada, carol = caller(host, "ada"), caller(host, "carol")
    said = {"message": "Refund it.", "session_id": "s"}
    asked = await asyncio.to_thread(ada.post, "/agents/ShopAssistant/run", json=said)
    assert (asked.status_code, asked.json()["status"]) == (202, "waiting_for_approval")
    while not (waiting := (await asyncio.to_thread(carol.get, "/approvals")).json()["approvals"]):
        await asyncio.sleep(0.05)
    path = f"/approval/{waiting[0]['instance_id']}"
    body = {"approved": True, "request_id": waiting[0]["request_id"]}
    refused = await asyncio.to_thread(ada.post, path, json=body)
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:problem:asked-for-it")
    assert (await asyncio.to_thread(carol.post, path, json=body)).status_code == 200
    where = asked.headers["Location"].partition("/api")[2]
    while (answer := await asyncio.to_thread(ada.get, where)).status_code == 202:
        await asyncio.sleep(0.05)
    assert answer.json()["response"] == "Refunded."


def test_who_is_asked_by_a_workflow_answers_and_nobody_else(start_host: Any) -> None:
    host = start_host(APPS / "requests", APP_SERVICE_AUTHENTICATION="true")
    owner, eve, bob = (caller(host, who) for who in ("owner", "eve", "bob"))
    bob.headers["x-ms-client-principal-name"] = "bob"
    started = owner.post("/workflow/plans/run", params={"waitForResponse": "true"}, json={"topic": "tea"}).json()
    run = started["instanceId"]
    listed = [
        {one["request_id"] for one in http.get("/approvals").json()["workflow_requests"]} for http in (owner, eve, bob)
    ]
    assert (listed[1], listed[2]) == (set(), {"budget"})
    assert listed[0] >= {"budget", "colour"}
    path, answer = f"/workflow/plans/respond/{run}", {"isApproved": True, "atMost": 7}
    for http, request in ((eve, "budget"), (eve, "colour"), (bob, "colour"), (eve, "none"), (bob, "none")):
        refused = http.post(f"{path}/{request}", params={"reviewer": "bob"}, json=answer)
        assert (refused.status_code, refused.json()["type"]) == (404, "urn:problem:unknown-run")
    assert owner.post(f"{path}/budget", params={"reviewer": "bob"}, json=answer).status_code == 403
    assert [bob.post(f"{path}/budget", json=answer).status_code for _ in range(2)] == [200, 200]
    assert bob.get(f"/workflow/plans/status/{run}").status_code == 404
    own = bob.post("/workflow/plans/run", params={"waitForResponse": "true"}, json={"topic": "tea"}).json()[
        "instanceId"
    ]
    refused = bob.post(f"/workflow/plans/respond/{own}/budget", json=answer)
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:problem:asked-for-it")
    (answered,) = owner.get(f"/workflow/plans/status/{run}").json()["answeredRequests"]
    assert (answered["reviewer"], answered["verified"]) == ("bob", True)


async def test_what_an_agent_starts_belongs_to_whoever_talks_to_it(
    start_host: Any, model: ChatCompletionsServer
) -> None:
    model.script(Answer(tool_calls=(ToolCall("call_1", "start_content_approval", {"topic": "tea"}),)))
    # The Editor and the Writer ask at the same time.
    draft = Answer('{"title": "Tea", "content": "A drink."}')
    model.answer_by(lambda request: draft if request.output_model == "Draft" else Answer("It has begun."))
    host = start_host(APP_SERVICE_AUTHENTICATION="true", REVIEWERS="carol@example.com", **model.settings)
    ada, bob = caller(host, "ada"), caller(host, "bob")
    said = {"message": "Have one written about tea.", "session_id": "s"}
    assert (await asyncio.to_thread(ada.post, "/agents/Editor/run", json=said)).status_code == 200
    (run,) = await asyncio.to_thread(ids_of, ada, "/runs", "runs", "instance_id")
    while (await asyncio.to_thread(ada.get, f"/runs/{run}")).json().get("waiting_for") is None:
        await asyncio.sleep(0.05)
    assert (await asyncio.to_thread(bob.get, f"/runs/{run}")).status_code == 404
    assert await asyncio.to_thread(ids_of, bob, "/runs", "runs", "instance_id") == set()


def test_without_authentication_operators_have_a_key_of_their_own(start_host: Any) -> None:
    host = start_host(OPERATOR_KEY=KEY)
    anybody, operator = caller(host), caller(host, None, **OPERATOR)
    run, session = start(anybody, body=MAIL), talk(anybody, "s")["session_id"]
    assert (session, anybody.get(f"/runs/{run}").status_code) == ("s", 200)
    reset = f"/agents/Writer/sessions/{session}/reset"
    changes = [f"/runs/{run}/{change}" for change in CHANGES] + [reset]
    refused = [anybody.post(path) for path in changes]
    refused += [anybody.delete(f"/runs/{run}"), anybody.delete(f"/agents/Writer/sessions/{session}")]
    refused.append(caller(host, None, **{"x-operator-key": KEY[:-1]}).post(reset))
    assert {answer.status_code for answer in refused} == {403}
    assert all(answer.json()["type"] == "urn:problem:operator-key-needed" for answer in refused)
    assert KEY not in "".join(answer.text for answer in refused) + host.output()
    assert operator.post(reset).status_code in (200, 202)
    anybody.post("/runs/email_triage", json=MAIL, headers={"Idempotency-Key": "k"}, params={"wait": "30"})
    ended = start(anybody, **{"Idempotency-Key": "k"})
    assert operator.post(f"/runs/{ended}/restart").status_code == 202
    assert operator.delete(f"/runs/{ended}").status_code == 204


def test_without_authentication_nobody_reaches_what_has_an_owner(start_host: Any) -> None:
    host = start_host(APP_SERVICE_AUTHENTICATION="true", OPERATOR_KEY=KEY)
    with caller(host, "ada") as ada:
        run, session = start(ada), talk(ada, "s")["session_id"]
    host.set_environment(APP_SERVICE_AUTHENTICATION="false")
    host.restart()
    for http, status in ((caller(host, "ada"), 404), (caller(host), 404), (caller(host, None, **OPERATOR), 200)):
        assert http.get(f"/runs/{run}").status_code == status
        assert http.get(f"/agents/Writer/sessions/{session}").status_code == status
        assert (run in ids_of(http, "/runs", "runs", "instance_id")) is (status == 200)
        body = {"message": "Hello", "session_id": session, "wait_for_response": False}
        assert http.post("/agents/Writer/run", json=body).status_code == {200: 202}.get(status, status)
        ran = http.post("/workflow/comment_moderation/run", json=COMMENT, params={"runId": run})
        assert ran.status_code in {404: (404,), 200: (409,)}[status]
