"""Graphs in the shapes of the framework's workflow samples run as they are; the last two wait for a human."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from devhost.testing.host_process import HostProcess
from devhost.testing.plugin import NewHost
from durable_agents.testing import Api

APP = Path(__file__).parents[1] / "apps" / "graphs"
SUBMISSION = {"content_id": "c-7", "title": "Tea", "body": "Green or black?"}
WAIT = {"waitForResponse": "true", "timeoutSeconds": "30"}


class Graphs:
    """The routes of the workflows of the app."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def run(self, workflow: str, body: Any, **query: str) -> dict[str, Any]:
        answer = self.http.post(f"/api/workflow/{workflow}/run", json=body, params={**WAIT, **query})
        assert answer.status_code in (200, 202), answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    def status(self, workflow: str, instance_id: str) -> dict[str, Any]:
        answer = self.http.get(f"/api/workflow/{workflow}/status/{instance_id}")
        assert answer.status_code == 200, answer.text
        status: dict[str, Any] = answer.json()
        return status

    def wait(self, workflow: str, instance_id: str, reached: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        deadline = time.monotonic() + 30
        while not reached(status := self.status(workflow, instance_id)):
            assert time.monotonic() < deadline, status
            time.sleep(0.02)
        return status

    def finish(self, workflow: str, instance_id: str) -> dict[str, Any]:
        return self.wait(workflow, instance_id, lambda status: status["runtimeStatus"] not in ("Pending", "Running"))


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, new_host: NewHost) -> Iterator[HostProcess]:
    with new_host(tmp_path_factory.mktemp("graphs"), APP) as process:
        yield process
        process.stop()


@pytest.fixture
def graphs(host: HostProcess) -> Iterator[Graphs]:
    with host.client() as http:
        yield Graphs(http)


@pytest.mark.parametrize("workflow", ["email_triage_shared_state", "email_triage"])
def test_a_branch_after_an_agent(graphs: Graphs, workflow: str) -> None:
    spam = graphs.run(workflow, "You won the lottery! Claim your prize now.")
    mail = graphs.run(workflow, "Where is my order?")
    assert [run["output"][0].partition(":")[0] for run in (spam, mail)] == ["Email marked as spam", "Email sent"]


def test_three_kinds_of_fan_out(graphs: Graphs) -> None:
    run = graphs.run("parallel_review", {"document_id": "d-1", "content": "Tea\nis good"})
    assert run["output"] == ["words 3, lines 2, Summary, statistics"]


def test_a_human_in_a_graph_is_shown_in_the_answer_to_the_start(graphs: Graphs) -> None:
    started = graphs.run("content_moderation", SUBMISSION)
    (request,) = started["pendingHumanInputRequests"]
    assert request["requestData"]["prompt"] == "Publish Tea?"
    assert request["requestData"]["analysis"]["is_spam"] is False
    status = graphs.status("content_moderation", started["instanceId"])
    assert status["pendingHumanInputRequests"] == [request]
    answer = graphs.http.post(request["respondUrl"], json={"approved": True, "reviewerNotes": "fine"})
    assert answer.status_code == 200, answer.text
    ended = graphs.finish("content_moderation", started["instanceId"])
    assert ended["output"] == ["c-7 approved: fine"]
    assert {state["state"] for state in ended["executors"].values()} == {"done"}


def test_a_human_in_a_workflow_inside_is_asked_and_answers_at_the_run(graphs: Graphs) -> None:
    started = graphs.run("moderation_pipeline", SUBMISSION)
    (request,) = started["pendingHumanInputRequests"]
    way, number, bare = request["requestId"].split("~")
    assert (way, number, request["sourceExecutor"]) == ("review_sub", "0", "review_gate")
    instance_id = started["instanceId"]
    (listed,) = [
        one
        for one in graphs.http.get("/api/approvals", params={"limit": 200}).json()["workflow_requests"]
        if one["instance_id"] == instance_id
    ]
    assert listed["links"]["respond"] == request["respondUrl"]
    states = {
        name: state["state"] for name, state in graphs.status("moderation_pipeline", instance_id)["executors"].items()
    }
    assert states == {
        "intake": "done",
        "review_sub": "waiting",
        "review_sub~0~review_gate": "waiting",
        "review_sub~0~notify": "done",
    }
    path = f"/api/workflow/moderation_pipeline/respond/{instance_id}"
    for wrong in (bare, f"review_sub~1~{bare}", f"publish~0~{bare}", f"{request['requestId']}x"):
        assert graphs.http.post(f"{path}/{wrong}", json={"approved": True}).status_code == 404
    assert graphs.http.post(request["respondUrl"], json={"approved": "perhaps", "notes": 1}).status_code == 400
    for _ in range(2):
        assert (
            graphs.http.post(request["respondUrl"], json={"approved": False, "reviewer_notes": "no"}).status_code == 200
        )
    ended = graphs.finish("moderation_pipeline", instance_id)
    assert ended["output"] == ["c-7 rejected: no"]
    assert graphs.http.post(request["respondUrl"], json={"approved": True}).status_code == 409
    assert [one["requestId"] for one in ended["answeredRequests"]] == [request["requestId"]]


