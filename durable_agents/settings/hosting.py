"""What the library is told by the deployment."""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

from pydantic import Field, PrivateAttr, SecretStr, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from durable_agents.settings import fields as of
from durable_agents.settings.functions_host import FunctionsHost
from durable_agents.settings.groups import (
    ApprovalLinkSettings,
    AzureOpenAISettings,
    BlobFolder,
    CompletionWebhookSettings,
    Folder,
    FoundrySettings,
    ModelSettings,
    OfflineSettings,
    OpenAISettings,
    Provider,
    ReviewSettings,
)

logger = logging.getLogger(__name__)

# How Azure writes a reference to a secret into an app setting, and hands it out itself when it cannot resolve it.
_KEY_VAULT_REFERENCE = "@Microsoft.KeyVault("
_UNRESOLVED = (
    "is a Key Vault reference that was not resolved. Check that the secret exists and the app's identity may read it; "
    "docs/deployment.md has the rest."
)
_REMOVED_BY_SCHEDULER = (
    "The Durable Task Scheduler removes a run 90 days after its end at the latest, with a Consumption SKU after 30. "
    "Set a number of days below that, and keep elsewhere what must last."
)
_KEPT_BY_CONSUMPTION = timedelta(days=30)
_LEFT_BEHIND = (
    "A Durable Task Scheduler with a Consumption SKU removes a run after 30 days, and drafts and large payloads of a "
    "run that it has removed stay for ever. Set 29 or less, unless the SKU is Dedicated."
)
# Only the links of reviewers wait for these, so the app starts without; an `azd up` makes key and app at one time.
_MAY_BE_UNRESOLVED = ("APPROVAL_LINK_KEY", "APPROVAL_LINK_PREVIOUS_KEY", "OPERATOR_KEY")
# What each provider needs, with what it is.
_NEEDS: dict[Provider, dict[str, str]] = {
    "azure_openai": {
        "AZURE_OPENAI_ENDPOINT": "https://<resource>.openai.azure.com",
        "AZURE_OPENAI_DEPLOYMENT_NAME": "the name of a model deployment",
    },
    "foundry": {
        "FOUNDRY_PROJECT_ENDPOINT": "the URL on the project's overview page",
        "FOUNDRY_MODEL": "the name of a model deployment",
    },
    "openai": {"OPENAI_API_KEY": "the API key (any text for a server that wants none)"},
}
_IN_AZURE = {
    "SESSION_TABLE_ACCOUNT_URL": "the table endpoint of a storage account, https://<account>.table.core.windows.net",
    "BLOB_ACCOUNT_URL": "the blob endpoint of a storage account, https://<account>.blob.core.windows.net",
    "APPROVAL_LINK_KEY": f"{of.LEAST_KEY_CHARACTERS} random characters",
}


