"""The report of a run's end to a webhook, over kills of the host and failures of the receiver."""

import base64
import hashlib
import hmac
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from durable_agents.tests.support.webhook_receiver import Call, WebhookReceiver

APP = Path(__file__).parents[1] / "apps" / "runs"
KEY = b"0123456789abcdef0123456789abcdef"
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"


def settings(receiver: WebhookReceiver) -> dict[str, str]:
    return {"COMPLETION_WEBHOOK_URLS": receiver.url, "COMPLETION_WEBHOOK_SECRET": SECRET}


def start(http: httpx.Client, way: str, webhook: str, wait: int = 0, key: str | None = None) -> httpx.Response:
    params = {"webhook": webhook, "wait": str(wait)}
    headers = {} if key is None else {"Idempotency-Key": key}
    return http.post("/api/runs/delivery", params=params, json={"way": way}, headers=headers)


def has_valid_signature(call: Call) -> bool:
    """Verify the call as a receiver does, by the specification and not by the code of the app."""
    content = f"{call.headers['webhook-id']}.{call.headers['webhook-timestamp']}.".encode() + call.body
    signature = base64.b64encode(hmac.new(KEY, content, hashlib.sha256).digest()).decode()
    is_recent = abs(time.time() - int(call.headers["webhook-timestamp"])) < 60
    return is_recent and call.headers["webhook-signature"] == f"v1,{signature}"


def ended(http: httpx.Client, instance_id: str) -> dict[str, Any]:
    """Return the run when it is over."""
    deadline = time.monotonic() + 20
    while (run := http.get(f"/api/runs/{instance_id}").json())["runtime_status"] in ("Pending", "Running"):
        assert time.monotonic() < deadline, run
        time.sleep(0.02)
    return dict(run)


def test_a_completed_and_a_failed_run_are_told_once(start_host: Any) -> None:
    with WebhookReceiver(204) as receiver, start_host(APP, **settings(receiver)).client() as http:
        completed = start(http, "ends", f"{receiver.url}a", wait=10).json()
        failed = start(http, "fails", f"{receiver.url}b?c=d", wait=10).json()
        assert [call.path for call in receiver.calls] == ["/runs/a", "/runs/b?c=d"]
        assert all(has_valid_signature(call) for call in receiver.calls)
        first, second = (call.json for call in receiver.calls)
        assert (first["event"], first["instance_id"]) == ("run.completed", completed["instance_id"])
        assert (first["status"], first["output"], first["error"]) == ("Completed", {"number": 0}, None)
        assert (second["event"], second["orchestration"]) == ("run.failed", "delivery")
        # The extension wrote two blanks until 3.19.0.
        error = second["error"].replace("  ", " ")
        assert error == "Activity function 'ship' failed: ValueError: no carrier for order 0"
        assert [call.headers["webhook-id"] for call in receiver.calls] == [first["delivery_id"], second["delivery_id"]]
        # The run is what it would have been, and shows its input without what the template has added.
        assert (completed["runtime_status"], completed["output"]) == ("Completed", {"number": 0})
        assert (failed["runtime_status"], failed["failed_step"]["name"]) == ("Failed", "ship")
        assert set(completed["input"]) == {"way", "number"}
        # Its history has told the failure to the webhook, so it cannot be as if it had not been.
        assert "rewind" not in failed["links"]
        assert http.post(f"/api/runs/{failed['instance_id']}/rewind").status_code == 409


def test_without_a_webhook_the_history_is_as_ever(start_host: Any) -> None:
    with WebhookReceiver(204) as receiver, start_host(APP, **settings(receiver)).client() as http:
        run = http.post("/api/runs/delivery?wait=10", json={"way": "ends"}).json()
        assert http.get(run["links"]["history"]).json()["steps"] == []
        assert receiver.calls == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "{url}../admin", "{url}%2e%2e/x", "{host}@evil.example/"])
