"""What waits for a human, and which decisions count, over HTTP."""

import base64
import hashlib
import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from typing import Any

import httpx
import pytest

OPERATOR_KEY = "an operators' key of 32 characters"
WEBHOOK = "/runtime/webhooks/durabletask/instances"
ENDLESS = {"topic": "tea"}
SOON = 1.5 / 3600


def wait_for_request(api: Any, instance_id: str, **fields: Any) -> dict[str, Any]:
    """Return what the run waits with, when it has these fields."""
    run = api.wait(instance_id, lambda run: fields.items() <= (run["waiting_for"] or {}).items())
    waiting_for: dict[str, Any] = run["waiting_for"]
    return waiting_for


def pages(api: Any, limit: int) -> list[list[dict[str, Any]]]:
    """Return all pages of what waits for a human."""
    found, token = [], ""
    while token is not None:
        query = {"limit": limit, **({"page_token": token} if token else {})}
        answer = api.http.get("/api/approvals", params=query)
        assert answer.status_code == 200, answer.text
        found.append(answer.json()["approvals"])
        token = answer.json()["next_page_token"]
    return found


def test_what_waits_is_listed_across_runs_page_by_page(start_host: Any, api_of: Any) -> None:
    api = api_of(start_host())
    waiting: dict[str, dict[str, Any]] = {}
    for _ in range(5):
        instance_id = api.start("content_approval", ENDLESS)
        waiting[instance_id] = api.draft(instance_id)
    decided = api.start("content_approval", ENDLESS)
    api.decide(decided, api.draft(decided)["request_id"], approved=False)
    api.finish(decided)
    api.http.post("/api/agents/Writer/run", json={"message": "tea", "session_id": "s1"})

    found = pages(api, limit=2)
    assert max(len(page) for page in found) <= 2
    listed = {entry["instance_id"]: entry for page in found for entry in page}
    assert set(listed) == set(waiting)
    assert sum(len(page) for page in found) == len(waiting)
    for instance_id, entry in listed.items():
        request = waiting[instance_id]
        assert {name: entry[name] for name in request if name not in ("kind", "event_name")} == {
            name: value for name, value in request.items() if name not in ("kind", "event_name")
        }
        assert api.http.get(entry["links"]["run"]).json()["instance_id"] == instance_id
        decision = {"approved": False, "request_id": entry["request_id"]}
        assert api.http.post(entry["links"]["decide"], json=decision).status_code == 200
    assert [page for page in pages(api, limit=50) if page] == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"limit": "ten"}, "limit"),
        ({"page_token": "%%"}, "page_token"),
        ({"page_token": "DQo="}, "page_token"),
    ],
)
def test_a_query_that_is_not_valid_names_the_parameter(api: Any, query: dict[str, str], field: str) -> None:
    answer = api.http.get("/api/approvals", params=query)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("path", ["/api/runs", "/api/approvals"])
@pytest.mark.parametrize("inner", ['[1, "\\ud800"]', "[" * 2_500, '[Infinity, "x"]', '[-99999999999999999, "x"]', "!"])
def test_a_page_token_that_a_caller_has_made_is_400(api: Any, path: str, inner: str) -> None:
    inner = base64.urlsafe_b64encode(inner.encode()).decode()
    filters = {"runtimeStatus": "Running"} if path == "/api/approvals" else {}
    mark = hashlib.sha256(json.dumps([inner, None, filters]).encode()).hexdigest()
    for length in (16, 64):
        token = base64.urlsafe_b64encode(json.dumps([mark[:length], inner]).encode()).decode()
        answer = api.http.get(path, params={"page_token": token})
        assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (400, ["page_token"])


@pytest.mark.sample
def test_of_fifty_decisions_at_the_same_time_one_counts_and_everybody_is_told(api: Any, host: Any) -> None:
    instance_id = api.start("content_approval", ENDLESS)
    request_id = api.draft(instance_id)["request_id"]

    def decide(number: int) -> httpx.Response:
        body = {"request_id": request_id, "approved": number % 2 == 0, "reviewer": f"reviewer-{number}"}
        answer: httpx.Response = api.http.post(f"/api/approval/{instance_id}", json=body)
        return answer

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(decide, range(50)))

    (counted,) = api.finish(instance_id)["decisions"]
    told = {(answer.json()["decision"]["decision_id"], answer.json()["decision"]["reviewer"]) for answer in answers}
    assert told == {(counted["decision_id"], counted["reviewer"])}
    assert Counter(answer.status_code for answer in answers) == {200: 25, 409: 25}
    agreeing = {answer.json().get("approved") for answer in answers if answer.status_code == 200}
    assert agreeing == {counted["approved"]}
    assert len(list(host.published.glob(f"{instance_id}-*"))) == int(counted["approved"])


