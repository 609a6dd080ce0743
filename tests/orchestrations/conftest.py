"""Orchestrations, played turn by turn with the agents that they ask."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from agents.email_assistant import create_email_assistant
from agents.researcher import create_researcher
from agents.spam_detector import create_spam_detector
from agents.writer import create_writer
from durable_agents.chat_clients.factory import create_chat_client
from durable_agents.orchestration.registry import Orchestration
from durable_agents.settings.model import OfflineSettings
from durable_agents.testing import Replay, replay


@pytest.fixture
def start() -> Callable[..., Replay]:
    """Return `start(orchestration, input)`, which has run the first turn; `at` is the time of the start."""

    def start(orchestration: Orchestration, run_input: dict[str, Any], at: datetime | None = None) -> Replay:
        client = create_chat_client(OfflineSettings())
        creators = (create_writer, create_spam_detector, create_email_assistant, create_researcher)
        return replay(orchestration, run_input, agents=[create(client) for create in creators], at=at)

    return start
