"""The document on features: orchestrations of agents, and a human in the loop."""

from typing import Any

import pytest

DOCUMENT = "features"
pytestmark = pytest.mark.sample


def test_one_agent_after_the_other(run: Any) -> None:
    assert run("spam_detection_orchestration", {"content": "You won a prize! Click now."}).startswith("Filed as spam: ")
    assert run("spam_detection_orchestration", {"content": "Shall we meet on Monday?"}).startswith("Sent: ")


def test_several_agents_at_the_same_time(run: Any) -> None:
    assert run("research_orchestration", "tea")


@pytest.mark.parametrize(
    ("decision", "output"),
    [({"approved": True, "feedback": "Looks great!"}, "Published: "), ({"approved": False}, "Content rejected")],
)
@pytest.mark.parametrize("route", ["/api/runs/{}/events/ApprovalDecision", "/api/approval/{}"])
def test_a_human_decides(document: Any, waiting: Any, route: str, decision: Any, output: str) -> None:
    run_id = waiting("content_approval_workflow", "tea", "ApprovalDecision")
    assert document.http.post(route.format(run_id), json=decision).status_code == 202
    done = document.wait(run_id, lambda run: run["runtime_status"] == "Completed")
    assert done["output"].startswith(output)


def test_a_route_of_the_apps_own_sends_the_event_as_the_sdk_does(document: Any, waiting: Any) -> None:
    run_id = waiting("content_approval_workflow", "tea", "ApprovalDecision")
    assert document.http.post(f"/api/reviews/{run_id}", json={"approved": True}).status_code == 202
    done = document.wait(run_id, lambda run: run["runtime_status"] in ("Completed", "Failed"))
    assert (done["runtime_status"], "'str' object has no attribute 'get'" in str(done["error"])) == ("Failed", True)
