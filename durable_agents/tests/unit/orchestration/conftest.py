"""Orchestrations, played turn by turn."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from agent_framework import Workflow

from durable_agents.chat_clients.offline import OfflineChatClient
from durable_agents.orchestration.registry import Orchestration
from durable_agents.testing import Replay, replay
from durable_agents.tests.app.agents import create_writer


@pytest.fixture
def start() -> Callable[..., Replay]:
    """Return `start(orchestration, input, *workflows)`, which has run the first turn; `at` is the time of the start."""

    def start(
        orchestration: Orchestration, run_input: dict[str, Any], *workflows: Workflow, at: datetime | None = None
    ) -> Replay:
        writer = create_writer(OfflineChatClient())
        return replay(orchestration, run_input, agents=[writer], workflows=workflows, at=at)

    return start
