"""Pickles, envelopes of classes and names of modules, over every route that takes a body: none does anything."""

import base64
import itertools
import json
import os
import pickle
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

WEBHOOK = "/runtime/webhooks/durabletask"
# Where the SDK's client asks, which is no route of the documentation but open to the same callers.
RPC = "/runtime/rpc/durabletask"
JSON = {"Content-Type": "application/json"}
COMMENT = {"author": "Ada", "text": "See www.example.com"}
EMAIL = {"sender": "ada@example.com", "subject": "Order 7", "body": "Where is my order?"}
INPUTS: dict[str, dict[str, Any]] = {
    "dafx-comment_moderation": COMMENT,
    "dafx-email_routing": EMAIL,
    "email_triage": {"email": EMAIL, "spam_threshold": 0.5},
    "content_approval": {"topic": "Tea", "approval_timeout_hours": 1, "max_revisions": 0},
}
AGENTS = ["Writer", "ShopAssistant", "comment_moderation-SpamDetector"]
OPERATIONS: dict[str, dict[str, Any]] = {
    "run": {"message": "Tea", "correlationId": "r-1", "response_format": None, "options": {}, "budget": {}},
    "decide": {"request_id": "r-1", "approved": True},
    "continue": {},
    "reset": {},
    "expire": {},
    "delete": {},
}
# A module that the host could import, and that makes the folder when it is imported.
NOT_LOADED = "with_effect"


class Deed:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.makedirs, (str(self._folder), 0o777, True)


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    """The folder that a payload makes when it does something."""
    return tmp_path / "done"


@pytest.fixture
def hostile(traces: Path) -> list[dict[str, Any]]:
    """What could do something where it is read without care."""
    pickled = {"__pickled__": base64.b64encode(pickle.dumps(Deed(traces))).decode(), "__type__": "builtins:NoneType"}
    return [
        pickled,
        {"__subworkflow_input__": pickled, "__subworkflow_address__": {"root_instance_id": "x"}},
        {"$type": "os:makedirs", "value": str(traces)},
        {"__class__": "Message", "__module__": "agent_framework._types", "__data__": "{}"},
        {"__class__": "X", "__module__": NOT_LOADED, "__data__": 1},
        {"__response_schema_type__": "pydantic_model", "module": NOT_LOADED, "qualname": "X"},
    ]


@pytest.fixture
def http(start_host: Callable[..., Any], tmp_path: Path, traces: Path) -> Iterator[httpx.Client]:
    code = f"import os\nos.makedirs({str(traces)!r})\n"
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / f"{NOT_LOADED}.py").write_text(code, encoding="utf-8")
    with start_host(AGENT_WAIT_SECONDS="1", PYTHONPATH=str(tmp_path / "modules")).client() as client:
        yield client


def variants(body: dict[str, Any], value: dict[str, Any]) -> Iterator[Any]:
    """Yield the value itself, the body with its members, and the body with it in the place of each field."""
    yield value
    yield {**body, **value}
    for depth, name in enumerate(body):
        yield {**body, name: [{"deep": value}] if depth % 2 else value}


def send_twice(http: httpx.Client, path: str, body: Any, **query: str) -> None:
    """Send it as the webhook is used, and as the SDK does: JSON in JSON text."""
    send(http, path, json.dumps(body), **query)
    send(http, path, body, **query)


def send(http: httpx.Client, path: str, body: Any, **query: str) -> httpx.Response:
    answer = http.post(path, content=json.dumps(body), headers=JSON, params=query)
    assert answer.status_code < 500, (path, body, answer.text)
    return answer


def wait_until_idle(http: httpx.Client) -> None:
    """Wait until every run is over or waits for a human."""
    deadline = time.monotonic() + 40
    while True:
        live = http.get(f"{WEBHOOK}/instances", params={"runtimeStatus": "Pending,Running", "top": 1000}).json()
        if all("waiting_for" in (one["customStatus"] or {}) for one in live):
            return
        assert time.monotonic() < deadline, live
        time.sleep(0.05)


def when(http: httpx.Client, instance_id: str, field: str) -> dict[str, Any]:
    """Return the run as soon as it has something in this field."""
    deadline = time.monotonic() + 20
    while True:
        run: dict[str, Any] = http.get(f"/api/runs/{instance_id}").json()
        if run.get(field):
            return run
        assert time.monotonic() < deadline, run
        time.sleep(0.02)


