"""Read every setting of the app once, at start-up, into frozen typed groups.

`Settings.from_environ` is the only place of the app that knows the names of environment variables. It reads all of them
before it complains, so that one start shows everything there is to fix. A variable that is empty counts as not set.
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import ClassVar, Literal, Self
from urllib.parse import urlsplit

from environment import Environment

Provider = Literal["azure_openai", "foundry", "openai", "offline"]

# Any one of a provider's settings says that this provider is meant, so that a half-filled group is reported
# instead of being passed over for the offline model.
_PROVIDER_SETTINGS: dict[Provider, tuple[str, ...]] = {
    "azure_openai": ("AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_DEPLOYMENT_NAME", "AZURE_OPENAI_API_KEY"),
    "foundry": ("FOUNDRY_PROJECT_ENDPOINT", "FOUNDRY_MODEL"),
    "openai": ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL"),
}
_PROVIDERS: tuple[Provider, ...] = (*_PROVIDER_SETTINGS, "offline")
MAX_REVIEWERS = 10
"""How many reviewers one draft can be put to."""

_LEAST_KEY_CHARACTERS = 32
_OPENAI_MODEL = "gpt-5.4-mini"
_TABLE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{2,62}")
_REDIS_URL = re.compile(r"rediss?://[^\s/?#]+[^\s]*")
_WEBHOOK_PREFIX = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*/?")
_CONTAINER_NAME = re.compile(r"(?=.{3,63}\Z)[a-z0-9]+(-[a-z0-9]+)*")


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


@dataclass(frozen=True, slots=True)
class MailSettings:
    """How e-mail leaves the app: over SMTP when `smtp_host` is set, else into the outbox folder."""

    smtp_host: str | None = None
    smtp_port: int = 587
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    sender: str = "agents@example.com"
    use_starttls: bool = True


@dataclass(frozen=True, slots=True)
class ReviewSettings:
    """How human reviewers are asked. The webhook URL is a credential: whoever knows it can post to it."""

    webhook_url: str | None = field(default=None, repr=False)
    approval_timeout_hours: float = 24.0
    max_revisions: int = 3
    reviewers: tuple[str, ...] = ("reviewer",)
    second_reviewer: str = "second-reviewer"
    escalation_timeout_hours: float = 24.0


@dataclass(frozen=True, slots=True)
class ApprovalLinkSettings:
    """How the links in review requests are made: where this app is reached, and the keys that sign them.

    Without a `key`, one is kept in `key_file`. Links signed with `previous_key` are still accepted.
    """

    base_url: str
    key_file: Path
    key: str | None = field(default=None, repr=False)
    previous_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class DraftSettings:
    """Where drafts are kept for their reviewers: in Blob Storage if `blob_account_url` is set, else in `directory`."""

    blob_account_url: str | None
    container: str
    directory: Path
    managed_identity_client_id: str | None = None


@dataclass(frozen=True, slots=True)
class PublishingSettings:
    """Where approved content goes: to Blob Storage when `blob_account_url` is set, else into `directory`."""

    blob_account_url: str | None
    container: str
    directory: Path
    managed_identity_client_id: str | None = None


@dataclass(frozen=True, slots=True)
class TriageSettings:
    """When an e-mail is treated as spam: at a confidence above `spam_threshold`, between 0 and 1."""

    spam_threshold: float = 0.8


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """What one turn of an agent may do, and how much of a session is kept.

    Attributes:
        retry_attempts: How often a model call is tried in all when the provider fails for a passing reason.
        retry_seconds: The time after which no further attempt begins.
        stall_seconds: How long the model may be silent before the attempt counts as timed out.
        compaction_bytes: The stored size above which the older turns of a session are replaced by a summary.
        keep_turns: How many recent turns stay as they are when that happens.
        tool_result_bytes: What one tool result may have; the rest is left out with a note.
        approval_hours: How long a turn waits for a human who has to approve a tool call.
    """

    retry_attempts: int = 3
    retry_seconds: float = 30.0
    stall_seconds: float = 120.0
    compaction_bytes: int = 50_000
    keep_turns: int = 6
    tool_result_bytes: int = 16_384
    approval_hours: float = 24.0


@dataclass(frozen=True, slots=True)
class SqliteIndexSettings:
    """The index of sessions in a file in `directory`: for a single machine."""

    directory: Path


@dataclass(frozen=True, slots=True)
class TableIndexSettings:
    """The index of sessions in Azure Table Storage, reached with an Entra identity: for any number of machines."""

    account_url: str
    table: str
    managed_identity_client_id: str | None = None


SessionIndexSettings = SqliteIndexSettings | TableIndexSettings


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """Which sessions there are, and how long they live.

    Attributes:
        index: Where they are listed.
        ttl: How long a session lives after its last message, or None for ever; an agent may say otherwise.
        sweep_schedule: When those whose time is over are removed: a cron expression with seconds.
    """

    index: SessionIndexSettings
    ttl: timedelta | None = timedelta(days=14)
    sweep_schedule: str = "0 */5 * * * *"


@dataclass(frozen=True, slots=True)
class SqliteStreamSettings:
    """Streams of answers in a file in `directory`: for a single machine. They are kept `expiry_seconds`."""

    directory: Path
    expiry_seconds: float = 3_600.0


@dataclass(frozen=True, slots=True)
class RedisStreamSettings:
    """Streams of answers in Redis, for any number of machines. The URL may hold a password."""

    url: str = field(repr=False)
    expiry_seconds: float = 3_600.0
    managed_identity_client_id: str | None = None

    @property
    def uses_identity(self) -> bool:
        """Whether to sign in with an Entra identity: the connection is encrypted and the URL has no password."""
        parts = urlsplit(self.url)
        return parts.scheme == "rediss" and not parts.password


StreamStoreSettings = SqliteStreamSettings | RedisStreamSettings


@dataclass(frozen=True, slots=True)
class McpServerSettings:
    """A server of tools that speaks MCP over streamable HTTP, with a bearer token or without; `url` may hold a secret.

    Connecting, handshake and list of tools included, may take `connect_seconds`, one tool call `call_seconds`.
    """

    url: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    connect_seconds: float = 10.0
    call_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class RunSettings:
    """How long runs are kept after their end, None for ever, and when older ones are removed (cron with seconds)."""

    retention: timedelta | None = timedelta(days=30)
    sweep_schedule: str = "0 */15 * * * *"


@dataclass(frozen=True, slots=True)
class CompletionWebhookSettings:
    """Who may be told that a run has ended: URLs below `url_prefixes`, each of which ends with a slash.

    `signing_key` is what COMPLETION_WEBHOOK_SECRET stands for; it is empty when nobody may be told.
    """

    url_prefixes: tuple[str, ...] = ()
    signing_key: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the app can be told from outside, checked. `repr` shows no secrets.

    `trusts_app_service` says that App Service authentication is on: only then nobody else can send its headers.
    """

    model: ModelSettings
    mail: MailSettings
    review: ReviewSettings
    approval_links: ApprovalLinkSettings
    drafts: DraftSettings
    trusts_app_service: bool
    publishing: PublishingSettings
    triage: TriageSettings
    agents: AgentSettings
    sessions: SessionSettings
    mcp_server: McpServerSettings | None
    outbox_dir: Path
    agent_wait_seconds: float
    stream_store: StreamStoreSettings | None
    stream_wait_seconds: float
    runs: RunSettings
    completion_webhooks: CompletionWebhookSettings

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Build the settings from environment variables; relative folders are resolved now.

        Raises:
            SettingsError: Something is missing or invalid. The message names every such setting and its fix.
        """
        env = Environment(environ)
        publishing = _read_publishing(env)
        settings = cls(
            model=_read_model(env),
            mail=_read_mail(env),
            review=_read_review(env),
            approval_links=_read_approval_links(env),
            drafts=_read_drafts(env, publishing),
            trusts_app_service=env.flag("APP_SERVICE_AUTHENTICATION", default=False),
            publishing=publishing,
            triage=TriageSettings(env.number("SPAM_CONFIDENCE_THRESHOLD", default=0.8, least=0, most=1)),
            agents=_read_agents(env),
            sessions=_read_sessions(env),
            mcp_server=_read_mcp_server(env),
            outbox_dir=env.folder("OUTBOX_DIR", default="outbox"),
            # Azure's load balancer drops an HTTP request that has not been answered after 230 seconds.
            agent_wait_seconds=env.number("AGENT_WAIT_SECONDS", default=30.0, least=0, most=230),
            stream_store=_read_stream_store(env),
            stream_wait_seconds=env.number("STREAM_WAIT_SECONDS", default=15.0, least=0, most=230),
            runs=RunSettings(
                retention=env.days("RUN_RETENTION_DAYS", default=timedelta(days=30), most=36_500),
                sweep_schedule=_read_schedule(env, "RUN_SWEEP_SCHEDULE", default="0 */15 * * * *"),
            ),
            completion_webhooks=_read_completion_webhooks(env),
        )
        if env.problems:
            raise SettingsError(env.problems)
        return settings


def _read_model(env: Environment) -> ModelSettings:
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
    in_azure = _is_in_azure(env)
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


def _is_in_azure(env: Environment) -> bool:
    return env.text("WEBSITE_INSTANCE_ID") is not None or env.text("WEBSITE_SITE_NAME") is not None


def _read_sessions(env: Environment) -> SessionSettings:
    return SessionSettings(
        index=_read_session_index(env),
        ttl=env.days("SESSION_TTL_DAYS", default=timedelta(days=14), most=36_500),
        sweep_schedule=_read_schedule(env, "SESSION_SWEEP_SCHEDULE", default="0 */5 * * * *"),
    )


def _read_schedule(env: Environment, name: str, *, default: str) -> str:
    schedule = env.text(name) or default
    if len(schedule.split()) != 6:
        env.problem(name, f"is {schedule!r}. Expected a cron expression of six fields, seconds first: {default!r}.")
    return schedule


def _read_session_index(env: Environment) -> SessionIndexSettings:
    """Return where sessions are listed: in a table, if it is set, else in a file, which no two machines share."""
    url, table = env.https_url("SESSION_TABLE_ACCOUNT_URL"), env.text("SESSION_TABLE") or "sessions"
    if not _TABLE_NAME.fullmatch(table):
        env.problem("SESSION_TABLE", f"is {table!r}. Expected 3 to 63 letters and digits, beginning with a letter.")
    if url is not None:
        return TableIndexSettings(url, table, env.text("AZURE_CLIENT_ID"))
    if _is_in_azure(env):
        expected = "the table endpoint of a storage account, https://<account>.table.core.windows.net"
        env.problem("SESSION_TABLE_ACCOUNT_URL", f"is missing. In Azure, set it to {expected}.")
    return SqliteIndexSettings(env.folder("STATE_DIR", default=".agents"))


def _read_stream_store(env: Environment) -> StreamStoreSettings | None:
    """Return where streams are kept: in Redis if it is set, else in a file, but nowhere in Azure, which has no disk."""
    url, directory = env.text("STREAM_REDIS_URL"), env.folder("STATE_DIR", default=".agents")
    expiry_seconds = env.number("STREAM_EXPIRY_SECONDS", default=3_600.0, least=1, most=30 * 24 * 3_600)
    if url is None:
        return None if _is_in_azure(env) else SqliteStreamSettings(directory, expiry_seconds)
    if not _REDIS_URL.fullmatch(url):
        # Its text is kept out of the message: it may hold a password.
        env.problem("STREAM_REDIS_URL", "is not a Redis URL. Expected one like rediss://<host>:10000.")
    return RedisStreamSettings(url, expiry_seconds, env.text("AZURE_CLIENT_ID"))


def _read_completion_webhooks(env: Environment) -> CompletionWebhookSettings:
    prefixes = [prefix.strip() for prefix in (env.text("COMPLETION_WEBHOOK_URLS") or "").split(",") if prefix.strip()]
    if not all(_WEBHOOK_PREFIX.fullmatch(prefix) for prefix in prefixes):
        expected = "https://hooks.example.com/runs/, host in lower case, several separated by commas"
        env.problem("COMPLETION_WEBHOOK_URLS", f"does not list the beginnings of URLs. Expected the form {expected}.")
    key = _read_signing_key(env) if prefixes else b""
    return CompletionWebhookSettings(tuple(prefix.removesuffix("/") + "/" for prefix in prefixes), key)


def _read_signing_key(env: Environment) -> bytes:
    """Return the key in the form of the Standard Webhooks specification, which receivers' libraries read too."""
    scheme, _, encoded = (env.text("COMPLETION_WEBHOOK_SECRET") or "").partition("_")
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        key = b""
    if scheme != "whsec" or not 24 <= len(key) <= 64:
        what = "is missing or has another form. With COMPLETION_WEBHOOK_URLS, set it to 'whsec_' and the base64 of 24"
        env.problem("COMPLETION_WEBHOOK_SECRET", f"{what} to 64 random bytes: openssl rand -base64 32")
    return key