@pytest.mark.sample
def test_the_same_decision_again_gets_the_first_answer_at_every_stage(api: Any) -> None:
    instance_id = api.start("content_approval", ENDLESS)
    request_id = api.draft(instance_id)["request_id"]
    decision = {"approved": False, "feedback": "More.", "reviewer": "ada"}
    first = api.decide(instance_id, request_id, **decision)
    assert (first.status_code, first.json()["status"]) == (200, "decided")
    second = api.draft(instance_id, attempt=2)
    assert api.decide(instance_id, request_id, **decision).json() == first.json()
    assert api.draft(instance_id, attempt=2) == second
    api.decide(instance_id, second["request_id"], approved=True)
    assert len(api.finish(instance_id)["decisions"]) == 2
    assert api.decide(instance_id, request_id, **decision).json() == first.json()


def test_a_decision_by_the_durable_webhook_on_a_wrong_draft_is_ignored_with_a_note(api: Any) -> None:
    instance_id = api.start("content_approval", ENDLESS)
    first = api.draft(instance_id)
    api.decide(instance_id, first["request_id"], approved=False, feedback="More.")
    second = api.draft(instance_id, attempt=2)
    stale = {"request_id": first["request_id"], "content_hash": first["content_hash"], "approved": True}
    for event, body in (
        (second["event_name"], stale),
        (second["event_name"], {**stale, "request_id": second["request_id"]}),
        (second["event_name"], {"approved": True}),
        (first["event_name"], stale),
    ):
        assert api.http.post(f"{WEBHOOK}/{instance_id}/raiseEvent/{event}", json=body).status_code == 202
    noted = wait_for_request(api, instance_id, note="An event was ignored: it is not a decision.")
    assert {**noted, "note": None} == second

    right = {"request_id": second["request_id"], "content_hash": second["content_hash"], "approved": True}
    api.http.post(f"{WEBHOOK}/{instance_id}/raiseEvent/{second['event_name']}", json=right)
    decisions = api.finish(instance_id)["decisions"]
    assert [(d["channel"], d["approved"]) for d in decisions] == [("api", False), ("webhook", True)]


@pytest.mark.sample
def test_an_approval_of_several_is_counted_until_there_are_enough(start_host: Any, api_of: Any) -> None:
    api = api_of(start_host(REVIEWERS="ada,bob,eve", REQUIRED_APPROVALS="2"))
    instance_id = api.start("content_approval", ENDLESS)
    request_id = api.draft(instance_id)["request_id"]
    first = api.decide(instance_id, request_id, approved=True, reviewer="ada")
    assert (first.status_code, first.json()["status"]) == (200, "counted")
    assert api.decide(instance_id, request_id, approved=True, reviewer="ada").json() == first.json()
    changed = api.decide(instance_id, request_id, approved=False, reviewer="ada")
    assert (changed.status_code, changed.json()["type"]) == (409, "urn:problem:already-decided")
    assert api.run(instance_id)["stage"] == "waiting_for_approval"
    for spelling in ("Ada", "ada ", "\uff21da"):
        again = api.decide(instance_id, request_id, approved=True, reviewer=spelling)
        assert (again.status_code, again.json()["decision"]) == (200, first.json()["decision"])
    for other in ("nobody who was asked", "\u0430da", None):
        refused = api.decide(instance_id, request_id, approved=True, reviewer=other)
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:problem:not-a-reviewer")
    hidden = api.decide(instance_id, request_id, approved=True, reviewer="ada\u3164")
    assert (hidden.status_code, hidden.json()["errors"][0]["field"]) == (400, "reviewer")
    second = api.decide(instance_id, request_id, approved=True, reviewer="bob")
    assert (second.status_code, second.json()["status"]) == (200, "decided")
    assert [d["reviewer"] for d in api.finish(instance_id)["decisions"]] == ["ada", "bob"]


@pytest.mark.parametrize(
    "body",
    [
        {"reviewers": ["eve"], "required_approvals": 1},
        {"reviewers": []},
        {"approval_timeout_hours": 1, "escalation_timeout_hours": 1},
        {"second_reviewer": None},
    ],
)
def test_who_decides_and_for_how_long_is_not_for_the_caller_to_say(api: Any, body: dict[str, Any]) -> None:
    answer = api.http.post("/api/runs/content_approval", json={**ENDLESS, **body})
    assert answer.status_code == 400
    assert {error["field"] for error in answer.json()["errors"]} == set(body)
    described = api.http.get("/api/openapi.json").json()["components"]["schemas"]["ContentApprovalInput"]
    assert set(described["properties"]) == {"topic", "max_revisions"}


