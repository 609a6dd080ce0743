"""The plain client of the `openai` package, for the provider that the settings name.

Everything of a provider is imported where it is used, as in `factory`: `openai` alone takes a second.
"""

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from durable_agents.settings.groups import (
    AzureOpenAISettings,
    FoundrySettings,
    ModelSettings,
    OfflineSettings,
    OpenAISettings,
)

if TYPE_CHECKING:
    from openai import OpenAI

logger = logging.getLogger(__name__)

_AZURE_SCOPE = "https://cognitiveservices.azure.com/.default"


@dataclass(frozen=True, slots=True)
class OpenAIModel:
    """A client, and the `name` of the model to ask it for, which on Azure is that of a deployment."""

    client: "OpenAI"
    name: str


@functools.cache
def create_openai_client(
    settings: ModelSettings, *, timeout_seconds: float = 60.0, max_retries: int = 1
) -> OpenAIModel:
    """Return the client of the `openai` package for these settings, to use from any thread; the same for the same ones.

    It has chat completions. Azure OpenAI without a key, and Foundry, are reached with an Entra identity. Without a
    provider the offline model answers, in the protocol. Nothing is sent here. A call may take `timeout_seconds`, and is
    tried again `max_retries` times.
    """
    from openai import AzureOpenAI, DefaultHttpxClient, OpenAI

    match settings:
        case AzureOpenAISettings():
            client: OpenAI = AzureOpenAI(
                azure_endpoint=settings.endpoint,
                api_version="2024-10-21",
                api_key=settings.api_key,
                azure_ad_token_provider=None if settings.api_key else _entra_tokens(),
                timeout=timeout_seconds,
                max_retries=max_retries,
            )
            return _logged(settings, OpenAIModel(client, settings.deployment_name))
        case FoundrySettings():
            from azure.ai.projects import AIProjectClient
            from azure.identity import DefaultAzureCredential

            project = AIProjectClient(settings.project_endpoint, DefaultAzureCredential())
            client = project.get_openai_client(timeout=timeout_seconds, max_retries=max_retries)
            return _logged(settings, OpenAIModel(client, settings.model))
        case OpenAISettings():
            client = OpenAI(
                api_key=settings.api_key,
                base_url=settings.base_url,
                timeout=timeout_seconds,
                max_retries=max_retries,
            )
            return _logged(settings, OpenAIModel(client, settings.model))
        case OfflineSettings():
            from durable_agents.chat_clients.offline_transport import OfflineTransport

            http = DefaultHttpxClient(transport=OfflineTransport(settings.latency_seconds))
            client = OpenAI(api_key="offline", base_url="http://offline.invalid/v1", http_client=http, max_retries=0)
            return _logged(settings, OpenAIModel(client, "offline"))


def _entra_tokens() -> Callable[[], str]:
    from azure.identity import DefaultAzureCredential, get_bearer_token_provider

    return get_bearer_token_provider(DefaultAzureCredential(), _AZURE_SCOPE)


def _logged(settings: ModelSettings, model: OpenAIModel) -> OpenAIModel:
    logger.info("Model provider: %s, model: %s, by the openai client", settings.provider, model.name)
    return model
