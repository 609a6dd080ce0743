"""What workflows ask humans, over HTTP: who may answer, in which spelling, and what happens when nobody does."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from devhost.testing.host_process import HostProcess
from devhost.testing.plugin import NewHost
from durable_agents.testing import Api

APP = Path(__file__).parents[1] / "apps" / "requests"
WAIT = {"waitForResponse": "true"}
RESPOND = "/api/workflow/plans/respond"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, new_host: NewHost) -> Iterator[HostProcess]:
    with new_host(tmp_path_factory.mktemp("requests"), APP) as process:
        yield process
        process.stop()


@pytest.fixture
def http(host: HostProcess) -> Iterator[httpx.Client]:
    with host.client() as client:
        yield client


def start(http: httpx.Client, **plan: Any) -> tuple[str, dict[str, dict[str, Any]]]:
    """Start a run, and return its id and what it asks, by id."""
    started = http.post("/api/workflow/plans/run", params=WAIT, json={"topic": "tea", **plan}).json()
    return started["instanceId"], {one["requestId"]: one for one in started["pendingHumanInputRequests"]}


def status(http: httpx.Client, instance_id: str) -> dict[str, Any]:
    shown: dict[str, Any] = http.get(f"/api/workflow/plans/status/{instance_id}").json()
    return shown


def test_a_request_that_expires_is_answered_as_declared_and_takes_no_answer_any_more(http: httpx.Client) -> None:
    instance_id, asked = start(http)
    assert (asked["colour"]["ifExpired"], "expiresAt" in asked["budget"]) == ("answer", False)
    Api(http).wait(instance_id, lambda _: "colour" in status(http, instance_id).get("expiredRequests", []))
    late = http.post(f"{RESPOND}/{instance_id}/colour", json="red")
    assert (late.status_code, late.json()["type"]) == (409, "urn:problem:request-expired")
    path = f"{RESPOND}/{instance_id}/budget"
    assert http.post(path, params={"reviewer": "bob"}, json={"isApproved": True, "atMost": 7}).status_code == 200
    assert sorted(Api(http).finish(instance_id)) == ["budget True 7", "colour blue"]
    assert http.post(f"{RESPOND}/{instance_id}/colour", json="blue").status_code == 409
    assert [one["requestId"] for one in status(http, instance_id)["answeredRequests"]] == ["budget"]


def test_a_request_that_expires_without_a_declared_answer_fails_the_run(http: httpx.Client) -> None:
    instance_id, asked = start(http, with_law=True)
    assert asked["law"]["ifExpired"] == "failure"
    run = Api(http).wait(instance_id, lambda run: run["runtime_status"] == "Failed")
    assert "Nobody has answered request 'law' of executor 'begin'" in run["error"]
    assert status(http, instance_id)["expiredRequests"]


def test_only_those_who_were_asked_may_answer_and_the_list_says_who_that_is(http: httpx.Client) -> None:
    instance_id, _ = start(http)
    listed = http.get("/api/approvals", params={"limit": 200}).json()["workflow_requests"]
    (entry,) = [one for one in listed if (one["instance_id"], one["request_id"]) == (instance_id, "budget")]
    assert entry["reviewers"] == ["ada", "bob"]
    for who in ({}, {"reviewer": "eve"}):
        refused = http.post(entry["links"]["respond"], params=who, json={"is_approved": True})
        assert (refused.status_code, refused.json()["reviewers"]) == (403, ["ada", "bob"])
    assert http.post(entry["links"]["respond"], params={"reviewer": " "}, json={"is_approved": True}).status_code == 400
    taken = http.post(entry["links"]["respond"], params={"reviewer": "ADA"}, json={"is_approved": True})
    assert taken.status_code == 200
    Api(http).finish(instance_id)
    (answered,) = status(http, instance_id)["answeredRequests"]
    assert answered == {"requestId": "budget", "reviewer": "ADA", "verified": False, "channel": "api"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"isApproved": True, "is_approved": True}, "isApproved"),
        ({"approved": True}, "is_approved"),
        ({"isApproved": True, "atMost": "many"}, "at_most"),
    ],
)
def test_an_answer_that_is_none_names_the_field(http: httpx.Client, body: Any, field: str) -> None:
    instance_id, _ = start(http)
    refused = http.post(f"{RESPOND}/{instance_id}/budget", params={"reviewer": "ada"}, json=body)
    assert refused.status_code == 400
    assert field in [error["field"] for error in refused.json()["errors"]]


def test_what_the_webhook_sends_past_the_routes_is_that_of_nobody(http: httpx.Client) -> None:
    instance_id, _ = start(http)
    url = f"/runtime/webhooks/durabletask/instances/{instance_id}/raiseEvent/budget"
    assert http.post(url, json={"is_approved": True}).status_code == 202
    run = Api(http).wait(instance_id, lambda run: "note" in json.dumps(run["waiting_for"]))
    assert "none of those who were asked" in json.dumps(run["waiting_for"])


def test_a_link_of_what_asks_for_more_than_yes_or_no_says_so(http: httpx.Client, host: HostProcess) -> None:
    instance_id, _ = start(http)

    def tokens() -> list[str]:
        files = (host.outbox / "reviews").glob("*.json")
        messages = [json.loads(path.read_text(encoding="utf-8")) for path in files]
        mine = [one for one in messages if (one["instance_id"], one["request_id"]) == (instance_id, "budget")]
        return [link["url"].partition("#")[2] for one in mine for link in one["links"]]

    Api(http).wait(instance_id, lambda _: len(tokens()) == 2)
    refused = http.post("/api/review/decision", json={"token": tokens()[0], "approved": True})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:problem:answered-elsewhere")