def test_a_run_that_is_started_again_asks_those_who_are_to_be_asked_now(start_host: Any, api_of: Any) -> None:
    first = start_host(REVIEWERS="ada")
    instance_id = api_of(first).start("content_approval", ENDLESS)
    request_id = api_of(first).draft(instance_id)["request_id"]
    api_of(first).decide(instance_id, request_id, approved=False, reviewer="ada")
    api_of(first).finish(instance_id)
    first.set_environment(REVIEWERS="bob")
    first.restart()
    api = api_of(first)
    restarted = api.http.post(f"/api/runs/{instance_id}/restart").json()["instance_id"]
    assert api.draft(restarted)["reviewers"] == ["bob"]


@pytest.mark.sample
def test_a_draft_nobody_decides_on_goes_to_the_second_reviewer(start_host: Any, api_of: Any) -> None:
    api = api_of(start_host(REVIEWERS="ada", APPROVAL_TIMEOUT_HOURS=str(SOON), SECOND_REVIEWER="eve"))
    instance_id = api.start("content_approval", ENDLESS)
    first = api.draft(instance_id)
    second = wait_for_request(api, instance_id, escalated=True)
    assert second["reviewers"] == ["eve"]
    assert second["request_id"] != first["request_id"]
    late = api.decide(instance_id, first["request_id"], approved=True)
    assert (late.status_code, late.json()["type"]) == (409, "urn:problem:other-draft-pending")
    for reviewer in ("ada", None):
        refused = api.decide(instance_id, second["request_id"], approved=True, reviewer=reviewer)
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:problem:not-a-reviewer")
    assert api.decide(instance_id, second["request_id"], approved=True, reviewer="eve").status_code == 200
    assert api.finish(instance_id)["outcome"] == "published"


def test_an_expired_request_takes_no_decision_although_the_run_has_not_noticed(start_host: Any, api_of: Any) -> None:
    api = api_of(start_host(APPROVAL_TIMEOUT_HOURS=str(SOON)))
    instance_id = api.start("content_approval", ENDLESS)
    request_id = api.draft(instance_id)["request_id"]
    assert api.http.post(f"{WEBHOOK}/{instance_id}/suspend", params={"reason": "test"}).status_code == 202
    time.sleep(SOON * 3600)
    late = api.decide(instance_id, request_id, approved=True)
    # Azure replays a run that is suspended, which may have noticed by now.
    assert late.status_code == 409
    assert late.json()["type"] in ("urn:problem:request-expired", "urn:problem:no-approval-pending")


@pytest.mark.kills
def test_a_decision_that_has_not_taken_effect_yet_is_accepted_and_outlives_the_host(
    start_host: Any, api_of: Any
) -> None:
    host = start_host()
    api = api_of(host)
    instance_id = api.start("content_approval", ENDLESS)
    request_id = api.draft(instance_id)["request_id"]
    api.http.post(f"{WEBHOOK}/{instance_id}/suspend", params={"reason": "test"})
    api.wait(instance_id, lambda run: run["runtime_status"] == "Suspended")
    taken = api.decide(instance_id, request_id, approved=True)
    # Azure replays a run that is suspended, so the decision counts at once; otherwise it waits for the run to go on.
    assert (taken.status_code, taken.json()["status"]) in ((200, "decided"), (202, "accepted"))
    assert taken.status_code == 200 or taken.headers["Location"].endswith(f"/api/runs/{instance_id}")
    assert not list(host.published.glob("*"))
    host.restart()
    api.http.post(f"{WEBHOOK}/{instance_id}/resume", params={"reason": "test"})
    assert api.finish(instance_id)["outcome"] == "published"
    assert api.decide(instance_id, request_id, approved=True).json()["status"] == "decided"