def _read_agents(env: Environment) -> AgentSettings:
    return AgentSettings(
        retry_attempts=env.integer("AGENT_RETRY_ATTEMPTS", default=3, least=1, most=10),
        retry_seconds=env.number("AGENT_RETRY_SECONDS", default=30.0, least=0, most=600),
        stall_seconds=env.number("AGENT_STALL_SECONDS", default=120.0, least=0.1, most=3_600),
        compaction_bytes=env.integer("SESSION_COMPACTION_BYTES", default=50_000, least=1_000, most=500_000),
        keep_turns=env.integer("SESSION_KEEP_TURNS", default=6, least=1, most=1_000),
        tool_result_bytes=env.integer("TOOL_RESULT_BYTES", default=16_384, least=200, most=262_144),
        approval_hours=env.number("TOOL_APPROVAL_HOURS", default=24.0, least=0, most=24 * 365),
    )


def _read_mcp_server(env: Environment) -> McpServerSettings | None:
    url, token = env.url("MCP_SERVER_URL"), env.text("MCP_SERVER_TOKEN")
    connect_seconds = env.number("MCP_CONNECT_SECONDS", default=10.0, least=0.1, most=120)
    call_seconds = env.number("MCP_CALL_SECONDS", default=60.0, least=0.1, most=600)
    if url is None and token is not None:
        env.problem("MCP_SERVER_URL", "is missing, and MCP_SERVER_TOKEN is set. Set both, or remove the token.")
    return None if url is None else McpServerSettings(url, token, connect_seconds, call_seconds)


