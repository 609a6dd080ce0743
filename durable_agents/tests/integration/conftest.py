"""A model that answers as a test scripts it."""

from collections.abc import AsyncIterator

import pytest

from durable_agents.testing.chat_server import ChatCompletionsServer


@pytest.fixture
async def model() -> AsyncIterator[ChatCompletionsServer]:
    """A model that answers as the test scripts it, and must be asked for all of it: `start_host(**model.settings)`."""
    async with ChatCompletionsServer() as server:
        yield server
        assert server.unused_steps == 0