def waiting(http: httpx.Client, orchestration: str) -> dict[str, Any]:
    """Start a run that waits for a human, and return it when it does."""
    started = http.post(f"{WEBHOOK}/orchestrators/{orchestration}", json=INPUTS[orchestration]).json()
    return when(http, started["id"], "waiting_for")


def test_as_the_input_of_a_run(http: httpx.Client, hostile: list[dict[str, Any]], traces: Path) -> None:
    roots = itertools.cycle([WEBHOOK, RPC])
    for (name, body), value in itertools.product(INPUTS.items(), hostile):
        for sent in variants(body, value):
            send_twice(http, f"{next(roots)}/orchestrators/{name}", sent)
            send(http, f"/api/runs/{name}", sent)
            if name.startswith("dafx-"):
                send(http, f"/api/workflow/{name.removeprefix('dafx-')}/run", sent)
    wait_until_idle(http)
    assert not traces.exists()
    assert http.get("/api/health").status_code == 200


def without_notes(waits: dict[str, Any]) -> dict[str, Any]:
    """Return what a run waits for, without what it says of answers that were none."""
    plain = {name: value for name, value in waits.items() if name not in ("note", "requests")}
    return {**plain, "requests": [without_notes(one) for one in waits.get("requests", [])]}


def test_as_the_answer_that_a_run_waits_for(http: httpx.Client, hostile: list[dict[str, Any]], traces: Path) -> None:
    workflow, approval = waiting(http, "dafx-comment_moderation"), waiting(http, "content_approval")
    moderation, draft = workflow["instance_id"], approval["instance_id"]
    request_id, event = workflow["waiting_for"]["requests"][0]["request_id"], approval["waiting_for"]["event_name"]
    answer = {"approved": True, "moderator": "mary", "note": "x"}
    decision = {key: approval["waiting_for"][key] for key in ("request_id", "content_hash")} | {"approved": True}
    no_answer = [value for value in hostile if "module" not in value]
    for value in no_answer:
        for root in (WEBHOOK, RPC):
            for sent in (value, [value], {**answer, "approved": value}, {**answer, "approved": [{"deep": value}]}):
                send_twice(http, f"{root}/instances/{moderation}/raiseEvent/{request_id}", sent)
            for sent in (value, [value], {**decision, "approved": value}, {**decision, "content_hash": value}):
                send_twice(http, f"{root}/instances/{draft}/raiseEvent/{event}", sent)
        for sent in variants(answer, value):
            if "approved" not in sent or sent["approved"] is not True:
                send(http, f"/api/workflow/comment_moderation/respond/{moderation}/{request_id}", sent)
                send(http, f"/api/runs/{draft}/events/{event}", sent)
                send(http, f"/api/approval/{draft}", sent)
    for run in (workflow, approval):
        now = http.get(f"/api/runs/{run['instance_id']}").json()
        assert now["runtime_status"] == "Running"
        assert without_notes(now["waiting_for"]) == without_notes(run["waiting_for"])
    done = http.post(f"/api/workflow/comment_moderation/respond/{moderation}/{request_id}", json=answer)
    assert (done.status_code, http.post(f"/api/approval/{draft}", json=decision).status_code) == (200, 200)
    (moderated,) = when(http, moderation, "output")["output"]
    assert (moderated["outcome"], when(http, draft, "output")["output"]["outcome"]) == ("published", "published")
    assert not traces.exists()


def test_as_a_message_to_a_session(http: httpx.Client, hostile: list[dict[str, Any]], traces: Path) -> None:
    roots = itertools.cycle([WEBHOOK, RPC])
    for agent, (operation, body), value in itertools.product(AGENTS, OPERATIONS.items(), hostile):
        for sent in variants(body, value):
            send_twice(http, f"{next(roots)}/entities/dafx-{agent}/s1", sent, op=operation)
    for value in hostile:
        for sent in variants({"message": "Tea", "session_id": "s2", "response_format": "Draft"}, value):
            send(http, "/api/agents/Writer/run", sent)
    assert http.post("/api/agents/Writer/run", json={"message": "Tea", "session_id": "s1"}).status_code == 200
    assert not traces.exists()


def test_as_the_arguments_of_a_tool(http: httpx.Client, hostile: list[dict[str, Any]], traces: Path) -> None:
    for value in hostile:
        for arguments in variants({"query": "Tea", "message": "Tea", "session_id": "s3"}, value):
            call = {"name": "Writer", "arguments": arguments}
            body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
            assert (
                http.post("/runtime/webhooks/mcp", json=body, headers={"Accept": "application/json"}).status_code < 500
            )
    assert not traces.exists()
