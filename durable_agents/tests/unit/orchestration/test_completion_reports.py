"""The report at the end of a run, turn by turn."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import azure.durable_functions as df
import pytest
from pydantic import BaseModel

from durable_agents import OrchestrationContext, Steps
from durable_agents.orchestration.completion_reports import DELIVERY_PAUSES, WEBHOOK_FIELD
from durable_agents.orchestration.registry import Orchestration
from durable_agents.runs.status import FINGERPRINT_FIELD

URL = "https://hooks.example.com/runs"


class Errand(BaseModel):
    fails: bool = False
    size: int = 1


def errand(context: df.DurableOrchestrationContext, *, get_agent: Any) -> Any:
    request = Errand.model_validate(context.get_input())
    yield context.call_activity("walk", None)
    if request.fails:
        raise ValueError("it rained\nin the second line")
    return {"bought": "x" * request.size}


@pytest.fixture
def walk(start: Callable[..., Any]) -> Callable[..., Any]:
    """Return `walk(**input)`: a run that has come to its end, where it may report."""

    def begin(**run_input: Any) -> Any:
        run = start(Orchestration(errand, Errand), run_input)
        run.complete("walk", {})
        return run

    return begin


def test_without_a_webhook_a_run_ends_as_it_would_have(walk: Callable[..., Any]) -> None:
    run = walk()
    assert (run.state["isDone"], run.state["output"], run.open) == (True, {"bought": "x"}, {})
    assert "customStatus" not in run.state


def test_a_run_ends_when_its_report_is_delivered(walk: Callable[..., Any]) -> None:
    run = walk(**{WEBHOOK_FIELD: URL})
    told = run.waits_for("deliver_webhook")
    assert (told["url"], told["event"], told["status"]) == (URL, "run.completed", "Completed")
    assert (told["orchestration"], told["instance_id"], told["output"]) == ("errand", "run-1", {"bought": "x"})
    assert (run.state["isDone"], run.state["customStatus"]) == (False, {"stage": "reporting_end"})
    run.complete("deliver_webhook", {"http_status": 204})
    assert (run.state["isDone"], run.state["output"]) == (True, {"bought": "x"})


def test_a_failed_run_fails_as_it_would_have(walk: Callable[..., Any]) -> None:
    run = walk(fails=True, **{WEBHOOK_FIELD: URL})
    told = run.waits_for("deliver_webhook")
    assert (told["event"], told["status"], told["error"], told["output"]) == ("run.failed", "Failed", "it rained", None)
    run.complete("deliver_webhook", {"http_status": 204})
    assert run.state["error"].startswith("it rained")


@pytest.mark.parametrize("fails", [False, True])
def test_a_report_that_is_given_up_changes_nothing(walk: Callable[..., Any], fails: bool) -> None:
    run = walk(fails=fails, **{WEBHOOK_FIELD: URL})
    ids, pauses = set(), []
    while "deliver_webhook" in {leaf.get("functionName") for leaf in run.open.values()}:
        ids.add(run.waits_for("deliver_webhook")["delivery_id"])
        run.fail("deliver_webhook", attempts=1)
        began = run.now
        if run.timers():
            run.fire_timer()
            pauses.append(run.now - began)
    assert len(ids) == 1
    assert all(abs(pause - meant) < timedelta(seconds=1) for pause, meant in zip(pauses, DELIVERY_PAUSES, strict=True))
    assert run.state.get("output") == (None if fails else {"bought": "x"})
    assert ("error" in run.state) == fails


def test_a_large_output_is_left_out(walk: Callable[..., Any]) -> None:
    told = walk(size=70_000, **{WEBHOOK_FIELD: URL}).waits_for("deliver_webhook")
    assert (told["output"], told["output_omitted"]) == (None, True)


def shopping(context: df.DurableOrchestrationContext, *, get_agent: Any) -> Any:
    yield context.call_activity("walk", None)
    return {"bought": {"apples"}}


def test_an_output_that_is_no_json_fails_the_run_and_is_reported_so(start: Callable[..., Any]) -> None:
    run = start(Orchestration(shopping, Errand), {WEBHOOK_FIELD: URL})
    run.complete("walk", {})
    told = run.waits_for("deliver_webhook")
    assert (told["status"], told["error"]) == ("Failed", "Object of type set is not JSON serializable")
    run.complete("deliver_webhook", {"http_status": 204})
    assert "not JSON serializable" in run.state["error"]


class Round(BaseModel):
    number: int


def rounds(context: OrchestrationContext, request: Round) -> Steps[int]:
    if request.number < 2:
        yield from context.continue_as_new(Round(number=request.number + 1))
    return request.number


def test_a_run_that_begins_anew_reports_its_end_alone(start: Callable[..., Any]) -> None:
    run_input: Any = {"number": 1, WEBHOOK_FIELD: URL, FINGERPRINT_FIELD: "f" * 64}
    run = start(Orchestration(rounds), run_input)
    (action,) = run.state["actions"][0]
    anew = json.loads(action["input"])
    assert (anew, "customStatus" in run.state) == ({**run_input, "number": 2}, False)
    run = start(Orchestration(rounds), anew)
    assert run.waits_for("deliver_webhook")["output"] == 2