def _read_mail(env: Environment) -> MailSettings:
    username, password = env.text("SMTP_USERNAME"), env.text("SMTP_PASSWORD")
    if (username is None) != (password is None):
        missing = "SMTP_USERNAME" if username is None else "SMTP_PASSWORD"
        env.problem(missing, "is missing. Set both SMTP_USERNAME and SMTP_PASSWORD, or neither.")
    sender = env.text("MAIL_SENDER") or "agents@example.com"
    if "@" not in sender:
        env.problem("MAIL_SENDER", f"is {sender!r}. Expected an e-mail address.")
    return MailSettings(
        smtp_host=env.text("SMTP_HOST"),
        smtp_port=env.integer("SMTP_PORT", default=587, least=1, most=65535),
        username=username,
        password=password,
        sender=sender,
        use_starttls=env.flag("SMTP_STARTTLS", default=True),
    )


def _read_review(env: Environment) -> ReviewSettings:
    return ReviewSettings(
        webhook_url=env.url("REVIEW_WEBHOOK_URL"),
        approval_timeout_hours=env.number("APPROVAL_TIMEOUT_HOURS", default=24.0, least=0, most=24 * 365),
        max_revisions=env.integer("MAX_REVISIONS", default=3, least=0, most=100),
        reviewers=_read_reviewers(env),
        second_reviewer=env.text("SECOND_REVIEWER") or "second-reviewer",
        escalation_timeout_hours=env.number("ESCALATION_TIMEOUT_HOURS", default=24.0, least=0, most=24 * 365),
    )


