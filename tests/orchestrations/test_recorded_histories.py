"""Runs in flight go on with the code of today: histories that a host recorded, each of a run that had not ended."""

import json
from pathlib import Path

import pytest

from durable_agents import Orchestration
from durable_agents.testing import replay_history
from orchestrations.content_approval import content_approval
from orchestrations.email_triage import email_triage

ORCHESTRATIONS = {function.__name__: Orchestration(function) for function in (content_approval, email_triage)}
HISTORIES = Path(__file__).parents[1] / "histories"


@pytest.mark.parametrize("path", sorted(HISTORIES.glob("*.json")), ids=lambda path: path.stem)
def test_a_recorded_run_goes_on(path: Path) -> None:
    history = json.loads(path.read_text(encoding="utf-8"))
    (name,) = [event["Name"] for event in history if event["EventType"] == 0]
    assert not replay_history(ORCHESTRATIONS[name], history)["isDone"]
