"""The process that runs the app can die under the Functions host, which starts another one."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from devhost.testing.functions_host import FunctionsHostProcess
from durable_agents.testing.chat_server import Answer, ChatCompletionsServer
from durable_agents.tests.wire.faults import Silence

RUNS_APP = Path(__file__).parents[1] / "apps" / "runs"
EMAIL = {"email": {"sender": "ada@example.com", "subject": "Order 7", "body": "Where is my order?"}}
VERDICT = {"is_spam": False, "confidence": 0.9, "reason": "an order"}
REPLY = {"subject": "Re: Order 7", "body": "On its way."}


@pytest.fixture(autouse=True)
def _has_a_worker(pytestconfig: pytest.Config) -> None:
    if pytestconfig.getoption("host") == "devhost":
        pytest.skip("devhost runs the app in its own process, which test_crashes.py kills")


async def test_a_turn_that_died_with_the_worker_is_taken_again(
    start_host: Any, api_of: Any, model: ChatCompletionsServer
) -> None:
    silence = Silence()
    model.script(silence, Answer(json.dumps(VERDICT)), Answer(json.dumps(REPLY)))
    host: FunctionsHostProcess = await asyncio.to_thread(start_host, **model.settings)
    instance_id = await asyncio.to_thread(api_of(host).start, "email_triage", EMAIL)
    await asyncio.wait_for(silence.arrived.wait(), 60)
    await asyncio.to_thread(host.kill_worker)
    output = await asyncio.to_thread(finish, api_of(host), instance_id)
    assert (output["outcome"], output["reply"]) == ("replied", REPLY)
    assert [str(path) for path in host.outbox.iterdir()] == [output["receipt"]["location"]]


def test_an_activity_that_died_with_the_worker_is_tried_again(start_host: Any, api_of: Any) -> None:
    host: FunctionsHostProcess = start_host(RUNS_APP)
    api = api_of(host)
    instance_id = api.start("delivery", {"way": "takes its time", "number": 1})
    deadline = time.monotonic() + 60
    while not (host.outbox / "loaded-1").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    host.kill_worker()
    assert finish(api, instance_id) == {"text": "loaded"}
    assert (host.outbox / "loaded-1").read_text() == "loaded\n" * 2


def finish(api: Any, instance_id: str) -> Any:
    """Return the output of a run when it is completed; who asks while the worker dies is answered with an empty 500."""
    deadline = time.monotonic() + 150
    while True:
        answer = api.http.get(f"/api/runs/{instance_id}", timeout=90)
        if answer.status_code == 200 and answer.json()["runtime_status"] != "Running":
            break
        assert (answer.status_code, answer.content) == (500, b"") or answer.status_code == 200
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.5)
    assert answer.json()["runtime_status"] == "Completed", answer.text
    return answer.json()["output"]