class SettingsError(ValueError):
    """The environment does not configure the app; the message lists every problem, one per line."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        lines = "\n".join(f"- {problem}" for problem in problems)
        super().__init__(
            f"The app cannot start with these settings:\n{lines}\n"
            "Settings come from local.settings.json on this machine (copy local.settings.json.example and fill it in) "
            "and from the app settings of the function app in Azure."
        )


class HostingSettings(BaseSettings):
    """What the library is told: one field for each environment variable, and properties for what the code needs.

    An app adds its own in a class that derives from this one. `from_environ` reads and checks them; the constructor
    takes what it is given and looks at no environment. `repr` shows no secrets.
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid", case_sensitive=True, hide_input_in_errors=True)

    MODEL_PROVIDER: Provider | None = None
    AZURE_OPENAI_ENDPOINT: of.HttpUrl | None = None
    AZURE_OPENAI_DEPLOYMENT_NAME: str | None = None
    AZURE_OPENAI_API_KEY: SecretStr | None = None
    FOUNDRY_PROJECT_ENDPOINT: of.HttpUrl | None = None
    FOUNDRY_MODEL: str | None = None
    OPENAI_API_KEY: SecretStr | None = None
    OPENAI_BASE_URL: of.HttpUrl | None = None
    OPENAI_MODEL: str = "gpt-5.4-mini"
    OFFLINE_MODEL_LATENCY_SECONDS: float = Field(default=0.0, ge=0, le=600)

    # Azure's load balancer drops an HTTP request that has not been answered after 230 seconds.
    AGENT_WAIT_SECONDS: float = Field(default=30.0, ge=0, le=230)
    SESSION_TTL_DAYS: of.Days = timedelta(days=14)
    SESSION_TABLE_ACCOUNT_URL: of.HttpsUrl | None = None
    STREAM_REDIS_URL: of.RedisUrl | None = None
    RUN_RETENTION_DAYS: of.Days = timedelta(days=29)
    COMPLETION_WEBHOOK_URLS: of.UrlPrefixes = ()
    COMPLETION_WEBHOOK_SECRET: of.SigningKey | None = None

    REVIEWERS: of.Reviewers = ()
    REQUIRED_APPROVALS: of.WholeNumber = Field(default=1, ge=1, le=of.MAX_REVIEWERS)
    APPROVAL_TIMEOUT_HOURS: float = Field(default=24.0, ge=0, le=24 * 365)
    SECOND_REVIEWER: of.Reviewer | None = None
    REVIEW_WEBHOOK_URL: of.SecretUrl | None = None
    APPROVAL_LINK_KEY: of.LinkKey | None = None
    APPROVAL_LINK_PREVIOUS_KEY: of.LinkKey | None = None
    # App Service authentication is on: only then nobody else can send its headers.
    APP_SERVICE_AUTHENTICATION: of.Flag = False
    OPERATOR_KEY: of.LinkKey | None = None

    PUBLIC_BASE_URL: of.HttpUrl | None = None
    BLOB_ACCOUNT_URL: of.HttpUrl | None = None
    STATE_DIR: of.LocalFolder = Field(default=Path(".agents"), validate_default=True)
    OUTBOX_DIR: of.LocalFolder = Field(default=Path("outbox"), validate_default=True)

    _host: FunctionsHost = PrivateAttr(default_factory=FunctionsHost)
    _unresolved: tuple[str, ...] = PrivateAttr(default=())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the constructor take what it is given: only `from_environ` reads an environment, and says which."""
        return (init_settings,)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Build the settings from environment variables; relative folders are resolved now. Empty is not set.

        In Azure, a key of links that the key vault has not given yet is none, see `ApprovalLinkSettings`.

        Raises:
            SettingsError: Something is missing or invalid. The message names every such setting and its fix.
        """
        source = EnvSettingsSource(cls, case_sensitive=True)
        source.env_vars = {name: value.strip() for name, value in environ.items() if value.strip()}
        given = source()
        host, unreadable = _read_host(environ)
        references = [name for name, text in given.items() if str(text).startswith(_KEY_VAULT_REFERENCE)]
        unresolved = tuple(name for name in _MAY_BE_UNRESOLVED if name in references and host.in_azure)
        bad = {name: _UNRESOLVED for name in references if name not in unresolved}
        bad |= cls._find_bad({name: text for name, text in given.items() if name not in references})
        settings = cls(**{name: text for name, text in given.items() if name not in (*bad, *unresolved)})
        settings._host, settings._unresolved = host, unresolved
        broken = {name: what for name, what in settings.broken_rules(given) if name not in bad}
        problems = unreadable + [f"Setting {name!r} {what}" for name, what in (bad | broken).items()]
        if problems:
            raise SettingsError(problems)
        kept = settings.RUN_RETENTION_DAYS
        if host.in_azure and host.keeps_runs is not None and kept is not None and kept >= _KEPT_BY_CONSUMPTION:
            logger.warning("Setting 'RUN_RETENTION_DAYS' is %s. %s", kept.days, _LEFT_BEHIND)
        return settings

    @classmethod
    def _find_bad(cls, given: Mapping[str, Any]) -> dict[str, str]:
        try:
            cls(**given)
        except ValidationError as error:
            found = {str(one["loc"][0]): one for one in error.errors()}
            return {name: of.describe_bad_value(one, cls.model_fields[name]) for name, one in found.items()}
        return {}

    def broken_rules(self, given: Collection[str]) -> Iterator[tuple[str, str]]:
        """Yield what is wrong between the settings: the name of one, and what is to be said of it.

        `given` are the names of those that are set, also if their value is bad; its default then stands in for it.
        """
        if self._host.in_azure:
            for name in (name for name in _IN_AZURE if name not in given):
                yield name, f"is missing. In Azure, set it to {_IN_AZURE[name]}."
        yield from self._broken_rules_of_model(given)
        kept, longest = self.RUN_RETENTION_DAYS, self._host.keeps_runs
        if self._host.in_azure and longest is not None and (kept is None or kept >= longest):
            yield "RUN_RETENTION_DAYS", f"is {'never' if kept is None else kept.days}. {_REMOVED_BY_SCHEDULER}"
        required, named = self.REQUIRED_APPROVALS, len(self.REVIEWERS)
        if required > max(named, 1) and (named or "REVIEWERS" not in given):
            yield "REQUIRED_APPROVALS", f"is {required}, and REVIEWERS names {named}. Name as many or more."
        if self.COMPLETION_WEBHOOK_URLS and "COMPLETION_WEBHOOK_SECRET" not in given:
            yield "COMPLETION_WEBHOOK_SECRET", of.NO_SIGNING_KEY

    def _broken_rules_of_model(self, given: Collection[str]) -> Iterator[tuple[str, str]]:
        implied = _implied_providers(given)
        provider = self.MODEL_PROVIDER or (implied[0] if len(implied) == 1 else "offline")
        if self.MODEL_PROVIDER is None and len(implied) > 1:
            yield "MODEL_PROVIDER", f"is missing, and settings of {' and '.join(implied)} exist. Say which one to use."
        elif provider == "offline" and self._host.in_azure and self.MODEL_PROVIDER is None:
            yield "MODEL_PROVIDER", f"is missing. In Azure, expected one of {', '.join(_NEEDS)}."
        elif provider == "offline" and self._host.in_azure:
            yield "MODEL_PROVIDER", "is 'offline', which is for development. In Azure, choose a real model."
        for name, expected in _NEEDS.get(provider, {}).items():
            if name not in given:
                yield name, f"is missing. Set it to {expected}, or choose another MODEL_PROVIDER."

    @property
    def model(self) -> ModelSettings:
        """Which model answers: that of the provider that is named, else of the one whose settings exist."""
        implied = _implied_providers(self.model_fields_set)
        provider: Provider = self.MODEL_PROVIDER or (implied[0] if implied else "offline")
        match provider:
            case "azure_openai":
                key = of.reveal(self.AZURE_OPENAI_API_KEY)
                return AzureOpenAISettings(
                    self.AZURE_OPENAI_ENDPOINT or "", self.AZURE_OPENAI_DEPLOYMENT_NAME or "", key
                )
            case "foundry":
                return FoundrySettings(self.FOUNDRY_PROJECT_ENDPOINT or "", self.FOUNDRY_MODEL or "")
            case "openai":
                return OpenAISettings(of.reveal(self.OPENAI_API_KEY) or "", self.OPENAI_MODEL, self.OPENAI_BASE_URL)
            case "offline":
                return OfflineSettings(self.OFFLINE_MODEL_LATENCY_SECONDS)

    @property
    def review(self) -> ReviewSettings:
        """How human reviewers are asked."""
        return ReviewSettings(
            webhook_url=of.reveal(self.REVIEW_WEBHOOK_URL),
            approval_timeout_hours=self.APPROVAL_TIMEOUT_HOURS,
            reviewers=self.REVIEWERS,
            required_approvals=self.REQUIRED_APPROVALS,
            second_reviewer=self.SECOND_REVIEWER,
        )

    @property
    def approval_links(self) -> ApprovalLinkSettings:
        """What signs the links of reviewers; in Azure, several machines must know the same key."""
        key_file = self.STATE_DIR / "approval-link.key"
        return ApprovalLinkSettings(
            key_file,
            of.reveal(self.APPROVAL_LINK_KEY),
            of.reveal(self.APPROVAL_LINK_PREVIOUS_KEY),
            tuple(name for name in self._unresolved if name != "OPERATOR_KEY"),
        )

    @property
    def seal_key(self) -> BlobFolder | None:
        """Where the key is kept that ids, page tokens and references are sealed with, in Azure: beside the payloads.

        None on one machine, where it is that of the links.
        """
        # No run has this folder: the name of one begins with a letter or a digit.
        payloads = self.payloads
        return payloads / "_key" if self._host.in_azure and isinstance(payloads, BlobFolder) else None

    @property
    def drafts(self) -> Folder:
        """Where drafts are kept for their reviewers."""
        return self.folder("drafts", self.STATE_DIR / "drafts")

    @property
    def payloads(self) -> Folder:
        """Where payloads are kept that are too large for a history."""
        return self.folder("payloads", self.STATE_DIR / "payloads")

    @property
    def audit(self) -> Folder:
        """Where decisions and what operators do are written down, for longer than their runs are kept."""
        return self.folder("audit", self.STATE_DIR / "audit")

    @property
    def outbox_dir(self) -> Folder:
        """Where goes what no channel is configured for: mail, review requests, quarantine, receipts of refunds.

        A folder of this machine, but blobs in Azure, where an instance's disk is lost with it.
        """
        return self.folder("outbox", self.OUTBOX_DIR) if self._host.in_azure else self.OUTBOX_DIR

    def folder(self, container: str, directory: Path) -> Folder:
        """Return the container of the storage account, if there is one, else the folder of this machine."""
        return directory if self.BLOB_ACCOUNT_URL is None else BlobFolder(self.BLOB_ACCOUNT_URL, container)

    @property
    def session_index(self) -> str | Path:
        """Where sessions are listed: in a table of this account, if it is set, else in a folder, for one machine."""
        return self.SESSION_TABLE_ACCOUNT_URL or self.STATE_DIR

    @property
    def stream_store(self) -> SecretStr | Path | None:
        """Where streams are kept: in Redis if it is set, else in a folder, but nowhere in Azure, which has no disk."""
        return self.STREAM_REDIS_URL or (None if self._host.in_azure else self.STATE_DIR)

    @property
    def completion_webhooks(self) -> CompletionWebhookSettings:
        """Who may be told that a run has ended."""
        secret = self.COMPLETION_WEBHOOK_SECRET
        if not self.COMPLETION_WEBHOOK_URLS or secret is None:
            return CompletionWebhookSettings()
        return CompletionWebhookSettings(self.COMPLETION_WEBHOOK_URLS, of.signing_key_of(secret.get_secret_value()))

    @property
    def host(self) -> FunctionsHost:
        """What the Functions host says of itself."""
        return self._host


def _read_host(environ: Mapping[str, str]) -> tuple[FunctionsHost, list[str]]:
    try:
        return FunctionsHost.of(environ), []
    except ValueError as error:
        return FunctionsHost(), [str(error)]


def _implied_providers(given: Collection[str]) -> list[Provider]:
    """Return the providers of which any setting exists, so that a half-filled group is reported and not passed over."""
    return [provider for provider in _NEEDS if any(name.startswith(f"{provider.upper()}_") for name in given)]
