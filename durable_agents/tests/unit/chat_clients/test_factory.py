"""Each provider's settings give its client, without a request, and load that provider's packages only."""

import subprocess
import sys
from typing import Any

import pytest
from agent_framework import Agent, FunctionInvocationLayer, Message, SupportsChatGetResponse, tool
from agent_framework.foundry import FoundryChatClient
from agent_framework.openai import OpenAIChatCompletionClient
from openai import AsyncAzureOpenAI

from durable_agents.chat_clients.factory import create_chat_client
from durable_agents.chat_clients.offline.client import OfflineChatClient
from durable_agents.settings.groups import (
    AzureOpenAISettings,
    FoundrySettings,
    ModelSettings,
    OfflineSettings,
    OpenAISettings,
)

ENDPOINT = "https://resource.openai.azure.com"
PROJECT = "https://resource.services.ai.azure.com/api/projects/project"


async def test_azure_openai_with_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    # The framework reads it.
    monkeypatch.setenv("AZURE_OPENAI_API_VERSION", "2024-10-21")
    settings = AzureOpenAISettings(ENDPOINT, "chat", api_key="k")
    client = _completion_client(create_chat_client(settings))
    assert isinstance(client.client, AsyncAzureOpenAI)
    assert client.client.api_key == "k"
    assert str(client.client.base_url).startswith(ENDPOINT)
    assert (client.model, client.api_version) == ("chat", "2024-10-21")


async def test_azure_openai_with_an_identity() -> None:
    settings = AzureOpenAISettings(ENDPOINT, "chat")
    client = _completion_client(create_chat_client(settings))
    assert isinstance(client.client, AsyncAzureOpenAI)
    assert client.model == "chat"


async def test_foundry() -> None:
    client = create_chat_client(FoundrySettings(PROJECT, "chat"))
    assert isinstance(client, FoundryChatClient)
    assert client.model == "chat"


async def test_an_openai_compatible_endpoint() -> None:
    settings = OpenAISettings("k", "chat", "http://localhost:11434/v1")
    client = _completion_client(create_chat_client(settings))
    assert not isinstance(client.client, AsyncAzureOpenAI)
    assert str(client.client.base_url) == "http://localhost:11434/v1/"
    assert client.client.api_key == "k"


def test_offline() -> None:
    client = create_chat_client(OfflineSettings(latency_seconds=2.5))
    assert isinstance(client, OfflineChatClient)
    assert client.latency_seconds == 2.5


@pytest.mark.parametrize(
    "settings",
    [
        AzureOpenAISettings(ENDPOINT, "chat", api_key="k"),
        AzureOpenAISettings(ENDPOINT, "chat"),
        FoundrySettings(PROJECT, "chat"),
        OpenAISettings("k", "chat"),
    ],
)
async def test_an_agent_may_have_a_model_of_its_own(settings: ModelSettings) -> None:
    for client, model in (
        (create_chat_client(settings), "chat"),
        (create_chat_client(settings, model="small", temperature=0), "small"),
    ):
        assert isinstance(client, OpenAIChatCompletionClient | FoundryChatClient)
        assert client.model == model


async def test_the_offline_model_is_always_the_same() -> None:
    variants: list[dict[str, Any]] = [{}, {"model": "small", "temperature": 2}]
    answers = [await Agent(create_chat_client(OfflineSettings(), **given), "Help.").run("Tea?") for given in variants]
    assert answers[0].text == answers[1].text


@pytest.mark.parametrize(
    ("given", "problem"), [({"model": " "}, "is empty"), ({"temperature": 2.1}, "2.1"), ({"temperature": -1}, "-1")]
)
@pytest.mark.parametrize("settings", [OpenAISettings("k", "chat"), OfflineSettings()])
def test_what_cannot_be_meant_is_refused(settings: ModelSettings, given: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        create_chat_client(settings, **given)


@pytest.mark.parametrize("settings", [OpenAISettings("k", "chat"), FoundrySettings(PROJECT, "chat"), OfflineSettings()])
def test_one_client_calls_tools_and_one_does_not(settings: ModelSettings) -> None:
    for calls_tools in (False, True):
        client = create_chat_client(settings, calls_tools=calls_tools)
        assert isinstance(client, FunctionInvocationLayer)
        assert client.function_invocation_configuration.get("enabled", True) is calls_tools


async def test_a_client_that_calls_no_tools_answers_with_the_calls() -> None:
    def weigh(apples: int) -> str:
        raise AssertionError("the client does not call it")

    client = create_chat_client(OfflineSettings(), calls_tools=False)
    answer = await client.get_response([Message("user", ["Weigh 3 apples"])], options={"tools": [tool(weigh)]})
    (call,) = answer.messages[0].contents
    assert (call.type, call.name, call.arguments) == ("function_call", "weigh", '{"apples": 3}')


def test_the_offline_client_loads_no_provider() -> None:
    program = """
import sys
from durable_agents.chat_clients.factory import create_chat_client
from durable_agents import HostingSettings
create_chat_client(HostingSettings.from_environ({}).model)
print(sorted({"openai", "azure.identity", "agent_framework_foundry"} & set(sys.modules)))
"""
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert finished.stdout == "[]\n"


def _completion_client(client: SupportsChatGetResponse[Any]) -> OpenAIChatCompletionClient[Any]:
    assert isinstance(client, OpenAIChatCompletionClient)
    return client
