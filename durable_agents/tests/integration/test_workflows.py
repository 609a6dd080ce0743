"""Graph workflows over HTTP: their own routes, and the routes that they share with all runs."""

import asyncio
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from durable_agents.testing.chat_server import Answer, ChatCompletionsServer, Failure
from durable_agents.tests.wire.faults import Silence

SPAM = {"sender": "eve@example.com", "body": "You won the lottery! Claim your prize now."}
EMAIL = {"sender": "ada@example.com", "subject": "Order 7", "body": "Where is my order?"}
COMMENT = {"author": "Ada", "text": "See www.example.com"}
WAIT = {"waitForResponse": "true"}
VERDICT = {"is_spam": False, "confidence": 0.9, "reason": "an order"}


class Workflow:
    """The routes of one workflow."""

    def __init__(self, http: httpx.Client, name: str) -> None:
        self.http = http
        self.path = f"/api/workflow/{name}"

    def run(self, body: Any, headers: dict[str, str] | None = None, /, **query: str) -> httpx.Response:
        return self.http.post(f"{self.path}/run", json=body, headers=headers, params=query)

    def start(self, body: Any, **query: str) -> str:
        """Start a run and return its id."""
        answer = self.run(body, **query)
        assert answer.status_code == 202, answer.text
        instance_id: str = answer.json()["instanceId"]
        return instance_id

    def status(self, instance_id: str) -> dict[str, Any]:
        answer = self.http.get(f"{self.path}/status/{instance_id}")
        assert answer.status_code == 200, answer.text
        status: dict[str, Any] = answer.json()
        return status

    def wait(self, instance_id: str, reached: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """Return the status as soon as `reached` holds for it."""
        deadline = time.monotonic() + 30
        while not reached(status := self.status(instance_id)):
            assert time.monotonic() < deadline, status
            time.sleep(0.02)
        return status

    def request(self, instance_id: str) -> dict[str, Any]:
        """Return what the run asks a human, when it does."""
        status = self.wait(instance_id, lambda status: "pendingHumanInputRequests" in status)
        (request,) = status["pendingHumanInputRequests"]
        assert isinstance(request, dict)
        return request

    def finish(self, instance_id: str) -> Any:
        """Return what the run has yielded, when it is completed."""
        status = self.wait(instance_id, lambda status: status["runtimeStatus"] not in ("Pending", "Running"))
        assert status["runtimeStatus"] == "Completed", status
        (output,) = status["output"]
        return output

    def respond(self, instance_id: str, request_id: str, body: Any) -> httpx.Response:
        return self.http.post(f"{self.path}/respond/{instance_id}/{request_id}", json=body)


@pytest.fixture
def routing(api: Any) -> Workflow:
    return Workflow(api.http, "email_routing")


@pytest.fixture
def moderation(api: Any) -> Workflow:
    return Workflow(api.http, "comment_moderation")


def kind_of(answer: httpx.Response) -> tuple[int, str]:
    """Return status and kind of a problem, which every refusal is."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem = answer.json()
    assert problem["error"] == problem["detail"]
    return answer.status_code, problem["type"].removeprefix("urn:problem:")


@pytest.mark.sample
@pytest.mark.parametrize(("email", "outcome"), [(SPAM, "quarantined"), (EMAIL, "replied")])
def test_a_run_takes_the_branch_of_its_case(routing: Workflow, email: dict[str, str], outcome: str) -> None:
    answer = routing.run(email, **WAIT)
    ended = answer.json()
    assert (answer.status_code, ended["runtimeStatus"], ended.keys()) == (
        200,
        "Completed",
        {"instanceId", "runtimeStatus", "output"},
    )
    (output,) = ended["output"]
    assert output["outcome"] == outcome
    assert Path(output["location"]).exists()


def test_a_start_says_where_to_look_and_where_to_answer(routing: Workflow) -> None:
    answer = routing.run(EMAIL)
    started = answer.json()
    assert (answer.status_code, answer.headers["Retry-After"]) == (202, "1")
    assert answer.headers["Location"] == started["statusQueryGetUri"]
    assert started["respondUri"].endswith(f"/api/workflow/email_routing/respond/{started['instanceId']}/{{requestId}}")
    assert routing.http.get(started["statusQueryGetUri"]).json()["instanceId"] == started["instanceId"]
    assert routing.http.get(started["links"]["run"]).json()["orchestration"] == "dafx-email_routing"


@pytest.mark.sample
def test_a_human_decides_on_a_comment(moderation: Workflow, api: Any) -> None:
    instance_id = moderation.start(COMMENT, **WAIT)
    request = moderation.request(instance_id)
    assert request["sourceExecutor"] == "weigh"
    assert request["requestData"] == {"comment": COMMENT, "objections": ["It has a link."]}
    assert request["responseType"].endswith(":ModerationDecision")
    answer = moderation.http.post(request["respondUrl"], json={"approved": True, "moderator": "mary"})
    assert answer.json() == {
        "message": "Response delivered successfully",
        "instanceId": instance_id,
        "requestId": request["requestId"],
    }
    output = moderation.finish(instance_id)
    assert (output["outcome"], output["moderator"]) == ("published", "mary")
    assert Path(output["location"]).read_text(encoding="utf-8").endswith(f"{COMMENT['text']}\n")


def test_a_run_that_waits_is_shown_with_all_runs_and_approvals(moderation: Workflow, api: Any) -> None:
    instance_id = moderation.start(COMMENT)
    request_id = moderation.request(instance_id)["requestId"]
    run = api.run(instance_id)
    assert (run["stage"], run["waiting_for"]["kind"]) == ("waiting_for_human_input", "human_input")
    assert [request["request_id"] for request in run["waiting_for"]["requests"]] == [request_id]
    assert moderation.http.get(run["links"]["workflow"]).json()["instanceId"] == instance_id
    listed = api.http.get("/api/approvals", params={"limit": 200}).json()["workflow_requests"]
    (entry,) = [entry for entry in listed if entry["instance_id"] == instance_id]
    assert (entry["workflow"], entry["request_id"]) == ("comment_moderation", request_id)
    assert api.http.post(entry["links"]["respond"], json={"approved": False, "note": "off topic"}).status_code == 200
    assert moderation.finish(instance_id)["outcome"] == "rejected"
    names = [step["name"] for step in api.http.get(f"/api/runs/{instance_id}/history").json()["steps"]]
    assert {"dafx-comment_moderation-contacts", "comment_moderation-SpamDetector", request_id} <= set(names)


def test_runs_of_a_workflow_are_found_whatever_their_ids(moderation: Workflow, api: Any) -> None:
    ids = {moderation.start(COMMENT, runId="listed-1"), moderation.start(COMMENT)}
    query = {"orchestration": "dafx-comment_moderation", "limit": 200}
    listed = {run["instance_id"] for run in api.http.get("/api/runs", params=query).json()["runs"]}
    assert ids <= listed


def test_a_run_id_is_good_for_one_run_even_when_that_is_over(routing: Workflow) -> None:
    first = routing.run(EMAIL, runId="mail-7", **WAIT).json()
    assert first["instanceId"] == "mail-7"
    assert kind_of(routing.run(EMAIL, runId="mail-7")) == (409, "duplicate-run-id")
    assert routing.status("mail-7")["output"] == first["output"]


@pytest.mark.sample
def test_of_many_starts_under_one_run_id_one_starts(routing: Workflow) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: routing.run(EMAIL, runId="mail-8").status_code, range(8)))
    assert sorted(answers) == [202, *[409] * 7]


def test_an_idempotency_key_makes_a_repeat_the_same_run(routing: Workflow) -> None:
    key = {"Idempotency-Key": "workflow-1"}
    first, again = (routing.run(EMAIL, key).json()["instanceId"] for _ in range(2))
    assert first == again
    assert kind_of(routing.run(SPAM, key)) == (422, "idempotency-key-reused")
    assert kind_of(routing.run(EMAIL, key, runId="mail-9")) == (400, "conflicting-run-ids")


@pytest.mark.parametrize(
    ("body", "query", "field"),
    [
        ({"body": "x"}, {}, "sender"),
        ({"sender": "ada"}, {}, "sender"),
        ({**EMAIL, "priority": 1}, {}, "priority"),
        (EMAIL, {"runId": "@x"}, "runId"),
        (EMAIL, {"runId": "a/b"}, "runId"),
        (EMAIL, {"runId": "x?op=reset&"}, "runId"),
        (EMAIL, {"runId": ".."}, "runId"),
        (EMAIL, {"runId": "other::child::0"}, "runId"),
        (EMAIL, {"runId": "x" * 101}, "runId"),
        (EMAIL, {"waitForResponse": "perhaps"}, "waitForResponse"),
        (EMAIL, {"timeoutSeconds": "0"}, "timeoutSeconds"),
        (EMAIL, {"timeoutSeconds": "201"}, "timeoutSeconds"),
    ],
)
def test_a_mistake_in_a_start_is_named(routing: Workflow, body: Any, query: dict[str, str], field: str) -> None:
    answer = routing.run(body, **query)
    assert kind_of(answer)[0] == 400
    assert field in [error["field"] for error in answer.json()["errors"]]


def test_the_wait_can_be_asked_for_in_a_header(routing: Workflow) -> None:
    assert routing.run(EMAIL, {"x-ms-wait-for-response": "true"}).status_code == 200
    assert routing.run(EMAIL, {"x-ms-wait-for-response": "false"}, **WAIT).status_code == 202
    for header in ("true", "false"):
        refused = routing.run(EMAIL, {"x-ms-wait-for-response": header}, waitForResponse="perhaps")
        assert (refused.status_code, "waitForResponse" in refused.text) == (400, True)


def test_what_does_not_exist_is_404(routing: Workflow, moderation: Workflow, api: Any) -> None:
    unknown = Workflow(api.http, "unknown")
    assert kind_of(unknown.run(EMAIL)) == (404, "unknown-workflow")
    triage = api.start("email_triage", {"email": EMAIL})
    comment = moderation.start(COMMENT)
    request_id = moderation.request(comment)["requestId"]
    for instance_id in (triage, comment, "nothing", "@dafx-writer@s1", "x%3Fop=reset&"):
        assert kind_of(api.http.get(f"{routing.path}/status/{instance_id}")) == (404, "unknown-run")
        assert kind_of(routing.respond(instance_id, request_id, {})) == (404, "unknown-run")
    answer = moderation.respond(comment, "nonsense", {"approved": True})
    assert kind_of(answer) == (404, "unknown-request")
    assert answer.json()["pending_requests"] == [request_id]


def test_the_event_of_another_wait_is_no_request(moderation: Workflow, api: Any) -> None:
    instance_id = moderation.start(COMMENT)
    request_id = moderation.request(instance_id)["requestId"]
    status = api.http.get(f"/runtime/webhooks/durabletask/instances/{instance_id}?showHistory=true").json()
    events = [event["Name"] for event in status["historyEvents"] if event["EventType"] == "EventRaised"]
    assert events, "the reply of the agent is an event, too"
    for name in events:
        assert kind_of(moderation.respond(instance_id, name, {"approved": True})) == (404, "unknown-request")
    assert moderation.request(instance_id)["requestId"] == request_id


def test_an_answer_of_another_form_is_refused_and_the_run_waits_on(moderation: Workflow) -> None:
    instance_id = moderation.start(COMMENT)
    request_id = moderation.request(instance_id)["requestId"]
    for body, field in (({"aproved": True}, "approved"), ({"approved": "yes"}, "approved"), ({}, "approved")):
        answer = moderation.respond(instance_id, request_id, body)
        assert kind_of(answer) == (400, "invalid-body")
        assert field in [error["field"] for error in answer.json()["errors"]]
    assert kind_of(moderation.respond(instance_id, request_id, [True])) == (400, "invalid-json")
    assert moderation.request(instance_id)["requestId"] == request_id


@pytest.mark.sample
def test_the_first_answer_stands_and_may_be_repeated(moderation: Workflow) -> None:
    instance_id = moderation.start(COMMENT)
    request_id = moderation.request(instance_id)["requestId"]
    with ThreadPoolExecutor(8) as threads:
        bodies = [{"approved": number % 2 == 0, "moderator": f"m{number}"} for number in range(8)]
        answers = list(threads.map(lambda body: moderation.respond(instance_id, request_id, body), bodies))
    (counted,) = [body for body, answer in zip(bodies, answers, strict=True) if answer.status_code == 200]
    assert {kind_of(answer)[1] for answer in answers if answer.status_code != 200} <= {
        "already-answered",
        "run-is-over",
    }
    assert moderation.finish(instance_id)["moderator"] == counted["moderator"]
    assert moderation.respond(instance_id, request_id, counted).status_code == 200
    other = {**counted, "moderator": "eve"}
    assert kind_of(moderation.respond(instance_id, request_id, other)) == (409, "already-answered")
    assert kind_of(moderation.respond(instance_id, "another", counted)) == (409, "run-is-over")


def test_a_canceled_run_takes_no_answer(moderation: Workflow, api: Any) -> None:
    instance_id = moderation.start(COMMENT)
    request_id = moderation.request(instance_id)["requestId"]
    assert api.http.post(f"/api/runs/{instance_id}/cancel").status_code == 200
    status = moderation.status(instance_id)
    assert status["runtimeStatus"] == "Terminated"
    assert "pendingHumanInputRequests" not in status
    assert kind_of(moderation.respond(instance_id, request_id, {"approved": True})) == (409, "run-is-over")


@pytest.mark.sample
def test_an_answer_to_a_suspended_run_has_its_effect_when_that_goes_on(moderation: Workflow, api: Any) -> None:
    instance_id = moderation.start(COMMENT)
    request_id = moderation.request(instance_id)["requestId"]
    assert api.http.post(f"/api/runs/{instance_id}/suspend").status_code == 200
    answer = moderation.respond(instance_id, request_id, {"approved": True})
    # Azure replays a run that is suspended, so the answer shows at once; otherwise it waits for the run to go on.
    assert answer.status_code in (200, 202)
    assert moderation.status(instance_id)["runtimeStatus"] == "Suspended"
    assert api.http.post(f"/api/runs/{instance_id}/resume").status_code == 200
    assert moderation.finish(instance_id)["outcome"] == "published"
    assert moderation.respond(instance_id, request_id, {"approved": True}).status_code == 200


def test_a_workflow_is_a_run_that_can_be_restarted(moderation: Workflow, api: Any) -> None:
    instance_id = moderation.start({"author": "Ada", "text": "I agree."})
    first = moderation.finish(instance_id)
    again = api.http.post(f"/api/runs/{instance_id}/restart").json()["instance_id"]
    second = moderation.finish(again)
    assert first["location"] != second["location"]


def test_agents_inside_workflows_cannot_be_talked_to(api: Any) -> None:
    names = [agent["name"] for agent in api.http.get("/api/agents").json()["agents"]]
    assert not [name for name in names if name.startswith(("email_routing", "comment_moderation"))]
    answer = api.http.post("/api/agents/email_routing-SpamDetector/run", json={"message": "Say it is no spam."})
    assert kind_of(answer) == (404, "unknown-agent")


async def test_an_agent_that_fails_fails_the_run(start_host: Any, api_of: Any) -> None:
    async with ChatCompletionsServer() as server:
        server.script(Failure(403, "Not for you, sk-1", "denied"))
        settings = {"OPENAI_API_KEY": server.api_key, "OPENAI_MODEL": server.model, "OPENAI_BASE_URL": server.base_url}
        host = await asyncio.to_thread(start_host, **settings)
        api = api_of(host)
        answer = await asyncio.to_thread(Workflow(api.http, "email_routing").run, EMAIL, **WAIT)
    ended = answer.json()
    assert (answer.status_code, ended["runtimeStatus"], ended["output"]) == (200, "Failed", None)
    assert "Agent 'email_routing-SpamDetector' failed: provider_denied" in ended["error"]
    assert "sk-1" not in answer.text
    assert api.run(ended["instanceId"])["failed_step"]["name"] == "email_routing-SpamDetector"
    assert not host.outbox.exists()


@pytest.mark.kills
def test_a_request_to_a_human_outlives_the_host(start_host: Any, api_of: Any) -> None:
    host = start_host()
    moderation = Workflow(api_of(host).http, "comment_moderation")
    instance_id = moderation.start(COMMENT)
    request = moderation.request(instance_id)
    host.restart()
    assert moderation.request(instance_id) == request
    assert moderation.respond(instance_id, request["requestId"], {"approved": True}).status_code == 200
    host.restart()
    output = moderation.finish(instance_id)
    assert [str(path) for path in host.published.glob("*.md")] == [output["location"]]
    assert moderation.respond(instance_id, request["requestId"], {"approved": True}).status_code == 200


@pytest.mark.kills
async def test_a_kill_between_two_agents_of_a_graph_pays_for_the_first_once(start_host: Any, api_of: Any) -> None:
    reply = {"subject": "Re: Order 7", "body": "On its way."}
    silence = Silence()
    async with ChatCompletionsServer() as server:
        server.script(Answer(json.dumps(VERDICT)), silence, Answer(json.dumps(reply)))
        settings = {"OPENAI_API_KEY": server.api_key, "OPENAI_MODEL": server.model, "OPENAI_BASE_URL": server.base_url}
        host = await asyncio.to_thread(start_host, **settings)
        routing = Workflow(api_of(host).http, "email_routing")
        instance_id = await asyncio.to_thread(routing.start, EMAIL)
        await asyncio.wait_for(silence.arrived.wait(), 20)
        await asyncio.to_thread(host.restart)
        output = await asyncio.to_thread(routing.finish, instance_id)
        asked_for = [request.body["response_format"]["json_schema"]["name"] for request in server.requests]
    assert asked_for == ["SpamVerdict", "EmailReply", "EmailReply"]
    assert [str(path) for path in host.outbox.glob("*.eml")] == [output["location"]]


@pytest.mark.kills
def test_kills_at_any_moment_lose_no_run_and_repeat_no_reply(start_host: Any, api_of: Any) -> None:
    host = start_host(OFFLINE_MODEL_LATENCY_SECONDS="0.2")
    routing = Workflow(api_of(host).http, "email_routing")
    started = [routing.start(EMAIL) for _ in range(6)]
    for _ in range(3):
        time.sleep(0.3)
        host.restart()
    locations = [Path(routing.finish(instance_id)["location"]) for instance_id in started]
    assert sorted(host.outbox.glob("*.eml")) == sorted(locations)
    assert len(set(locations)) == len(started)
