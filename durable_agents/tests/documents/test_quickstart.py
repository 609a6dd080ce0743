"""The quick start: conversations, patterns, a human in the loop, streams, and what keeps a run sound."""

from typing import Any

import pytest

DOCUMENT = "quickstart"
pytestmark = pytest.mark.sample


def test_a_conversation_of_two_turns(document: Any) -> None:
    url = "/api/agents/Joker/run"
    first = document.http.post(url, json={"message": "Tell me a joke about clouds"}).json()
    second = document.http.post(url, json={"message": "Tell me another one", "session_id": first["session_id"]}).json()
    assert (first["message_count"], second["message_count"]) == (2, 4)


def test_several_agents_in_one_app(document: Any) -> None:
    for name, question in (("Physicist", "Explain quantum entanglement"), ("Chemist", "Explain chemical bonds")):
        assert document.http.post(f"/api/agents/{name}/run", json={"message": question}).json()["response"]


def test_agents_one_after_the_other_without_an_input(run: Any) -> None:
    assert run("writer_orchestration")


def test_agents_at_the_same_time(run: Any) -> None:
    parts = run("parallel_orchestration", "heat").split("\n\n")
    assert [part.partition(":")[0] for part in parts if ":" in part][:1] == ["Physics"]


def test_a_condition_on_what_an_agent_says(run: Any) -> None:
    assert run("conditional_orchestration", "Shall we meet on Monday?")["action"] == "replied"


@pytest.mark.parametrize(
    ("decision", "status"),
    [({"approved": True}, "published"), ({"approved": False, "feedback": "Add more technical details"}, "revised")],
)
def test_the_commands_that_decide(document: Any, waiting: Any, decision: dict[str, Any], status: str) -> None:
    run_id = waiting("hitl_orchestration", None, "approval_received")
    assert document.http.post(f"/api/approval/{run_id}", json=decision).status_code == 202
    assert document.finish(run_id)["status"] == status
    assert document.http.post(f"/api/approval/{run_id}", json=decision).status_code == 409


def test_a_wait_with_a_time_out(document: Any, waiting: Any, run: Any) -> None:
    assert run("escalation", {"seconds": 1}) == "escalated"
    run_id = waiting("escalation", {"seconds": 3600}, "approval")
    assert document.http.post(f"/api/runs/{run_id}/events/approval").status_code == 202
    assert document.finish(run_id) == "approved"


def test_an_activity_works_once_for_a_key(run: Any) -> None:
    first, second = run("processing", "k1")
    assert first == second


def test_a_callback_of_ones_own_is_told_beside_the_streams_of_the_app(document: Any, run: Any) -> None:
    answer = document.http.post("/api/agents/Joker/run", json={"message": "Tell me a joke"}).json()
    complete, pieces = run("stream_count")
    assert complete >= 1
    assert pieces > complete
    url = f"/api/agents/Joker/sessions/{answer['session_id']}/responses/{answer['correlation_id']}"
    assert "event: text" in document.http.get(f"{url}/stream").text
    assert document.http.get(url).status_code == 200


def test_a_run_can_be_asked_for_its_status_input_and_output(document: Any, waiting: Any) -> None:
    run_id = waiting("escalation", {"seconds": 3600}, "approval")
    shown = document.run(run_id)
    assert (shown["runtime_status"], shown["input"], shown["output"]) == ("Running", {"seconds": 3600}, None)
    assert document.http.post(f"/api/runs/{run_id}/cancel").status_code == 200