def test_who_is_signed_in_is_recorded_only_where_app_service_vouches(start_host: Any, api_of: Any) -> None:
    signed_in = {"X-MS-CLIENT-PRINCIPAL-NAME": "ada@example.com", "X-MS-CLIENT-PRINCIPAL-ID": "7"}
    for setting, who in (("true", ("ada@example.com", "7", True)), ("false", ("bob", None, False))):
        host = start_host(APP_SERVICE_AUTHENTICATION=setting, OPERATOR_KEY=OPERATOR_KEY)
        api = api_of(host)
        api.http.headers["x-operator-key"] = OPERATOR_KEY
        instance_id = api.start("content_approval", ENDLESS)
        body = {"approved": True, "request_id": api.draft(instance_id)["request_id"], "reviewer": "bob"}
        assert api.http.post(f"/api/approval/{instance_id}", json=body, headers=signed_in).status_code == 200
        (decision,) = api.finish(instance_id)["decisions"]
        assert (decision["reviewer"], decision["reviewer_id"], decision["verified"]) == who
        assert f"{instance_id} approval decision {{" in host.output()
        host.kill()


def test_a_stated_name_does_not_use_up_the_vote_of_who_is_signed_in(start_host: Any, api_of: Any) -> None:
    settings = {"APP_SERVICE_AUTHENTICATION": "true", "REVIEWERS": "bob,ada", "REQUIRED_APPROVALS": "2"}
    api = api_of(start_host(**settings, OPERATOR_KEY=OPERATOR_KEY))
    api.http.headers["x-operator-key"] = OPERATOR_KEY
    instance_id = api.start("content_approval", ENDLESS)
    request_id = api.draft(instance_id)["request_id"]
    for stated, kind in (("bob-id", "not-a-reviewer"), ("bob", "not-signed-in"), ("ada", "not-signed-in")):
        refused = api.decide(instance_id, request_id, approved=True, reviewer=stated)
        assert (refused.status_code, refused.json()["type"]) == (403, f"urn:problem:{kind}")
    signed_in = {"X-MS-CLIENT-PRINCIPAL-NAME": "Bob", "X-MS-CLIENT-PRINCIPAL-ID": "bob-id"}
    body = {"approved": False, "request_id": request_id}
    assert api.http.post(f"/api/approval/{instance_id}", json=body, headers=signed_in).status_code == 200
    output = api.finish(instance_id)
    assert (output["outcome"], [d["reviewer_id"] for d in output["decisions"]]) == ("rejected", ["bob-id"])


@pytest.mark.kills
@pytest.mark.parametrize(
    "delay", [0.0, 0.01, *(pytest.param(delay, marks=pytest.mark.thorough) for delay in (0.002, 0.005, 0.02))]
)
def test_a_kill_between_a_decision_and_its_effect_loses_nothing(start_host: Any, api_of: Any, delay: float) -> None:
    host = start_host()
    api = api_of(host)
    instance_id = api.start("content_approval", ENDLESS)
    request_id = api.draft(instance_id)["request_id"]
    told: list[httpx.Response] = []

    def decide() -> None:
        try:
            told.append(api.decide(instance_id, request_id, approved=True, reviewer="ada"))
        except httpx.TransportError:
            """The host died under the request: the reviewer does not know, and asks again."""

    caller = Thread(target=decide)
    caller.start()
    time.sleep(delay)
    host.restart()
    caller.join()
    again = api_of(host).decide(instance_id, request_id, approved=True, reviewer="ada")
    assert again.status_code == 200
    assert [answer.json() for answer in told] in ([], [again.json()])
    output = api_of(host).finish(instance_id)
    assert output["outcome"] == "published"
    assert [decision["decision_id"] for decision in output["decisions"]] == [again.json()["decision"]["decision_id"]]
    assert len(list(host.published.glob("*.md"))) == 1


def test_an_approval_that_counted_is_told_so_although_a_rejection_settled_the_request(
    start_host: Any, api_of: Any
) -> None:
    api = api_of(start_host(REVIEWERS="ada,bob", REQUIRED_APPROVALS="2"))
    instance_id = api.start("content_approval", ENDLESS)
    request_id = api.draft(instance_id)["request_id"]
    api.http.post(f"{WEBHOOK}/{instance_id}/suspend", params={"reason": "test"})
    api.wait(instance_id, lambda run: run["runtime_status"] == "Suspended")
    with ThreadPoolExecutor(2) as pool:
        approval = pool.submit(api.decide, instance_id, request_id, approved=True, reviewer="ada")
        # Both wait in the hub, in this order, until the run goes on.
        time.sleep(0.5)
        rejection = pool.submit(api.decide, instance_id, request_id, approved=False, reviewer="bob")
        time.sleep(0.5)
        api.http.post(f"{WEBHOOK}/{instance_id}/resume", params={"reason": "test"})
    assert (approval.result().status_code, approval.result().json()["status"]) == (200, "counted")
    assert (rejection.result().status_code, rejection.result().json()["status"]) == (200, "decided")
    assert api.finish(instance_id)["outcome"] == "rejected"
