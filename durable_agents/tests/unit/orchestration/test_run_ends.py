"""Runs that end are counted, each once however often it is replayed."""

from contextlib import nullcontext
from typing import Any

import azure.durable_functions as df
import pytest
from pydantic import BaseModel

from durable_agents.orchestration.registry import Orchestration
from durable_agents.testing import replay, replay_history
from durable_agents.tests.support.recorded_telemetry import recorded_telemetry


class Errand(BaseModel):
    fails: bool = False


def errand(context: df.DurableOrchestrationContext, *, get_agent: Any) -> Any:
    yield context.call_activity("walk", None)
    if Errand.model_validate(context.get_input()).fails:
        raise ValueError("it rained")
    return "home"


@pytest.mark.parametrize(("fails", "state"), [(False, "Completed"), (True, "Failed")])
def test_an_end_is_counted_once(fails: bool, state: str) -> None:
    recorded = recorded_telemetry()
    recorded.empty()
    run = replay(Orchestration(errand, Errand), {"fails": fails})
    assert recorded.metrics() == {}
    run.complete("walk", None)
    assert recorded.metrics()["durable_agents.runs.ended"] == [({"orchestration": "errand", "state": state}, 1)]
    with pytest.raises(AssertionError, match="it rained") if fails else nullcontext():
        replay_history(Orchestration(errand, Errand), run.history)
    assert recorded.metrics() == {}