def test_a_url_that_is_not_allowed_starts_nothing(start_host: Any, url: str) -> None:
    with WebhookReceiver(204) as receiver, start_host(APP, **settings(receiver)).client() as http:
        response = start(http, "ends", url.format(url=receiver.url, host=receiver.url.removesuffix("/runs/")))
        assert (response.status_code, response.json()["errors"][0]["field"]) == (400, "webhook")
        assert http.get("/api/runs").json()["runs"] == []


@pytest.mark.kills
def test_a_webhook_that_fails_is_told_again_under_the_same_id_also_after_a_kill(start_host: Any) -> None:
    with WebhookReceiver(503, 204) as receiver:
        host = start_host(APP, **settings(receiver))
        with host.client() as http:
            instance_id = start(http, "ends", receiver.url).json()["instance_id"]
            receiver.wait_for(1)
            run = http.get(f"/api/runs/{instance_id}").json()
            assert (run["runtime_status"], run["stage"]) == ("Running", "reporting_end")
            host.restart()
            receiver.wait_for(2)
            assert ended(http, instance_id)["output"] == {"number": 0}
        first, second = receiver.calls
        assert first.body == second.body
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert has_valid_signature(second)


@pytest.mark.kills
def test_kills_at_any_moment_lose_no_report(start_host: Any) -> None:
    with WebhookReceiver(204) as receiver:
        host = start_host(APP, **settings(receiver))
        started = []
        for number in range(4):
            with host.client() as http:
                ways = ("ends", "retries", "fails", "breaks")
                started += [start(http, way, f"{receiver.url}{number}").json()["instance_id"] for way in ways]
            time.sleep(0.02 * number)
            host.restart()
        with host.client() as http:
            runs = [ended(http, instance_id) for instance_id in started]
        told = {call.json["instance_id"]: call.json["status"] for call in receiver.calls}
        assert told == {run["instance_id"]: run["runtime_status"] for run in runs}


def test_a_key_belongs_to_one_webhook(start_host: Any) -> None:
    with WebhookReceiver(204) as receiver, start_host(APP, **settings(receiver)).client() as http:
        first = start(http, "ends", f"{receiver.url}a", key="k").json()
        assert start(http, "ends", f"{receiver.url}a", key="k").json() == first
        assert start(http, "ends", f"{receiver.url}b", key="k").status_code == 422
        ended(http, first["instance_id"])
        assert len(receiver.calls) == 1


def test_a_restarted_run_tells_its_webhook_again(start_host: Any) -> None:
    with WebhookReceiver(204) as receiver, start_host(APP, **settings(receiver)).client() as http:
        first = start(http, "ends", receiver.url, wait=10).json()
        again = http.post(first["links"]["restart"]).json()["instance_id"]
        ended(http, again)
        assert [call.json["instance_id"] for call in receiver.calls] == [first["instance_id"], again]


def test_a_run_that_begins_anew_keeps_its_webhook_and_its_key(start_host: Any) -> None:
    with WebhookReceiver(204) as receiver, start_host(APP.with_name("steps"), **settings(receiver)).client() as http:
        sent = {"params": {"webhook": f"{receiver.url}a"}, "headers": {"Idempotency-Key": "rounds"}}
        instance_id = http.post("/api/runs/rounds", json={}, **sent).json()["instance_id"]
        deadline = time.monotonic() + 20
        for number in range(3):
            while (run := http.get(f"/api/runs/{instance_id}").json())["input"]["number"] < number or not run[
                "requests"
            ]:
                assert time.monotonic() < deadline, run
                time.sleep(0.02)
            again = http.post("/api/runs/rounds", json={}, **sent)
            assert (again.status_code, again.json()["instance_id"]) == (202, instance_id)
            assert receiver.calls == []
            assert http.post(f"/api/runs/{instance_id}/events/Go", json={"text": "go"}).status_code == 202
        assert ended(http, instance_id)["output"] == 3
        assert [call.json["output"] for call in receiver.calls] == [3]
