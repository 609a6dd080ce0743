"""Create the chat client that the settings ask for.

Each provider's packages are imported where they are used, so that a cold start pays only for the provider in use.
"""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from agent_framework import ChatMiddleware, FunctionInvocationLayer, SupportsChatGetResponse

from durable_agents.chat_clients.temperature import DefaultTemperature
from durable_agents.chat_clients.whole_answer import WholeAnswers
from durable_agents.settings.groups import (
    AzureOpenAISettings,
    FoundrySettings,
    ModelSettings,
    OfflineSettings,
    OpenAISettings,
)

if TYPE_CHECKING:
    from agent_framework.openai import OpenAIChatCompletionClient

logger = logging.getLogger(__name__)


def create_chat_client(
    settings: ModelSettings, *, model: str | None = None, temperature: float | None = None, calls_tools: bool = True
) -> SupportsChatGetResponse[Any]:
    """Return a chat client for the provider of these settings; agents may share it.

    An agent that needs another `model` (on Azure the name of a deployment) or `temperature` gets a client of its own. A
    run that states its temperature has that one. The offline model is always the same. One that is not to call tools
    answers with the calls that the model asks for: for a loop of the app's own, which no agent may share.

    Nothing is sent and no token is fetched here, so a wrong key, endpoint or model shows at the first run of an agent.
    The log says which provider and model it is.

    Raises:
        ValueError: The name of the model is empty, or the temperature is not between 0 and 2.
    """
    if model is not None and not model.strip():
        raise ValueError("The name of the model is empty. Leave it out for the one that the settings name.")
    if temperature is not None and not 0 <= temperature <= 2:
        raise ValueError(f"The temperature is {temperature}. Expected a number from 0 to 2.")
    middleware: list[ChatMiddleware] = [WholeAnswers()]
    if temperature is not None:
        middleware.append(DefaultTemperature(temperature))
    client = _create(settings, model, middleware)
    if not calls_tools:
        assert isinstance(client, FunctionInvocationLayer)
        client.function_invocation_configuration["enabled"] = False
    return client


def _create(
    settings: ModelSettings, model: str | None, middleware: Sequence[ChatMiddleware]
) -> SupportsChatGetResponse[Any]:
    match settings:
        case AzureOpenAISettings():
            return _create_azure_openai(settings, model or settings.deployment_name, middleware)
        case FoundrySettings():
            return _create_foundry(settings, model or settings.model, middleware)
        case OpenAISettings():
            return _create_openai(settings, model or settings.model, middleware)
        case OfflineSettings():
            return _create_offline(settings)


def _create_azure_openai(
    settings: AzureOpenAISettings, model: str, middleware: Sequence[ChatMiddleware]
) -> SupportsChatGetResponse[Any]:
    from agent_framework.openai import OpenAIChatCompletionClient

    _log_model(settings, model)
    # Chat completions rather than responses: the session's entity keeps the history, so the service need not.
    if settings.api_key is not None:
        client = OpenAIChatCompletionClient(
            model, azure_endpoint=settings.endpoint, api_key=settings.api_key, middleware=middleware
        )
        return _read_any_answer(client)
    from azure.identity.aio import DefaultAzureCredential

    client = OpenAIChatCompletionClient(
        model, azure_endpoint=settings.endpoint, credential=DefaultAzureCredential(), middleware=middleware
    )
    return _read_any_answer(client)


def _create_foundry(
    settings: FoundrySettings, model: str, middleware: Sequence[ChatMiddleware]
) -> SupportsChatGetResponse[Any]:
    from agent_framework.foundry import FoundryChatClient
    from azure.identity.aio import DefaultAzureCredential

    _log_model(settings, model)
    return FoundryChatClient(
        project_endpoint=settings.project_endpoint,
        model=model,
        credential=DefaultAzureCredential(),
        middleware=middleware,
    )


def _create_openai(
    settings: OpenAISettings, model: str, middleware: Sequence[ChatMiddleware]
) -> SupportsChatGetResponse[Any]:
    from agent_framework.openai import OpenAIChatCompletionClient

    _log_model(settings, model)
    client = OpenAIChatCompletionClient(
        model, api_key=settings.api_key, base_url=settings.base_url, middleware=middleware
    )
    return _read_any_answer(client)


def _log_model(settings: ModelSettings, model: str) -> None:
    logger.info("Model provider: %s, model: %s", settings.provider, model)


def _read_any_answer(client: "OpenAIChatCompletionClient[Any]") -> SupportsChatGetResponse[Any]:
    """Have the client read the answers of servers that do not stream."""
    from durable_agents.chat_clients.answer_stream import AnswerStreamClient

    client.client = client.client.with_options(http_client=AnswerStreamClient())
    return client


def _create_offline(settings: OfflineSettings) -> SupportsChatGetResponse[Any]:
    from durable_agents.chat_clients.offline.client import OfflineChatClient

    logger.warning(
        "OFFLINE MODEL: no model is configured, so rules answer instead of one. "
        "Set OPENAI_API_KEY, AZURE_OPENAI_ENDPOINT or FOUNDRY_PROJECT_ENDPOINT for a real model."
    )
    return OfflineChatClient(latency_seconds=settings.latency_seconds)
