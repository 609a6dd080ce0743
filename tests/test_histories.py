"""Runs in flight go on with the code of today: each history in histories/, which a host recorded, is played along it.

durable_agents/docs/versioning.md says how to record one, and what to do when one of these turns red.
"""

import json
from pathlib import Path

import pytest

from durable_agents.testing import replay_history
from function_app import app

_ENDED = 1


@pytest.mark.parametrize("path", sorted(Path(__file__).parent.glob("histories/*.json")), ids=lambda path: path.stem)
def test_a_recorded_run_goes_on(path: Path) -> None:
    history = json.loads(path.read_text(encoding="utf-8"))
    name = next(event["Name"] for event in history if event["EventType"] == 0)
    orchestration = app.orchestrations.find(name)
    assert orchestration is not None, f"The app has no orchestration {name!r}, which may have runs in flight."
    has_ended = any(event["EventType"] == _ENDED for event in history)
    assert replay_history(orchestration, history)["isDone"] == has_ended
