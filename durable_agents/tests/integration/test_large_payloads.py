"""Payloads that are too large for a history travel by reference, and nobody who uses the app sees that."""

import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from devhost.testing.host_process import DevhostProcess, HostProcess
from devhost.testing.kills.kill_plan import Kill, Point, When
from devhost.testing.kills.supervised_host import LostAnswerError, SupervisedHost
from devhost.testing.plugin import NewHost
from durable_agents.testing import Api

APP = Path(__file__).parents[1] / "apps" / "payloads"
MANAGEMENT = "/runtime/webhooks/durabletask/instances"
MEGABYTE = 1_000_000
LONG = "y" * MEGABYTE
CASES: list[tuple[str, Any, Any]] = [
    ("echo", {"text": LONG}, {"text": LONG, "rounds": 0}),
    ("by_call", {"characters": MEGABYTE}, {"text": "x" * MEGABYTE, "rounds": 0}),
    ("by_child", {"text": LONG}, [{"text": LONG, "rounds": 0}] * 2),
    ("by_rounds", {"text": LONG, "rounds": 2}, {"text": LONG, "rounds": 0}),
    ("by_words", {"text": LONG}, [LONG]),
    ("words", [LONG], [LONG]),
]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, new_host: NewHost) -> Iterator[HostProcess]:
    """The app of the payloads, for all tests of this file."""
    with new_host(tmp_path_factory.mktemp("payloads"), app_root=APP) as process:
        yield process


def whole_history(http: httpx.Client, instance_id: str) -> str:
    """Return all that the task hub has of an instance, as text."""
    answer = http.get(f"{MANAGEMENT}/{instance_id}", params={"showHistory": "true", "showHistoryOutput": "true"})
    return answer.text


def start(http: httpx.Client, orchestration: str, body: Any, **headers: str) -> str:
    """Start a run with any JSON."""
    answer = http.post(f"/api/runs/{orchestration}", json=body, headers=headers)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["instance_id"])


def finish(api: Api, instance_id: str) -> Any:
    """Return the output of a run, any JSON."""
    return api.finish(instance_id)


def payloads_of(host: HostProcess, instance_id: str) -> list[Path]:
    """Return the files of the payloads of a run."""
    return sorted((host.state / "payloads" / instance_id).glob("*"))


@pytest.mark.sample
@pytest.mark.parametrize(("orchestration", "body", "output"), CASES, ids=[case[0] for case in CASES])
def test_the_history_is_small_and_everybody_sees_the_values(
    orchestration: str, body: Any, output: Any, host: HostProcess, api: Api
) -> None:
    instance_id = start(api.http, orchestration, body)
    assert finish(api, instance_id) == output
    run = api.run(instance_id)
    expected = body if isinstance(body, list) else {"rounds": 0, **body} if "text" in body else body
    if orchestration != "by_rounds":
        assert run["input"] == expected
    assert len(whole_history(api.http, instance_id)) < 10_000
    assert payloads_of(host, instance_id)


@pytest.mark.sample
def test_the_steps_of_the_history_show_the_values(host: HostProcess, api: Api) -> None:
    instance_id = start(api.http, "by_call", {"characters": MEGABYTE})
    finish(api, instance_id)
    steps = api.http.get(f"/api/runs/{instance_id}/history", params={"outputs": 1}).json()["steps"]
    assert [step["output_truncated"] for step in steps] == [True, False]
    assert steps[0]["output"].startswith('{"text": "xxx')
    assert steps[1]["output"] == {"characters": MEGABYTE}


@pytest.mark.sample
def test_an_orchestration_of_the_sdk_gets_values_and_no_references(api: Api) -> None:
    instance_id = start(api.http, "of_the_sdk", 100_000)
    assert finish(api, instance_id) == [100_000] * 3


@pytest.mark.sample
def test_a_start_is_recognised_and_a_run_restarted_although_its_input_is_elsewhere(api: Api) -> None:
    for orchestration, body, other in (
        ("echo", {"text": LONG}, {"text": "x" + LONG}),
        ("words", [LONG], [LONG, ""]),
        ("by_rounds", {"text": LONG, "rounds": 1}, {"text": LONG}),
    ):
        key = {"Idempotency-Key": "again"}
        instance_id = start(api.http, orchestration, body, **key)
        assert start(api.http, orchestration, body, **key) == instance_id
        assert api.http.post(f"/api/runs/{orchestration}", json=other, headers=key).status_code == 422
        output = finish(api, instance_id)
        assert start(api.http, orchestration, body, **key) == instance_id
        restarted = api.http.post(f"/api/runs/{instance_id}/restart").json()["instance_id"]
        assert finish(api, restarted) == output
        assert api.http.delete(f"/api/runs/{instance_id}").status_code == 204
        assert api.run(restarted)["output"] == output


@pytest.mark.sample
def test_a_run_that_is_deleted_takes_its_payloads_along_and_no_others(host: HostProcess, api: Api) -> None:
    parent = start(api.http, "by_child", {"text": LONG})
    output = finish(api, parent)
    children = [
        run["instance_id"] for run in api.http.get("/api/runs", params={"orchestration": "echo"}).json()["runs"]
    ]
    for child in children:
        assert api.http.delete(f"/api/runs/{child}").status_code == 204
    assert api.run(parent)["output"] == output
    steps = api.http.get(f"/api/runs/{parent}/history", params={"outputs": 1}).json()["steps"]
    assert all("yyy" in step["output"] for step in steps)
    assert payloads_of(host, parent)
    assert api.http.delete(f"/api/runs/{parent}").status_code == 204
    assert payloads_of(host, parent) == []
    rounds = api.http.get("/api/runs", params={"orchestration": "by_rounds"}).json()["runs"]
    shown = [api.run(run["instance_id"]) for run in rounds]
    assert [len(run["input"]["text"]) for run in shown] == [MEGABYTE] * len(shown)


