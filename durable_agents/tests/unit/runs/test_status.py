import json
from typing import Any

import pytest
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus

from durable_agents.http.requests import json_response
from durable_agents.runs.status import describe_run


def status(**fields: Any) -> DurableOrchestrationStatus:
    """Return the status the SDK makes of an answer of the management API."""
    answer = {
        "name": "content_approval",
        "instanceId": "r1",
        "runtimeStatus": "Running",
        "input": json.dumps({"topic": "tea", "request_fingerprint": "0" * 64, "started_by": "Editor/s1"}),
        "customStatus": {"stage": "waiting_for_approval", "waiting_for": {"kind": "approval"}},
        "output": None,
        "createdTime": "2026-01-01T09:00:00Z",
        "lastUpdatedTime": "2026-01-01T09:00:01Z",
    }
    made: DurableOrchestrationStatus = DurableOrchestrationStatus.from_json({**answer, **fields})
    return made


def test_a_running_run() -> None:
    assert json.loads(json_response(describe_run(status())).get_body()) == {
        "instance_id": "r1",
        "orchestration": "content_approval",
        "runtime_status": "Running",
        "stage": "waiting_for_approval",
        "waiting_for": {"kind": "approval"},
        "requests": [{"kind": "approval"}],
        "usage": None,
        "input": {"topic": "tea"},
        "output": None,
        "error": None,
        "created_at": "2026-01-01T09:00:00Z",
        "last_updated_at": "2026-01-01T09:00:01Z",
    }


def test_a_completed_run_waits_for_nothing() -> None:
    run = describe_run(status(runtimeStatus="Completed", output={"outcome": "published"}))
    assert (run.waiting_for, run.stage, run.output) == (None, None, {"outcome": "published"})


@pytest.mark.parametrize("blanks", [" ", "  "], ids=["extension 3.19.0", "extension 3.14.1"])
def test_a_failed_run_shows_the_reason_without_the_stack(blanks: str) -> None:
    reason = f"Orchestrator function 'x' failed: Activity function 'y' failed:{blanks}ValueError: boom"
    run = describe_run(status(runtimeStatus="Failed", output=f"{reason} \n {{stack trace}}"))
    assert run.error == reason
    assert run.output is None


@pytest.mark.parametrize("custom_status", [None, "text", ["list"], {}])
def test_a_custom_status_of_another_form_is_no_wait(custom_status: object) -> None:
    assert describe_run(status(customStatus=custom_status)).waiting_for is None


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        (None, None),
        ("no json", "no json"),
        ("[]", []),
        (7, 7),
        ('"text"', "text"),
        ('{"request_fingerprint": "f"}', {"request_fingerprint": "f"}),
    ],
)
def test_an_input_of_another_form_is_shown_as_it_is(stored: object, shown: object) -> None:
    assert describe_run(status(input=stored)).input == shown


def test_an_input_from_the_webhook_comes_as_an_object() -> None:
    assert describe_run(status(input={"topic": "tea"})).input == {"topic": "tea"}


def test_what_a_run_shows_of_itself_in_another_form_is_left_out() -> None:
    """Any orchestration writes its own custom status: a number for a stage must not keep the run from being shown."""
    run = describe_run(status(customStatus={"stage": 3, "waiting_for": "Ada"}))
    assert (run.stage, run.waiting_for) == (None, None)


def test_a_wait_of_an_orchestration_of_ones_own_is_shown_as_it_is() -> None:
    waiting = {"event_name": "paid", "due": {"\ud800": None}}
    shown = json_response(describe_run(status(customStatus={"stage": "unpaid", "waiting_for": waiting})))
    assert json.loads(shown.get_body())["waiting_for"] == waiting