def link_of(host: HostProcess, instance_id: str) -> str:
    """Return the token of the link that the reviewers of the run were sent."""
    deadline = time.monotonic() + 20
    while True:
        files = (host.outbox / "reviews").glob("*.json")
        messages = [json.loads(path.read_text(encoding="utf-8")) for path in files]
        mine = [message for message in messages if message["instance_id"] == instance_id]
        if mine:
            break
        assert time.monotonic() < deadline, messages
        time.sleep(0.02)
    (message,) = mine
    ((_, token),) = [link["url"].split("#") for link in message["links"]]
    return str(token)


@pytest.mark.parametrize("workflow", ["content_moderation", "moderation_pipeline"])
def test_whoever_is_asked_has_a_link_that_shows_and_answers(graphs: Graphs, host: HostProcess, workflow: str) -> None:
    instance_id = graphs.run(workflow, SUBMISSION)["instanceId"]
    token = link_of(host, instance_id)
    shown = graphs.http.post("/api/review", json={"token": token}).json()
    assert list((host.state / "drafts").glob(f"{instance_id}*"))
    assert "Publish Tea?" in shown["draft"]["content"][0]
    decision = {"token": token, "approved": True, "feedback": "well done"}
    decided = graphs.http.post("/api/review/decision", json=decision)
    assert (decided.status_code, decided.json()["status"]) == (200, "decided"), decided.text
    ended = graphs.finish(workflow, instance_id)
    assert ended["output"] == ["c-7 approved: well done"]
    assert [one["channel"] for one in ended["answeredRequests"]] == ["link"]
    assert graphs.http.post("/api/review", json={"token": token}).json()["decision"]["approved"] is True
    assert graphs.http.post("/api/review/decision", json={**decision, "approved": False}).status_code == 410
    assert graphs.http.delete(f"/api/runs/{instance_id}").status_code == 204
    assert not list((host.state / "drafts").glob(f"{instance_id}*"))
    assert graphs.http.post("/api/review", json={"token": token}).status_code == 410


def test_the_workflow_inside_has_no_routes_and_cannot_be_started(graphs: Graphs) -> None:
    assert graphs.http.post("/api/workflow/human_review/run", json=SUBMISSION).status_code == 404
    assert graphs.http.post("/api/runs/dafx-human_review", json=SUBMISSION).status_code == 404
    assert not [path for path in graphs.http.get("/api/openapi.json").json()["paths"] if "human_review" in path]


def test_to_cancel_and_remove_a_run_is_to_cancel_and_remove_what_is_inside(graphs: Graphs) -> None:
    api = Api(graphs.http)
    started = graphs.run("moderation_pipeline", SUBMISSION)
    instance_id, (request,) = started["instanceId"], started["pendingHumanInputRequests"]
    assert graphs.http.post(f"/api/runs/{instance_id}/cancel").status_code == 200
    ended = graphs.status("moderation_pipeline", instance_id)
    assert (ended["runtimeStatus"], "pendingHumanInputRequests" in ended) == ("Terminated", False)
    assert ended["executors"]["review_sub~0~review_gate"]["state"] == "stopped"
    assert graphs.http.post(request["respondUrl"], json={"approved": True}).status_code == 409
    listed = graphs.http.get("/api/approvals", params={"limit": 200}).json()["workflow_requests"]
    assert instance_id not in [one["instance_id"] for one in listed]
    assert graphs.http.delete(f"/api/runs/{instance_id}").status_code == 204
    runs = graphs.http.get("/api/runs", params={"limit": 200}).json()["runs"]
    assert not [run["instance_id"] for run in runs if run["instance_id"].startswith(instance_id)]
    assert api.http.get(f"/api/runs/{instance_id}").status_code == 404


def test_a_graph_is_shown_as_it_was_built_and_with_how_a_run_is(graphs: Graphs) -> None:
    path = "/api/workflow/moderation_pipeline/graph"
    graph = graphs.http.get(path).json()
    assert [one["id"] for one in graph["executors"]] == ["intake", "review_sub", "publish"]
    assert [one["id"] for one in graph["executors"][1]["graph"]["executors"]] == ["review_gate", "notify"]
    picture = graphs.http.get(path, headers={"Accept": "text/vnd.mermaid"})
    assert picture.headers["content-type"].startswith("text/plain")
    assert picture.text.startswith("flowchart TD\n")
    assert graphs.http.get(path, params={"format": "mermaid"}).text == picture.text
    assert graphs.http.get(path, params={"format": "png"}).status_code == 400
    instance_id = graphs.run("moderation_pipeline", SUBMISSION)["instanceId"]
    marked = graphs.http.get(path, params={"run": instance_id}).json()["executors"]
    assert {one["id"]: one.get("state") for one in marked} == {
        "intake": "done",
        "review_sub": "waiting",
        "publish": None,
    }
    assert "class n2,n3 waiting" in graphs.http.get(path, params={"run": instance_id, "format": "mermaid"}).text
    assert graphs.http.get(path, params={"run": "nothing"}).status_code == 404