def reference_of(http: httpx.Client, instance_id: str) -> dict[str, Any]:
    """Return the reference in the place of a run's output, as the task hub has it and callers never see it."""
    output: dict[str, Any] = http.get(f"{MANAGEMENT}/{instance_id}").json()["output"]
    assert output.keys() == {"$payload"}
    return output


@pytest.mark.sample
@pytest.mark.parametrize("change", [{"sha256": "0" * 64}, {"run": "another"}, {"seal": ""}, {"seal": "0" * 64}, None])
def test_what_looks_like_a_reference_is_data(change: dict[str, str] | None, api: Api) -> None:
    owner = start(api.http, "echo", {"text": "secret" + LONG})
    finish(api, owner)
    genuine = reference_of(api.http, owner)["$payload"]
    forged = {"$payload": {**genuine, **change} if change else {"run": owner, "sha256": genuine["sha256"]}}
    refused = api.http.post("/api/runs/echo", json=forged)
    assert (refused.status_code, "secret" in refused.text) == (400, False)
    assert finish(api, start(api.http, "of_the_sdk", 1)) == [1, 1, 1]
    waits = start(api.http, "until_told", {"text": ""})
    api.wait(waits, lambda run: run["waiting_for"] is not None)
    # Not even a genuine one is read where callers write.
    for event in (forged, {"$payload": genuine}):
        assert api.http.post(f"/api/runs/{waits}/events/Go", json=event).status_code == 202
        assert finish(api, waits) == [0, event]
        waits = start(api.http, "until_told", {"text": ""})
        api.wait(waits, lambda run: run["waiting_for"] is not None)


@pytest.mark.sample
@pytest.mark.parametrize(("damage", "word"), [("missing", "missing"), ("altered", "not what was written")])
def test_a_payload_that_is_gone_or_altered_fails_what_needs_it(
    damage: str, word: str, tmp_path: Path, new_host: NewHost
) -> None:
    with new_host(tmp_path, app_root=APP) as host:
        with host.client() as http:
            api = Api(http)
            ended, waits = start(http, "echo", {"text": LONG}), start(http, "until_told", {"text": LONG})
            finish(api, ended)
            api.wait(waits, lambda run: run["waiting_for"] is not None)
        host.restart()  # what the process has read it remembers
        for file in [*payloads_of(host, ended), *payloads_of(host, waits)]:
            file.unlink() if damage == "missing" else file.write_text('{"text": "other"}')
        with host.client() as http:
            http.post(f"/api/runs/{waits}/events/Go", json=1)
            deadline = time.monotonic() + 30
            while (status := http.get(f"{MANAGEMENT}/{waits}").json())["runtimeStatus"] == "Running":
                assert time.monotonic() < deadline
            assert status["runtimeStatus"] == "Failed"
            for run in (ended, waits):
                answer = http.get(f"/api/runs/{run}")
                assert (answer.status_code, answer.json()["type"]) == (500, "urn:problem:payload-missing")
                assert word in answer.json()["detail"]
                assert http.delete(f"/api/runs/{run}").status_code == 204


@pytest.mark.kills
@pytest.mark.timeout(120)
def test_a_run_goes_on_with_its_payloads_after_a_kill(tmp_path: Path) -> None:
    with DevhostProcess(tmp_path, APP) as host:
        with host.client() as http:
            instance_id = start(http, "until_told", {"text": LONG})
            Api(http).wait(instance_id, lambda run: run["waiting_for"] is not None)
        host.restart()
        with host.client() as http:
            assert http.post(f"/api/runs/{instance_id}/events/Go", json="on").status_code == 202
            assert finish(Api(http), instance_id) == [MEGABYTE, "on"]
        assert (host.outbox / "written.lines").read_text() == "line\n"


@pytest.mark.kills
@pytest.mark.timeout(300)
@pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")
@pytest.mark.parametrize(("orchestration", "body", "output"), CASES[:4], ids=[case[0] for case in CASES[:4]])
def test_a_kill_at_each_commit_loses_no_payload(orchestration: str, body: Any, output: Any, tmp_path: Path) -> None:
    folders = {"OUTBOX_DIR": str(tmp_path / "outbox"), "STATE_DIR": str(tmp_path / "state")}
    host = SupervisedHost(tmp_path, APP, ("--import", "durable_agents"), environment=folders)
    try:
        host.plan.arm([Kill(when, Point.COMMIT) for _ in range(100) for when in (When.BEFORE, When.AFTER)])
        run: dict[str, Any] = {}
        deadline = time.monotonic() + 240
        while run.get("runtime_status") != "Completed":
            assert time.monotonic() < deadline, run
            with suppress(LostAnswerError, httpx.TransportError):
                if not run:
                    key = {"Idempotency-Key": "once"}
                    run = httpx.post(f"{host.url}/api/runs/{orchestration}", json=body, headers=key, timeout=30).json()
                run = host.send("GET", f"/api/runs/{run['instance_id']}").json()
            assert run.get("runtime_status") in (None, "Pending", "Running", "Completed"), run
        assert run["output"] == output
        assert len(host.plan.left()) <= 196
    finally:
        host.close()


@pytest.mark.sample
def test_a_body_may_be_large_where_it_can_be_kept_and_not_without_end(api: Api) -> None:
    for orchestration, body in (("echo", {"text": "x" * 5_000_000}), ("of_the_sdk", "x" * 300_000)):
        answer = api.http.post(f"/api/runs/{orchestration}", json=body)
        assert (answer.status_code, answer.json()["type"]) == (413, "urn:problem:body-too-large")
