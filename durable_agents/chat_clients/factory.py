"""Create the chat client that the settings ask for.

Each provider's packages are imported where they are used, so that a cold start pays only for the provider in use.
"""

import logging
from typing import TYPE_CHECKING, Any

from agent_framework import SupportsChatGetResponse

from durable_agents.chat_clients.whole_answer import WholeAnswers
from durable_agents.settings.model import (
    AzureOpenAISettings,
    FoundrySettings,
    ModelSettings,
    OfflineSettings,
    OpenAISettings,
)

if TYPE_CHECKING:
    from agent_framework.openai import OpenAIChatCompletionClient

logger = logging.getLogger(__name__)


def create_chat_client(settings: ModelSettings) -> SupportsChatGetResponse[Any]:
    """Return the chat client for one provider; every agent of the app shares it.

    Nothing is sent and no token is fetched here, so a wrong key or endpoint shows at the first run of an agent. The log
    says which provider it is.
    """
    if isinstance(settings, OfflineSettings):
        logger.warning(
            "OFFLINE MODEL: no model is configured, so rules answer instead of one. "
            "Set OPENAI_API_KEY, AZURE_OPENAI_ENDPOINT or FOUNDRY_PROJECT_ENDPOINT for a real model."
        )
    else:
        logger.info("Model provider: %s", settings.provider)
    match settings:
        case AzureOpenAISettings():
            return _create_azure_openai(settings)
        case FoundrySettings():
            return _create_foundry(settings)
        case OpenAISettings():
            return _create_openai(settings)
        case OfflineSettings():
            return _create_offline(settings)


def _create_azure_openai(settings: AzureOpenAISettings) -> SupportsChatGetResponse[Any]:
    from agent_framework.openai import OpenAIChatCompletionClient

    # Chat completions rather than responses: the session's entity keeps the history, so the service need not.
    if settings.api_key is not None:
        client = OpenAIChatCompletionClient(
            settings.deployment_name,
            azure_endpoint=settings.endpoint,
            api_version=settings.api_version,
            api_key=settings.api_key,
            middleware=[WholeAnswers()],
        )
        return _read_any_answer(client)
    from azure.identity.aio import DefaultAzureCredential

    client = OpenAIChatCompletionClient(
        settings.deployment_name,
        azure_endpoint=settings.endpoint,
        api_version=settings.api_version,
        credential=DefaultAzureCredential(managed_identity_client_id=settings.managed_identity_client_id),
        middleware=[WholeAnswers()],
    )
    return _read_any_answer(client)


def _create_foundry(settings: FoundrySettings) -> SupportsChatGetResponse[Any]:
    from agent_framework.foundry import FoundryChatClient
    from azure.identity.aio import DefaultAzureCredential

    return FoundryChatClient(
        project_endpoint=settings.project_endpoint,
        model=settings.model,
        credential=DefaultAzureCredential(managed_identity_client_id=settings.managed_identity_client_id),
        middleware=[WholeAnswers()],
    )


def _create_openai(settings: OpenAISettings) -> SupportsChatGetResponse[Any]:
    from agent_framework.openai import OpenAIChatCompletionClient

    client = OpenAIChatCompletionClient(
        settings.model, api_key=settings.api_key, base_url=settings.base_url, middleware=[WholeAnswers()]
    )
    return _read_any_answer(client)


def _read_any_answer(client: "OpenAIChatCompletionClient[Any]") -> SupportsChatGetResponse[Any]:
    """Have the client read the answers of servers that do not stream."""
    from durable_agents.chat_clients.answer_stream import AnswerStreamClient

    client.client = client.client.with_options(http_client=AnswerStreamClient())
    return client


def _create_offline(settings: OfflineSettings) -> SupportsChatGetResponse[Any]:
    from durable_agents.chat_clients.offline.client import OfflineChatClient

    return OfflineChatClient(latency_seconds=settings.latency_seconds)
