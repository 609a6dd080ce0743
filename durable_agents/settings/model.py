"""Which model answers, and how it is reached."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from durable_agents.settings.environment import Environment

Provider = Literal["azure_openai", "foundry", "openai", "offline"]
# Any one of a provider's settings says that this provider is meant, so that a half-filled group is reported
# instead of being passed over for the offline model.
_PROVIDER_SETTINGS: dict[Provider, tuple[str, ...]] = {
    "azure_openai": ("AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_DEPLOYMENT_NAME", "AZURE_OPENAI_API_KEY"),
    "foundry": ("FOUNDRY_PROJECT_ENDPOINT", "FOUNDRY_MODEL"),
    "openai": ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL"),
}
_PROVIDERS: tuple[Provider, ...] = (*_PROVIDER_SETTINGS, "offline")
_OPENAI_MODEL = "gpt-5.4-mini"


@dataclass(frozen=True, slots=True)
class AzureOpenAISettings:
    """A model deployment on Azure OpenAI, reached with `api_key` or, without one, with an Entra identity."""

    endpoint: str
    deployment_name: str
    api_key: str | None = field(default=None, repr=False)
    api_version: str | None = None
    managed_identity_client_id: str | None = None
    provider: ClassVar[Provider] = "azure_openai"


@dataclass(frozen=True, slots=True)
class FoundrySettings:
    """A model of a Microsoft Foundry project, reached with an Entra identity."""

    project_endpoint: str
    model: str
    managed_identity_client_id: str | None = None
    provider: ClassVar[Provider] = "foundry"


@dataclass(frozen=True, slots=True)
class OpenAISettings:
    """A model behind the chat completions protocol: OpenAI itself, or any server at `base_url`."""

    api_key: str = field(repr=False)
    model: str
    base_url: str | None = None
    provider: ClassVar[Provider] = "openai"


@dataclass(frozen=True, slots=True)
class OfflineSettings:
    """The built-in model, which needs no network and no key; every answer takes `latency_seconds`."""

    latency_seconds: float = 0.0
    provider: ClassVar[Provider] = "offline"


ModelSettings = AzureOpenAISettings | FoundrySettings | OpenAISettings | OfflineSettings


def read_model(env: Environment) -> ModelSettings:
    match _choose_provider(env):
        case "azure_openai":
            return AzureOpenAISettings(
                endpoint=env.required_url("AZURE_OPENAI_ENDPOINT", "https://<resource>.openai.azure.com"),
                deployment_name=env.required("AZURE_OPENAI_DEPLOYMENT_NAME", "the name of a model deployment"),
                api_key=env.text("AZURE_OPENAI_API_KEY"),
                api_version=env.text("AZURE_OPENAI_API_VERSION"),
                managed_identity_client_id=env.text("AZURE_CLIENT_ID"),
            )
        case "foundry":
            return FoundrySettings(
                project_endpoint=env.required_url("FOUNDRY_PROJECT_ENDPOINT", "the URL on the project's overview page"),
                model=env.required("FOUNDRY_MODEL", "the name of a model deployment"),
                managed_identity_client_id=env.text("AZURE_CLIENT_ID"),
            )
        case "openai":
            return OpenAISettings(
                api_key=env.required("OPENAI_API_KEY", "the API key (any text for a server that wants none)"),
                model=env.text("OPENAI_MODEL") or _OPENAI_MODEL,
                base_url=env.url("OPENAI_BASE_URL"),
            )
        case "offline":
            return OfflineSettings(env.number("OFFLINE_MODEL_LATENCY_SECONDS", default=0.0, least=0, most=600))


def _choose_provider(env: Environment) -> Provider:
    """Return the provider MODEL_PROVIDER names, else the one whose settings exist, else offline (never in Azure)."""
    known = ", ".join(_PROVIDERS)
    in_azure = env.is_in_azure
    stated = env.text("MODEL_PROVIDER")
    if stated is not None:
        chosen = next((provider for provider in _PROVIDERS if provider == stated), None)
        if chosen is None:
            env.problem("MODEL_PROVIDER", f"is {stated!r}. Expected one of {known}.")
            return "offline"
        if chosen == "offline" and in_azure:
            env.problem("MODEL_PROVIDER", "is 'offline', which is for development. In Azure, choose a real model.")
        return chosen
    implied = [p for p, names in _PROVIDER_SETTINGS.items() if any(env.text(name) is not None for name in names)]
    if len(implied) > 1:
        env.problem(
            "MODEL_PROVIDER", f"is missing, and settings of {' and '.join(implied)} exist. Say which one to use."
        )
    elif not implied and in_azure:
        env.problem("MODEL_PROVIDER", f"is missing. In Azure, expected one of {', '.join(_PROVIDER_SETTINGS)}.")
    return implied[0] if len(implied) == 1 else "offline"
