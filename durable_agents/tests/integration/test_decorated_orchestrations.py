"""Orchestrations by decorator, with the context of the SDK, are runs: started, shown, answered and steered like all."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from devhost.testing.host_process import HostProcess
from devhost.testing.plugin import NewHost

APP = Path(__file__).parents[1] / "apps" / "decorated"


@pytest.fixture(scope="module")
def decorated_host(tmp_path_factory: pytest.TempPathFactory, new_host: NewHost) -> Iterator[HostProcess]:
    """One host of the app, which checks every turn by a whole replay."""
    with new_host(tmp_path_factory.mktemp("decorated"), APP) as process:
        yield process
        process.stop()


@pytest.fixture
def http(decorated_host: HostProcess) -> Iterator[httpx.Client]:
    with decorated_host.client() as client:
        yield client


def start(
    http: httpx.Client, name: str, run_input: object = None, wait: int = 0, key: str | None = None
) -> dict[str, Any]:
    headers = {} if key is None else {"Idempotency-Key": key}
    response = http.post(f"/api/runs/{name}", params={"wait": wait}, json=run_input, headers=headers)
    assert response.status_code == (200 if wait else 202), response.text
    answer: dict[str, Any] = response.json()
    return answer


def wait_until(http: httpx.Client, run_id: str, **members: object) -> dict[str, Any]:
    """Return the run once it has these members."""
    deadline = time.monotonic() + 10
    while True:
        run: dict[str, Any] = http.get(f"/api/runs/{run_id}").json()
        if members.items() <= run.items():
            return run
        assert time.monotonic() < deadline, run
        time.sleep(0.02)


def start_waiting(http: httpx.Client, name: str, event: str, run_input: object = None) -> str:
    """Start a run, and return its id once it shows that it waits for this event."""
    run_id: str = start(http, name, run_input)["instance_id"]
    wait_until(http, run_id, waiting_for={"kind": "event", "event_name": event})
    return run_id


INPUTS: list[Any] = [
    {"a": 1, "request_fingerprint": "f", "completion_webhook": "https://x", "started_by": "s"},
    {"__class__": "X", "__module__": "y", "__data__": "z"},
    [1, 2.5, "three", None, True],
    "Wien",
    "123",
    '{"a": 1}',
    "",
    0,
    False,
    {},
    None,
]


@pytest.mark.parametrize("given", INPUTS, ids=repr)
def test_any_json_arrives_as_it_was_sent_and_is_shown_so(http: httpx.Client, given: Any) -> None:
    run = start(http, "echo", given, wait=10)
    assert (run["runtime_status"], run["output"]) == ("Completed", {"given": given, "type": type(given).__name__})
    assert (run["input"], type(run["input"])) == (given, type(given))
    again = http.post(f"/api/runs/{run['instance_id']}/restart").json()
    assert wait_until(http, again["instance_id"], runtime_status="Completed")["output"]["given"] == given


def test_a_run_may_begin_without_a_body(http: httpx.Client) -> None:
    answer = http.post("/api/runs/echo?wait=10")
    assert answer.json()["output"] == {"given": None, "type": "NoneType"}


@pytest.mark.parametrize("given", INPUTS[:7], ids=repr)
def test_a_key_is_for_one_body(http: httpx.Client, given: Any) -> None:
    key = f"key-{INPUTS.index(given)}"
    first = start(http, "echo", given, key=key)
    assert start(http, "echo", given, key=key)["instance_id"] == first["instance_id"]
    other = http.post("/api/runs/echo", json=[given], headers={"Idempotency-Key": key})
    assert (other.status_code, other.json()["type"]) == (422, "urn:problem:idempotency-key-reused")


def test_what_is_equal_in_python_only_is_another_body(http: httpx.Client) -> None:
    start(http, "echo", 1, key="one")
    assert http.post("/api/runs/echo", content="true", headers={"Idempotency-Key": "one"}).status_code == 422


def test_there_is_no_room_for_a_webhook(http: httpx.Client) -> None:
    answer = http.post("/api/runs/echo?webhook=https://example.org/", json={})
    assert answer.status_code == 400


def test_agents_answer_in_a_conversation_and_the_history_shows_them(http: httpx.Client) -> None:
    run = start(http, "verse", "tea", wait=20)
    assert (run["runtime_status"], bool(run["output"])) == ("Completed", True)
    steps = http.get(f"/api/runs/{run['instance_id']}/history").json()["steps"]
    assert [(step["name"], step["kind"]) for step in steps if step["kind"] == "agent"] == [("Poet", "agent")] * 2


def test_an_agent_that_was_added_later_can_be_talked_to(http: httpx.Client) -> None:
    assert [agent["name"] for agent in http.get("/api/agents").json()["agents"]] == ["Poet", "Critic"]
    assert http.post("/api/agents/Critic/run", json={"message": "Good?"}).status_code == 200
    assert [agent["name"] for agent in http.get("/api/health/details").json()["agents"]] == ["Poet", "Critic"]


def test_an_event_by_its_own_name_arrives_as_it_was_sent(http: httpx.Client) -> None:
    run_id = start_waiting(http, "waiting_room", "Decision")
    url = http.get(f"/api/runs/{run_id}").json()["links"]["event"]
    answer = http.post(url, json={"approved": True, "by": "Ada"})
    assert answer.status_code == 202
    run = wait_until(http, run_id, runtime_status="Completed")
    assert run["output"] == {"approved": True, "got": {"approved": True, "by": "Ada"}}
    assert run["waiting_for"] is None


def test_a_wait_ends_with_its_timer(http: httpx.Client) -> None:
    run = start(http, "waiting_room", {"seconds": 1}, wait=10)
    assert (run["output"], run["waiting_for"]) == ("too late", None)


def test_a_decision_is_the_one_event_that_is_waited_for(http: httpx.Client) -> None:
    run_id = start_waiting(http, "waiting_room", "Decision")
    answer = http.post(f"/api/approval/{run_id}", json={"approved": False, "feedback": "More details"})
    assert (answer.status_code, answer.json()["event_name"]) == (202, "Decision")
    got = wait_until(http, run_id, runtime_status="Completed")["output"]["got"]
    assert got == {"approved": False, "feedback": "More details"}
    late = http.post(f"/api/approval/{run_id}", json={"approved": True})
    assert (late.status_code, late.json()["type"]) == (409, "urn:problem:run-is-over")


def test_no_event_is_lost_in_silence(http: httpx.Client) -> None:
    run_id = start_waiting(http, "waiting_room", "Decision")
    answer = http.post(f"/api/runs/{run_id}/events/Decison", json={"approved": True})
    assert (answer.status_code, answer.json()["waiting_for"]["event_name"]) == (409, "Decision")


def test_several_events_are_waited_for_at_once_beside_a_status_of_the_author(http: httpx.Client) -> None:
    run_id = start_waiting(http, "two_keys", "Left")
    assert http.get(f"/api/runs/{run_id}").json()["stage"] == "turning"
    undecided = http.post(f"/api/approval/{run_id}", json={"approved": True})
    assert (undecided.status_code, undecided.json()["type"]) == (409, "urn:problem:no-approval-pending")
    assert http.post(f"/api/runs/{run_id}/events/Right", json="r").status_code == 202
    wait_until(http, run_id, waiting_for={"kind": "event", "event_name": "Left"})
    assert http.post(f"/api/runs/{run_id}/events/Left", json="l").status_code == 202
    wait_until(http, run_id, stage="open", waiting_for={"kind": "event", "event_name": "Close"})
    assert http.post(f"/api/runs/{run_id}/events/Close").status_code == 202
    assert wait_until(http, run_id, runtime_status="Completed")["output"] == ["l", "r"]


def test_a_status_of_the_authors_own_kind_stays_and_an_event_is_kept(http: httpx.Client) -> None:
    run_id = start(http, "own_words")["instance_id"]
    wait_until(http, run_id, runtime_status="Running")
    time.sleep(0.3)
    answer = http.post(f"/api/runs/{run_id}/events/Feedback", json=["good"])
    assert answer.status_code == 202
    assert "kept until it waits for one named 'Feedback'" in answer.json()["note"]
    assert wait_until(http, run_id, runtime_status="Completed")["output"] == ["good"]


def test_a_story_may_be_decorated_too(http: httpx.Client) -> None:
    wrong = http.post("/api/runs/storytelling", json={"nam": "Ada"})
    assert wrong.status_code == 400
    run_id = start(http, "storytelling", {"name": "Ada"})["instance_id"]
    wait_until(http, run_id, stage="waiting_for_event")
    assert http.post(f"/api/runs/{run_id}/events/Answer", json="hello").status_code == 202
    assert wait_until(http, run_id, runtime_status="Completed")["output"] == {"text": "Ada: hello"}


def test_an_activity_may_have_a_name_that_the_library_has(http: httpx.Client) -> None:
    assert start(http, "publication", "my draft", wait=10)["output"] == "told of my draft"


def test_other_names_and_other_places_of_registration(http: httpx.Client) -> None:
    assert start(http, "renamed", wait=10)["output"] == "done"
    assert http.post("/api/runs/original").status_code == 404
    run_id = start_waiting(http, "from_blueprint", "Go")
    assert http.post(f"/api/runs/{run_id}/cancel").status_code == 200
    listed = http.get("/api/runs?orchestration=from_blueprint").json()["runs"]
    assert [(run["instance_id"], run["runtime_status"]) for run in listed] == [(run_id, "Terminated")]


def test_the_api_document_has_them(http: httpx.Client) -> None:
    paths = http.get("/api/openapi.json").json()["paths"]
    names = ("echo", "waiting_room", "storytelling", "renamed", "from_blueprint")
    assert {f"/runs/{name}" for name in names} <= paths.keys()
    assert "/runs/wait_and_see" not in paths
    body = paths["/runs/echo"]["post"]["requestBody"]
    assert body["required"] is False
