"""Orchestrations, played turn by turn."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from agent_framework import Workflow

from durable_agents.orchestration.registry import Orchestration
from durable_agents.testing import Replay, replay


@pytest.fixture
def start() -> Callable[..., Replay]:
    """Return `start(orchestration, input, *workflows)`, which has run the first turn; `at` is the time of the start."""

    def start(
        orchestration: Orchestration, run_input: dict[str, Any], *workflows: Workflow, at: datetime | None = None
    ) -> Replay:
        return replay(orchestration, run_input, workflows=workflows, at=at)

    return start
