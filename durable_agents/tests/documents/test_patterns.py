"""The document on patterns: models and tools behind activities."""

import time
from typing import Any

import pytest

DOCUMENT = "patterns"
pytestmark = pytest.mark.sample


@pytest.mark.parametrize(
    ("orchestration", "given", "output"),
    [
        ("prompt_chaining_orchestration", "tea", "refined draft by outline of tea"),
        ("routing_orchestration", {"message": "billing, please"}, "billing"),
        ("routing_orchestration", {"message": "a technical question"}, "technical"),
        ("routing_orchestration", {"message": "hello"}, "general"),
        ("parallel_research_orchestration", {"topic": "tea", "subtopics": ["a", "b"]}, "tea: about a, about b"),
        (
            "orchestrator_workers_orchestration",
            {"topic": "tea"},
            "tea: about tea 1, about tea 2, about tea 3",
        ),
        ("evaluator_optimizer_orchestration", {"prompt": "abc"}, "abcabcabc"),
        ("evaluator_optimizer_orchestration", {"prompt": "a"}, "aaaaa"),
        ("chat", {"chat": "c1", "message": "hello"}, "You said hello."),
    ],
)
def test_a_pattern(run: Any, orchestration: str, given: object, output: str) -> None:
    assert run(orchestration, given) == output


def test_the_loop_of_an_agent_with_a_human_and_a_history_that_is_begun_anew(document: Any, waiting: Any) -> None:
    run_id = waiting("agent_loop_orchestration", None, "HumanInput")
    assert document.http.post(f"/api/runs/{run_id}/events/HumanInput", json="Go on").status_code == 202
    assert document.finish(run_id) == {"said": "Go on", "messages": 30}


def test_a_child_is_a_run_as_well(document: Any, run: Any) -> None:
    run("orchestrator_workers_orchestration", {"topic": "tea"})
    listed = document.http.get("/api/runs", params={"orchestration": "research_worker_orchestration"}).json()["runs"]
    assert len(listed) >= 3
    assert {one["runtime_status"] for one in listed} == {"Completed"}


def test_an_entity_is_told_by_a_route_of_the_app(document: Any, run: Any) -> None:
    assert document.http.post("/api/chats/c2", content="first").status_code == 202
    time.sleep(0.2)
    assert run("chat", {"chat": "c2", "message": "second"}) == "You said second."
