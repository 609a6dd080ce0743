"""The answers of what the app depends on: how long they are kept, and what is said of a failure."""

from collections.abc import AsyncIterator
from typing import Any

import azure.durable_functions as df
import pytest
from agent_framework import SupportsChatGetResponse
from azure.durable_functions.models.utils.http_utils import _close_session

from devhost.protocol.client_binding import ClientBinding
from durable_agents.chat_clients.offline.client import OfflineChatClient
from durable_agents.http.review_links import NoLinkKeyError
from durable_agents.routes.health_checks import Dependencies


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds


def _sign() -> None:
    """Say that links can be signed."""


@pytest.fixture
async def client() -> AsyncIterator[df.DurableOrchestrationClient]:
    """A client of a task hub that is not there."""
    yield df.DurableOrchestrationClient(ClientBinding("http://127.0.0.1:1", "http://127.0.0.1:1", "x", "x").dump())
    await _close_session()


async def test_a_task_hub_that_is_not_there_is_told_without_its_address(client: df.DurableOrchestrationClient) -> None:
    checks = await Dependencies(OfflineChatClient, _sign).check(client)
    assert checks.failed == ["task_hub"]
    assert checks.task_hub.error == "The task hub does not answer."
    assert (checks.model.status, checks.model.error) == ("ok", None)


async def test_an_answer_is_kept_for_half_a_minute_and_the_chat_client_for_good(
    client: df.DurableOrchestrationClient,
) -> None:
    created: list[OfflineChatClient] = []
    clock = Clock()

    def create() -> SupportsChatGetResponse[Any]:
        created.append(OfflineChatClient())
        return created[-1]

    dependencies = Dependencies(create, _sign, clock.now)
    first = await dependencies.check(client)
    clock.seconds = 30
    assert await dependencies.check(client) is first
    clock.seconds = 31
    assert await dependencies.check(client) is not first
    assert len(created) == 1


async def test_a_chat_client_that_cannot_be_created_is_a_model_that_does_not_answer(
    client: df.DurableOrchestrationClient,
) -> None:
    def create() -> SupportsChatGetResponse[Any]:
        raise RuntimeError("no credential, secret")

    checks = await Dependencies(create, _sign).check(client)
    assert checks.model.status == "failed"
    assert "secret" not in str(checks.model.error)


async def test_links_without_a_key_are_told_and_the_rest_is_well(client: df.DurableOrchestrationClient) -> None:
    def sign() -> None:
        raise NoLinkKeyError(["APPROVAL_LINK_KEY"])

    checks = await Dependencies(OfflineChatClient, sign).check(client)
    assert checks.failed == ["task_hub", "approval_links"]
    assert checks.approval_links.error == "There is no key to sign the links of reviewers with."
