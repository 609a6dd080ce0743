"""The life of runs over HTTP: waiting for the end, history, events, and every change of a run's state."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from devhost.testing.host_process import HostProcess
from devhost.testing.plugin import NewHost

APP = Path(__file__).parents[1] / "apps" / "runs"
OPERATIONS = [("POST", f"/{name}") for name in ("cancel", "suspend", "resume", "rewind", "restart")] + [("DELETE", "")]


@pytest.fixture(scope="module")
def runs_host(tmp_path_factory: pytest.TempPathFactory, new_host: NewHost) -> Iterator[HostProcess]:
    """One host of the app whose runs fail, wait and retry."""
    with new_host(tmp_path_factory.mktemp("runs"), APP) as process:
        yield process
        process.stop()


@pytest.fixture
def http(runs_host: HostProcess) -> Iterator[httpx.Client]:
    with runs_host.client() as client:
        yield client


def start(http: httpx.Client, way: str, number: int = 0, wait: int = 10, status: int = 200) -> dict[str, Any]:
    """Start a run that goes this way and return the answer."""
    response = http.post(f"/api/runs/delivery?wait={wait}", json={"way": way, "number": number})
    assert response.status_code == status, response.text
    answer: dict[str, Any] = response.json()
    return answer


def start_waiting(http: httpx.Client, way: str = "waits", number: int = 0) -> str:
    """Start a run and return its URL when it waits for its event."""
    url = f"/api/runs/{start(http, way, number, wait=0, status=202)['instance_id']}"
    deadline = time.monotonic() + 10
    while http.get(url).json()["stage"] != "packing":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return url


def steps(http: httpx.Client, url: str, query: str = "") -> list[dict[str, Any]]:
    response = http.get(f"{url}/history{query}")
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["steps"]
    return found


@pytest.mark.sample
def test_a_caller_that_waits_gets_the_run(http: httpx.Client) -> None:
    run = start(http, "ends", 7)
    assert (run["runtime_status"], run["output"], run["failed_step"]) == ("Completed", {"number": 7}, None)
    assert http.get(run["links"]["self"]).json() == run
    assert set(run["links"]) == {"self", "history", "restart", "delete"}


def test_a_caller_waits_no_longer_than_it_said(http: httpx.Client) -> None:
    began = time.monotonic()
    answer = start(http, "waits", wait=1, status=202)
    assert 0.9 < time.monotonic() - began < 5
    assert answer["status"] == "accepted"


@pytest.mark.parametrize("wait", ["-1", "231", "1.5", "soon"])
def test_an_impossible_wait_starts_nothing(http: httpx.Client, wait: str) -> None:
    before = len(http.get("/api/runs?limit=200").json()["runs"])
    response = http.post(f"/api/runs/delivery?wait={wait}", json={})
    assert (response.status_code, response.json()["errors"][0]["field"]) == (400, "wait")
    assert len(http.get("/api/runs?limit=200").json()["runs"]) == before


def test_a_wait_without_a_value_is_none(http: httpx.Client) -> None:
    # The Functions host hands over no query parameter that is empty.
    assert http.post("/api/runs/delivery?wait=", json={"way": "waits"}).status_code == 202


@pytest.mark.sample
def test_a_failed_run_names_the_step_and_shows_no_stack(http: httpx.Client) -> None:
    run = start(http, "fails", 1)
    assert run["runtime_status"] == "Failed"
    error = run["failed_step"].pop("error")
    # The extension wrote two blanks until 3.19.0.
    assert error.replace("  ", " ") == "Activity function 'ship' failed: ValueError: no carrier for order 1"
    assert run["failed_step"] == {"name": "ship", "kind": "activity", "attempts": 1}
    assert "Traceback" not in str(run)
    assert "function_app.py" not in str(run)
    assert start(http, "retries and fails", 2)["failed_step"]["attempts"] == 3
    assert start(http, "has a child", 3)["failed_step"]["kind"] == "child"


def test_a_run_whose_own_code_failed_says_so(http: httpx.Client) -> None:
    failed = start(http, "breaks")["failed_step"]
    assert (failed["name"], failed["kind"]) == ("delivery", "orchestration")
    assert failed["error"].endswith("the order makes no sense")


@pytest.mark.sample
def test_the_history_counts_attempts_and_hides_outputs_unless_asked(http: httpx.Client) -> None:
    url = start(http, "retries", 10)["links"]["self"]
    (step,) = steps(http, url)
    assert (step["name"], step["kind"], step["status"], step["attempts"]) == ("weigh", "activity", "completed", 3)
    assert step["scheduled_at"] < step["ended_at"]
    assert step["duration_seconds"] >= 0.1
    assert not {"input", "output"} & step.keys()
    (step,) = steps(http, url, "?outputs=1")
    assert (step["output"], step["output_truncated"]) == ({"text": "weighed"}, False)


def test_a_long_output_is_trimmed(http: httpx.Client) -> None:
    (step,) = steps(http, start(http, "large", 11)["links"]["self"], "?outputs=1")
    assert (len(step["output"]), step["output_truncated"]) == (2_000, True)


@pytest.mark.sample
def test_an_event_reaches_the_run_that_waits_for_it_once(http: httpx.Client) -> None:
    url = start_waiting(http)
    run = http.get(url).json()
    assert run["links"]["event"].endswith(f"{url}/events/Packed")
    other = http.post(f"{url}/events/packed", json={})
    assert (other.status_code, other.json()["type"]) == (409, "urn:problem:event-not-awaited")
    assert other.json()["waiting_for"] == {"kind": "packer", "event_name": "Packed"}
    for content in (b"{", b"NaN", b"[1e400]", b'"\\ud800"', b"\xff"):
        assert http.post(f"{url}/events/Packed", content=content).status_code == 400, content
    accepted = http.post(f"{url}/events/Packed", json={"boxes": 2})
    assert (accepted.status_code, accepted.headers["Location"]) == (202, run["links"]["self"])
    deadline = time.monotonic() + 10
    while http.get(url).json()["runtime_status"] == "Running":
        assert time.monotonic() < deadline
    assert http.get(url).json()["output"] == {"packed": '{"boxes": 2}'}
    over = http.post(f"{url}/events/Packed", json={"boxes": 2})
    assert (over.status_code, over.json()["runtime_status"]) == (409, "Completed")
    assert [(step["kind"], step["name"], step["status"]) for step in steps(http, url)] == [
        ("timer", "", "canceled"),
        ("event", "Packed", "received"),
    ]


def test_an_event_may_have_no_body(http: httpx.Client) -> None:
    url = start_waiting(http)
    assert http.post(f"{url}/events/Packed").status_code == 202


@pytest.mark.parametrize("name", ["a%2Fb", "a%20b", "x%3Fop", "%23", "x" * 129, "%C3%A9"])
def test_a_crafted_event_name_is_refused(http: httpx.Client, name: str) -> None:
    response = http.post(f"{start_waiting(http)}/events/{name}", json={})
    assert (response.status_code, response.json()["type"]) == (400, "urn:problem:invalid-event-name")


@pytest.mark.sample
def test_a_run_is_cancelled_with_a_reason_and_a_repeat_is_no_mistake(http: httpx.Client) -> None:
    url = start_waiting(http)
    for _ in range(2):
        response = http.post(f"{url}/cancel", json={"reason": "sold out & <closed>"})
        run = response.json()
        assert (response.status_code, run["runtime_status"], run["error"]) == (200, "Terminated", "sold out & <closed>")
    assert [step["name"] for step in steps(http, url)] == ["", "terminated"]


@pytest.mark.sample
def test_a_suspended_run_starts_nothing_until_it_is_resumed(http: httpx.Client, runs_host: HostProcess) -> None:
    url = start_waiting(http, "waits and weighs", 30)
    for _ in range(2):
        response = http.post(f"{url}/suspend", json={"reason": '{"number": 7}'})
        assert (response.status_code, response.json()["runtime_status"]) == (200, "Suspended")
    assert {"resume", "cancel"} <= response.json()["links"].keys()
    assert http.post(f"{url}/events/Packed", json={}).status_code == 202
    time.sleep(1)
    held = http.get(url).json()
    # Azure Storage calls the reason of a suspension an output.
    assert (held["runtime_status"], held["output"], held["error"]) == ("Suspended", None, None)
    assert not (runs_host.outbox / "weighed-30").exists()
    resumed = http.post(f"{url}/resume")
    assert (resumed.status_code, resumed.json()["runtime_status"] in ("Running", "Completed")) == (200, True)
    deadline = time.monotonic() + 10
    while http.get(url).json()["runtime_status"] != "Completed":
        assert time.monotonic() < deadline


@pytest.mark.sample
def test_a_failed_run_is_rewound_and_repeats_only_what_failed(http: httpx.Client, runs_host: HostProcess) -> None:
    url = start(http, "fails", 20)["links"]["self"]
    (runs_host.outbox / "fixed").touch()
    try:
        assert http.post(f"{url}/rewind", json={"reason": "a carrier was found"}).status_code == 200
        deadline = time.monotonic() + 10
        while http.get(url).json()["runtime_status"] != "Completed":
            assert time.monotonic() < deadline
    finally:
        (runs_host.outbox / "fixed").unlink()
    assert len((runs_host.outbox / "shipped-20").read_text().splitlines()) == 2


def test_a_restart_is_a_new_run_with_the_same_input(http: httpx.Client) -> None:
    old = start(http, "ends", 30)
    again = http.post(f"{old['links']['restart']}")
    assert again.status_code == 202
    assert again.json()["instance_id"] != old["instance_id"]
    assert http.get(again.json()["links"]["self"]).json()["input"] == old["input"]


def test_a_restart_under_a_key_is_one_run(http: httpx.Client) -> None:
    restart = start(http, "ends", 31)["links"]["restart"]
    ids = {http.post(restart, headers={"Idempotency-Key": "k"}).json()["instance_id"] for _ in range(3)}
    assert len(ids) == 1
    assert http.post(restart, headers={"Idempotency-Key": "two words"}).status_code == 400


@pytest.mark.sample
def test_a_deleted_run_is_gone_with_its_history_and_its_key_is_free(http: httpx.Client) -> None:
    headers = {"Idempotency-Key": "deleted"}
    first = http.post("/api/runs/delivery?wait=10", json={"number": 1}, headers=headers).json()
    assert http.delete(first["links"]["delete"]).status_code == 204
    assert [http.request(verb, first["links"]["self"]).status_code for verb in ("GET", "DELETE")] == [404, 404]
    assert http.get(first["links"]["history"]).status_code == 404
    again = http.post("/api/runs/delivery?wait=10", json={"number": 2}, headers=headers).json()
    assert (again["instance_id"], again["output"]) == (first["instance_id"], {"number": 2})


@pytest.mark.sample
def test_what_is_not_possible_now_is_409_with_the_state(http: httpx.Client) -> None:
    waiting, over = start_waiting(http), start(http, "ends")["links"]["self"]
    refused = [("POST", f"{waiting}/rewind"), ("POST", f"{waiting}/restart"), ("DELETE", waiting)]
    refused += [("POST", f"{over}/{name}") for name in ("cancel", "suspend", "resume", "rewind")]
    for method, url in refused:
        response = http.request(method, url)
        assert (response.status_code, response.headers["Content-Type"]) == (409, "application/problem+json"), url
        assert response.json()["runtime_status"] == ("Running" if waiting in url else "Completed")


@pytest.mark.parametrize(
    "instance_id", ["nobody", "@dafx-writer@s1", "x%3Fop%3Dreset%26", "%2e%2e%2f", "a%01b", "x" * 300]
)
def test_an_unknown_run_is_404_for_every_operation(http: httpx.Client, instance_id: str) -> None:
    for method, path in [*OPERATIONS, ("GET", "/history"), ("POST", "/events/Packed")]:
        response = http.request(method, f"/api/runs/{instance_id}{path}")
        assert (response.status_code, response.json()["type"]) == (404, "urn:problem:unknown-run"), path


def test_a_run_of_an_orchestration_that_the_app_does_not_have_is_there_but_nothing_can_be_done_with_it(
    http: httpx.Client,
) -> None:
    """It may be one of before a renaming, so that nobody is told it does not exist."""
    assert http.post("/runtime/webhooks/durabletask/orchestrators/foreign/theirs").status_code == 202
    for method, path in [*OPERATIONS, ("GET", ""), ("GET", "/history"), ("POST", "/events/Never")]:
        answer = http.request(method, f"/api/runs/theirs{path}")
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:problem:orchestration-missing"), path
        assert "'theirs' is there, but it is one of 'foreign'" in answer.json()["detail"]
        assert "input" not in answer.json()
    listed = [run["instance_id"] for run in http.get("/api/runs?limit=200").json()["runs"]]
    assert "theirs" not in listed


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"reason": 7}', b'{"reason": ""}', b'{"why": "x"}', b"\xff"])
@pytest.mark.parametrize("operation", ["cancel", "suspend", "resume"])
def test_a_bad_reason_changes_nothing(http: httpx.Client, body: bytes, operation: str) -> None:
    url = start_waiting(http)
    response = http.post(f"{url}/{operation}", content=body)
    assert (response.status_code, response.headers["Content-Type"]) == (400, "application/problem+json")
    assert http.get(url).json()["runtime_status"] == "Running"


@pytest.mark.sample
def test_runs_are_listed_page_by_page_each_once(http: httpx.Client) -> None:
    wanted = {start(http, "ends", 100 + number)["instance_id"] for number in range(7)}
    found, query = [], "/api/runs?limit=3"
    page = http.get(query).json()
    while True:
        assert len(page["runs"]) <= 3
        found += [run["instance_id"] for run in page["runs"]]
        if page["next_page_token"] is None:
            break
        page = http.get(f"{query}&page_token={page['next_page_token']}").json()
    assert wanted <= set(found)
    assert len(found) == len(set(found))


@pytest.mark.sample
def test_runs_are_found_by_orchestration_status_and_time(http: httpx.Client) -> None:
    failed, ended = start(http, "breaks"), start(http, "ends")
    parcel = http.post("/api/runs/parcel?wait=10", json={"number": 40}).json()

    def found(query: str) -> set[str]:
        response = http.get(f"/api/runs?limit=200&{query}")
        assert response.status_code == 200, response.text
        return {run["instance_id"] for run in response.json()["runs"]}

    assert failed["instance_id"] in found("status=failed")
    assert ended["instance_id"] not in found("status=failed")
    assert {failed["instance_id"], ended["instance_id"]} <= found("status=Failed,completed&orchestration=Delivery")
    assert parcel["instance_id"] in found("orchestration=parcel")
    assert ended["instance_id"] not in found("orchestration=parcel")
    assert ended["instance_id"] in found("created_from=2026-01-01T00:00:00%2B02:00")
    assert found("created_to=2020-01-01") == set()
    (listed,) = [
        run
        for run in http.get("/api/runs?status=failed&limit=200").json()["runs"]
        if run["instance_id"] == failed["instance_id"]
    ]
    assert not {"input", "output"} & listed.keys()
    assert listed["links"]["self"] == failed["links"]["self"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=x", "limit"),
        ("status=Busy", "status"),
        ("orchestration=nobody", "orchestration"),
        ("created_from=yesterday", "created_from"),
        ("created_to=0001-01-01T00:00:00%2B10:00", "created_to"),
        ("page_token=x", "page_token"),
        ("page_token=WyJhIiwgImIiXQ==", "page_token"),
    ],
)
def test_a_bad_query_is_refused_by_name(http: httpx.Client, query: str, field: str) -> None:
    response = http.get(f"/api/runs?{query}")
    assert (response.status_code, response.json()["errors"][0]["field"]) == (400, field)


@pytest.mark.sample
def test_a_page_token_belongs_to_its_filters(http: httpx.Client) -> None:
    for _ in range(2):
        start(http, "ends")
    token = http.get("/api/runs?limit=1&orchestration=delivery").json()["next_page_token"]
    assert http.get(f"/api/runs?limit=2&orchestration=delivery&page_token={token}").status_code == 200
    assert http.get(f"/api/runs?limit=1&page_token={token}").status_code == 400


@pytest.mark.sample
def test_200_starts_at_once_with_20_keys_are_20_runs(http: httpx.Client) -> None:
    def start_under(number: int) -> str:
        headers = {"Idempotency-Key": f"burst-{number % 20}"}
        response = http.post("/api/runs/delivery", json={"number": number % 20}, headers=headers)
        assert response.status_code == 202, response.text
        return str(response.json()["instance_id"])

    with ThreadPoolExecutor(50) as pool:
        started = list(pool.map(start_under, range(200)))
    assert len(set(started)) == 20
    other = http.post("/api/runs/delivery", json={"number": 99}, headers={"Idempotency-Key": "burst-0"})
    assert (other.status_code, other.json()["type"]) == (422, "urn:problem:idempotency-key-reused")


@pytest.mark.parametrize("outputs", ["2", "yes", "-1"])
def test_a_bad_value_of_outputs_is_refused(http: httpx.Client, outputs: str) -> None:
    response = http.get(f"{start(http, 'ends')['links']['history']}?outputs={outputs}")
    assert (response.status_code, response.json()["errors"][0]["field"]) == (400, "outputs")


def wait_until_swept(http: httpx.Client, url: str) -> None:
    deadline = time.monotonic() + 20
    while http.get(url).status_code != 404:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.kills
def test_an_old_run_is_swept_and_a_live_one_stays(start_host: Any, tmp_path: Path) -> None:
    second = str(1 / 86_400)
    host = start_host(APP, RUN_RETENTION_DAYS=second, RUN_SWEEP_SCHEDULE="* * * * * *")
    with host.client() as http:
        waiting, over = start_waiting(http), start(http, "ends")["links"]["self"]
        http.post("/runtime/webhooks/durabletask/orchestrators/foreign/theirs")
        http.post("/runtime/webhooks/durabletask/instances/theirs/terminate?reason=x")
        wait_until_swept(http, over)
        host.restart()
        wait_until_swept(http, start(http, "ends")["links"]["self"])
        assert http.get(waiting).json()["runtime_status"] == "Running"
        foreign = http.get("/runtime/webhooks/durabletask/instances/theirs")
        assert foreign.json()["runtimeStatus"] == "Terminated"
    assert "runs that ended before" in host.output()


def test_a_run_is_kept_from_its_end_on_and_not_from_its_beginning(start_host: Any) -> None:
    seconds = 4
    host = start_host(APP, RUN_RETENTION_DAYS=str(seconds / 86_400), RUN_SWEEP_SCHEDULE="* * * * * *")
    with host.client() as http:
        url = start_waiting(http)
        time.sleep(seconds + 1)
        assert http.post(f"{url}/cancel").json()["runtime_status"] == "Terminated"
        time.sleep(1.5)
        assert http.get(url).status_code == 200
        wait_until_swept(http, url)