def test_the_paths_of_the_documents_lead_to_the_right_ones(graphs: Graphs) -> None:
    moved = graphs.http.post("/api/workflows/Moderation_Pipeline/run", json=SUBMISSION, follow_redirects=False)
    assert (moved.status_code, moved.headers["content-type"]) == (308, "application/problem+json")
    assert moved.headers["location"].endswith("/api/workflow/moderation_pipeline/run")
    started = graphs.http.post("/api/workflows/moderation_pipeline/run", json=SUBMISSION, follow_redirects=True)
    instance_id = started.json()["instanceId"]
    status = graphs.wait("moderation_pipeline", instance_id, lambda one: "pendingHumanInputRequests" in one)
    led = graphs.http.get(f"/api/workflows/moderation_pipeline/status/{instance_id}", follow_redirects=True)
    assert led.json()["instanceId"] == instance_id
    answer = graphs.http.post(f"/api/workflows/moderation_pipeline/respond/{instance_id}", json={"approved": True})
    assert answer.status_code == 404
    assert answer.json()["respond_urls"] == [status["pendingHumanInputRequests"][0]["respondUrl"]]
    assert graphs.http.post("/api/workflows/unknown/run", json={}).json()["type"] == "urn:problem:unknown-workflow"


@pytest.mark.kills
def test_a_request_inside_outlives_the_host_before_and_after_its_answer(start_host: Any) -> None:
    host = start_host(APP)
    with host.client() as http:
        started = Graphs(http).run("moderation_pipeline", SUBMISSION)
    instance_id, (request,) = started["instanceId"], started["pendingHumanInputRequests"]
    host.restart()
    with host.client() as http:
        status = Graphs(http).status("moderation_pipeline", instance_id)
        (same,) = status["pendingHumanInputRequests"]
        assert same["requestId"] == request["requestId"]
        assert http.post(f"/api{same['respondUrl'].partition('/api')[2]}", json={"approved": True}).status_code == 200
    host.restart()
    with host.client() as http:
        assert Graphs(http).finish("moderation_pipeline", instance_id)["output"] == ["c-7 approved: None"]


def answer_all(host: HostProcess, ids: list[str]) -> None:
    """Answer what the runs ask, as far as the host lives."""
    with suppress(httpx.TransportError), host.client() as http:
        for instance_id in ids:
            for request in Graphs(http).status("moderation_pipeline", instance_id).get("pendingHumanInputRequests", []):
                http.post(request["respondUrl"], json={"approved": True})


@pytest.mark.thorough
@pytest.mark.kills
def test_kills_at_any_moment_lose_no_step_and_no_answer_of_a_graph_inside(start_host: Any) -> None:
    host = start_host(APP)
    body = {"document_id": "d-1", "content": "Tea"}
    with host.client() as http:
        ids = [
            http.post("/api/workflow/moderation_pipeline/run", json=SUBMISSION).json()["instanceId"] for _ in range(8)
        ]
        others = [http.post("/api/workflow/parallel_review/run", json=body).json()["instanceId"] for _ in range(4)]
    for seconds in (0.02, 0.1, 0.3, 0.05, 0.2):
        answering = threading.Thread(target=answer_all, args=(host, ids))
        answering.start()
        time.sleep(seconds)
        host.kill()
        answering.join()
        host.start()
    with host.client() as http:
        graphs = Graphs(http)
        for instance_id in ids:
            asked = graphs.wait("moderation_pipeline", instance_id, has_rested)
            if asked["runtimeStatus"] == "Running":
                answer_all(host, [instance_id])
            assert graphs.finish("moderation_pipeline", instance_id)["output"] == ["c-7 approved: None"]
        for instance_id in others:
            assert graphs.finish("parallel_review", instance_id)["output"] == ["words 1, lines 1, Summary, statistics"]
    told = [json.loads(path.read_text(encoding="utf-8")) for path in (host.outbox / "reviews").glob("*.json")]
    assert sorted(message["instance_id"] for message in told) == sorted(ids)


def has_rested(status: dict[str, Any]) -> bool:
    return status["runtimeStatus"] != "Running" or "pendingHumanInputRequests" in status
