"""What a run and its children use, over HTTP and over kills."""

import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from devhost.testing.kills.kill_plan import Kill, Point, When
from devhost.testing.kills.supervised_host import SupervisedHost

APP = Path(__file__).parents[1] / "apps" / "results"
FOUR = {"model_calls": 4, "input_tokens": 40, "output_tokens": 20}
ONE = {"model_calls": 1, "input_tokens": 10, "output_tokens": 5}
ENDED = "The budget of the run is used up: it has used 60 tokens in 4 model calls, and may use 4 model calls."


def get(url: str, path: str) -> dict[str, Any]:
    """Return the answer of a host, also of one that is away meanwhile."""
    deadline = time.monotonic() + 60
    while True:
        try:
            answer = httpx.request("GET", f"{url}/api/{path}", timeout=30)
            if answer.status_code == 200:
                return dict(answer.json())
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, "no host"
        time.sleep(0.05)


def finish(url: str, run_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 120
    while (run := get(url, f"runs/{run_id}"))["runtime_status"] in ("Pending", "Running"):
        assert time.monotonic() < deadline, run
        time.sleep(0.05)
    return run


def test_children_count_also_those_that_fail_and_the_budget_ends_the_questions(start_host: Any) -> None:
    host = start_host(app_root=APP)
    with host.client() as http:
        run = http.post("/api/runs/family?wait=30", json={"way": "ends"}).json()
        assert (run["runtime_status"], run["output"], run["usage"]) == ("Completed", {"text": ENDED}, FOUR)
        assert run["input"] == {"way": "ends", "number": 0}
        history = http.get(f"{run['links']['history']}?outputs=1").json()
        children = [step for step in history["steps"] if step["kind"] == "child"]
        assert [child["status"] for child in children] == ["completed", "failed"]
        assert children[0]["output"] == {"text": "1"}
        assert "usage" not in children[1]["error"]
        # Of the run's own agents alone: a child has a history of its own.
        assert history["usage"]["model_call_count"] == 2
        again = http.post(run["links"]["restart"]).json()["instance_id"]
        assert finish(host.url, again)["usage"] == FOUR
        own = http.post("/api/runs/question?wait=30", json={"way": "ends"}).json()
        assert (own["output"], own["usage"]) == ({"text": "1"}, ONE)


def test_a_child_counts_although_what_it_gets_and_gives_is_kept_beside_the_history(start_host: Any) -> None:
    with start_host(app_root=APP).client() as http:
        run = http.post("/api/runs/large_family?wait=30", json={"way": ""}).json()
        assert (run["runtime_status"], run["output"], run["usage"]) == ("Completed", {"text": "60005"}, ONE)
        (step,) = http.get(f"{run['links']['history']}?outputs=1").json()["steps"]
        assert str(step["output"]).startswith('{"text": "largexxx')
        children = http.get("/api/runs").json()["runs"]
        (child,) = [one for one in children if one["orchestration"] == "question"]
        shown = http.get(child["links"]["self"]).json()
        assert (len(shown["output"]["text"]), list(shown["input"]), shown["usage"]) == (60_005, ["way", "number"], ONE)


@pytest.mark.parametrize("field", ["_allowance", "usage"])
def test_a_caller_has_no_say_in_it(field: str, start_host: Any) -> None:
    with start_host(app_root=APP).client() as http:
        refused = http.post("/api/runs/family", json={"way": "ends", field: {"budget": {"model_calls": 9}}})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, field)


@pytest.mark.kills
@pytest.mark.timeout(300)
@pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")
def test_a_kill_at_each_commit_counts_nothing_twice(tmp_path: Path) -> None:
    folders = {"OUTBOX_DIR": str(tmp_path / "outbox"), "STATE_DIR": str(tmp_path / "state")}
    host = SupervisedHost(tmp_path, APP, ("--import", "durable_agents"), environment=folders)
    try:
        key = {"Idempotency-Key": "once"}
        host.plan.arm([Kill(when, Point.COMMIT) for _ in range(60) for when in (When.BEFORE, When.AFTER)])
        while True:
            try:
                httpx.request("POST", f"{host.url}/api/runs/family", json={"way": "ends"}, headers=key, timeout=30)
                break
            except httpx.TransportError:
                time.sleep(0.05)
        (summary,) = get(host.url, "runs?orchestration=family")["runs"]
        run = finish(host.url, summary["instance_id"])
        assert (run["output"], run["usage"]) == ({"text": ENDED}, FOUR)
        assert len(host.plan.left()) < 100
    finally:
        host.close()