def _read_reviewers(env: Environment) -> tuple[str, ...]:
    names = tuple(name.strip() for name in (env.text("REVIEWERS") or "reviewer").split(","))
    if not all(names) or len(set(names)) < len(names) or len(names) > MAX_REVIEWERS:
        env.problem("REVIEWERS", f"is {','.join(names)!r}. Expected 1 to {MAX_REVIEWERS} different names, with commas.")
    return names


def _read_approval_links(env: Environment) -> ApprovalLinkSettings:
    """Return where links lead and what signs them; in Azure, several machines must know the same key."""
    in_azure = _is_in_azure(env)
    # The host says at which address it is reached, on this machine and in Azure.
    host = env.text("WEBSITE_HOSTNAME") or "localhost:7071"
    key, previous_key = env.text("APPROVAL_LINK_KEY"), env.text("APPROVAL_LINK_PREVIOUS_KEY")
    for name, value in {"APPROVAL_LINK_KEY": key, "APPROVAL_LINK_PREVIOUS_KEY": previous_key}.items():
        if value is not None and len(value) < _LEAST_KEY_CHARACTERS:
            env.problem(name, f"has {len(value)} characters. Expected {_LEAST_KEY_CHARACTERS} or more, at random.")
    if key is None and in_azure:
        env.problem("APPROVAL_LINK_KEY", f"is missing. In Azure, set it to {_LEAST_KEY_CHARACTERS} random characters.")
    return ApprovalLinkSettings(
        base_url=(env.url("PUBLIC_BASE_URL") or f"{'https' if in_azure else 'http'}://{host}").rstrip("/"),
        key_file=env.folder("STATE_DIR", default=".agents") / "approval-link.key",
        key=key,
        previous_key=previous_key,
    )


