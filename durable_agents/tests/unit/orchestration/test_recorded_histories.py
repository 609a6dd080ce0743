"""Runs in flight go on with the code of today: histories that a host recorded, each of a run that had not ended."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from durable_agents import Orchestration, OrchestrationContext, Steps
from durable_agents.orchestration.tool_approval import ToolApprovalInput, tool_approval
from durable_agents.testing import replay_history

HISTORY = Path(__file__).parents[2] / "histories" / "tool_approval_waits.json"


class Anything(BaseModel):
    """Whatever a run was started with."""


def test_a_recorded_run_goes_on() -> None:
    history = json.loads(HISTORY.read_text(encoding="utf-8"))
    assert not replay_history(Orchestration(tool_approval, ToolApprovalInput), history)["isDone"]


def test_an_orchestration_that_does_something_else_is_found() -> None:
    def other(context: OrchestrationContext, request: Anything) -> Steps[Any]:
        return (yield from context.ask("Writer", "Well?"))

    history = json.loads(HISTORY.read_text(encoding="utf-8"))
    with pytest.raises(AssertionError, match="The history has"):
        replay_history(Orchestration(other), history)
