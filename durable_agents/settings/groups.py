"""The settings as the code wants them: what belongs together, without the spelling of the environment."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Literal, Self, TypeAlias

Provider = Literal["azure_openai", "foundry", "openai", "offline"]


@dataclass(frozen=True, slots=True)
class AzureOpenAISettings:
    """A model deployment on Azure OpenAI, reached with `api_key` or, without one, with an Entra identity."""

    endpoint: str
    deployment_name: str
    api_key: str | None = field(default=None, repr=False)
    provider: ClassVar[Provider] = "azure_openai"


@dataclass(frozen=True, slots=True)
class FoundrySettings:
    """A model of a Microsoft Foundry project, reached with an Entra identity."""

    project_endpoint: str
    model: str
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


ModelSettings: TypeAlias = AzureOpenAISettings | FoundrySettings | OpenAISettings | OfflineSettings


@dataclass(frozen=True, slots=True)
class ReviewSettings:
    """How human reviewers are asked. The webhook URL is a credential: whoever knows it can post to it.

    Without `reviewers`, nobody is named: whoever may decide at all decides. With them, only their decisions count.
    """

    webhook_url: str | None = field(default=None, repr=False)
    approval_timeout_hours: float = 24.0
    reviewers: tuple[str, ...] = ()
    required_approvals: int = 1
    second_reviewer: str | None = None
    escalation_timeout_hours: float = 24.0


@dataclass(frozen=True, slots=True)
class ApprovalLinkSettings:
    """The keys that sign the links in review requests.

    Without a `key`, one is kept in `key_file`. Links signed with `previous_key` are still accepted. The `unresolved`
    are the settings that Azure should have filled from a key vault and has not: a key that nobody knows yet.
    """

    key_file: Path
    key: str | None = field(default=None, repr=False)
    previous_key: str | None = field(default=None, repr=False)
    unresolved: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BlobFolder:
    """Blobs of one container whose names begin with `prefix`, reached with an Entra identity."""

    account_url: str
    container: str
    prefix: str = ""

    def __truediv__(self, name: str) -> Self:
        """Return a folder in this one."""
        return replace(self, prefix=f"{self.prefix}{name}/")


Folder: TypeAlias = Path | BlobFolder
"""Where files are kept: on this machine, or in Blob Storage."""


@dataclass(frozen=True, slots=True)
class CompletionWebhookSettings:
    """Who may be told that a run has ended: URLs below `url_prefixes`, each of which ends with a slash.

    `signing_key` is what COMPLETION_WEBHOOK_SECRET stands for; it is empty when nobody may be told.
    """

    url_prefixes: tuple[str, ...] = ()
    signing_key: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class McpServerSettings:
    """A server of tools that speaks MCP over streamable HTTP, with a bearer token or without; `url` may hold a secret.

    Connecting, handshake and list of tools included, may take `connect_seconds`, one tool call `call_seconds`.
    """

    url: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    connect_seconds: float = 10.0
    call_seconds: float = 60.0