def _read_drafts(env: Environment, publishing: PublishingSettings) -> DraftSettings:
    """Return where drafts are kept: in the account of the articles, if there is one, else on this machine only."""
    if publishing.blob_account_url is None and _is_in_azure(env):
        expected = "the blob endpoint of a storage account, https://<account>.blob.core.windows.net"
        env.problem("PUBLISH_BLOB_ACCOUNT_URL", f"is missing. In Azure, set it to {expected}.")
    return DraftSettings(
        blob_account_url=publishing.blob_account_url,
        container=_read_container(env, "DRAFT_CONTAINER", default="drafts"),
        directory=env.folder("STATE_DIR", default=".agents") / "drafts",
        managed_identity_client_id=publishing.managed_identity_client_id,
    )


def _read_container(env: Environment, name: str, *, default: str) -> str:
    container = env.text(name) or default
    if not _CONTAINER_NAME.fullmatch(container):
        expected = "3 to 63 lower-case letters and digits, with single hyphens between them"
        env.problem(name, f"is {container!r}. Expected {expected}.")
    return container


def _read_publishing(env: Environment) -> PublishingSettings:
    return PublishingSettings(
        blob_account_url=env.url("PUBLISH_BLOB_ACCOUNT_URL"),
        container=_read_container(env, "PUBLISH_CONTAINER", default="published"),
        directory=env.folder("PUBLISH_DIR", default="published"),
        managed_identity_client_id=env.text("AZURE_CLIENT_ID"),
    )
