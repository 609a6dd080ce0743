"""The audit log of an app on a host: each decision is there once, whenever the host is killed, and outlives its run."""

import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from devhost.testing.kills.kill_plan import Kill, Point, When
from devhost.testing.kills.supervised_host import LostAnswerError, SupervisedHost
from durable_agents.audit import check_audit_log
from durable_agents.storage.audit_files import LocalAuditFiles
from durable_agents.storage.audit_log import read_log

RUNS = 6


@pytest.fixture
def killed_host(tmp_path: Any, app_root: Any) -> Iterator[SupervisedHost]:
    """The app on a host that is started again after each kill."""
    environment = {"OUTBOX_DIR": str(tmp_path / "outbox"), "STATE_DIR": str(tmp_path), "MODEL_PROVIDER": "offline"}
    host = SupervisedHost(tmp_path, app_root, ("--import", "durable_agents"), environment=environment)
    yield host
    host.close()


def ask(host: SupervisedHost, method: str, path: str, body: Any = None) -> Any:
    """Send a request until it is answered."""
    while True:
        try:
            return host.send(method, path, body)
        except LostAnswerError:
            continue


def wait(host: SupervisedHost, run_id: str, **fields: Any) -> dict[str, Any]:
    """Return a run once it has these fields."""
    deadline = time.monotonic() + 40
    while True:
        run: dict[str, Any] = ask(host, "GET", f"/api/runs/{run_id}").json()
        if fields.items() <= run.items():
            return run
        assert time.monotonic() < deadline, f"{run}\n{host.log()[-3000:]}"
        time.sleep(0.02)


@pytest.mark.kills
@pytest.mark.timeout(120)
@pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")
def test_each_decision_is_in_the_log_once_whenever_the_host_is_killed(killed_host: SupervisedHost) -> None:
    host, requests = killed_host, dict[str, str]()
    for number in range(RUNS):
        run_id = ask(host, "POST", "/api/runs/content_approval", {"topic": f"tea {number}"}).json()["instance_id"]
        requests[run_id] = wait(host, run_id, stage="waiting_for_approval")["waiting_for"]["request_id"]
    kills = [
        Kill(When.BEFORE, Point.TURN_EVENT),
        Kill(When.AFTER, Point.TURN_EVENT),
        Kill(When.BEFORE, Point.ACTIVITY_RESULT),
        Kill(When.AFTER, Point.ACTIVITY_RESULT),
        Kill(When.BEFORE, Point.TURN_ACTIVITY),
        Kill(When.BEFORE, Point.ACTIVITY_RESULT),
    ]
    host.plan.arm(kills)
    for run_id, request_id in requests.items():
        decision = {"approved": True, "request_id": request_id, "reviewer": "Ada"}
        assert ask(host, "POST", f"/api/approval/{run_id}", decision).status_code in (200, 202)
    for run_id in requests:
        assert wait(host, run_id, runtime_status="Completed")["output"]["outcome"] == "published"
    assert host.plan.left() == []

    files = LocalAuditFiles(host.database.parent / "audit")
    entries = [line.members for _, line in read_log(files)]
    assert Counter(entry["instance_id"] for entry in entries) == Counter(dict.fromkeys(requests, 1))
    assert {entry["request_id"]: entry["outcome"] for entry in entries} == dict.fromkeys(requests.values(), "settled")
    assert (check_audit_log(files).fault, check_audit_log(files).repeated) == (None, 0)


def of_run(folder: Any, run_id: str) -> list[dict[str, Any]]:
    """Return the entries of a run in the log below a folder, each with the answer to it."""
    lines = [line.members for _, line in read_log(LocalAuditFiles(folder / "audit"))]
    answers = {line["of"]: line["http_status"] for line in lines if line["kind"] == "operator_answer"}
    return [{**line, "answer": answers.get(line["id"])} for line in lines if line.get("instance_id") == run_id]


def test_what_operators_do_to_a_run_is_in_the_log_when_it_is_gone(start_host: Any, api_of: Any) -> None:
    host = start_host()
    api = api_of(host)
    run_id = api.start("content_approval", {"topic": "tea"})
    api.draft(run_id)
    for method, path in [("DELETE", ""), ("POST", "/cancel"), ("POST", "/restart"), ("DELETE", "")]:
        api.http.request(method, f"/api/runs/{run_id}{path}")
    api.http.delete("/api/agents/Writer/sessions/zoe@example.com")
    assert api.http.get(f"/api/runs/{run_id}").status_code == 404
    acts = of_run(host.state, run_id)
    assert [(entry["act"], entry["answer"]) for entry in acts] == [
        ("delete_run", 409),
        ("cancel_run", 200),
        ("restart_run", 202),
        ("delete_run", 204),
    ]
    assert {(entry["by"], entry["verified"], entry["with_operator_key"]) for entry in acts} == {(None, False, False)}
    text = "".join(path.read_text() for path in (host.state / "audit").glob("*.jsonl"))
    assert "delete_session" in text
    assert "zoe" not in text
    assert check_audit_log(LocalAuditFiles(host.state / "audit")).fault is None


def test_nothing_is_done_by_operators_while_the_log_cannot_be_written(start_host: Any, api_of: Any) -> None:
    host = start_host()
    api = api_of(host)
    run_id = api.start("content_approval", {"topic": "tea"})
    request_id = api.draft(run_id)["request_id"]
    (host.state / "audit").write_text("no folder")
    refused = api.http.post(f"/api/runs/{run_id}/cancel")
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:problem:audit-log-unavailable")
    assert api.run(run_id)["runtime_status"] == "Running"
    # A decision counts, and the run goes on once it is written.
    assert api.decide(run_id, request_id, approved=True).status_code == 200
    assert (api.run(run_id)["runtime_status"], api.run(run_id)["stage"]) == ("Running", "decided")
    (host.state / "audit").unlink()
    assert api.finish(run_id)["outcome"] == "published"
    (entry,) = of_run(host.state, run_id)
    assert (entry["outcome"], entry["request_id"]) == ("settled", request_id)
