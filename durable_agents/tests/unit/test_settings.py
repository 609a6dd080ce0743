"""Every setting has a default or a rule; every broken rule is reported, all in one message."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from durable_agents import SettingsError
from durable_agents.settings.agents import AgentSettings, McpServerSettings, read_mcp_server
from durable_agents.settings.environment import Environment
from durable_agents.settings.hosting import HostingSettings
from durable_agents.settings.mail import MailSettings, read_mail
from durable_agents.settings.model import (
    AzureOpenAISettings,
    FoundrySettings,
    ModelSettings,
    OfflineSettings,
    OpenAISettings,
)
from durable_agents.settings.outbox import BlobFolder, read_outbox
from durable_agents.settings.review import (
    ApprovalLinkSettings,
    DraftSettings,
    PublishingSettings,
    ReviewSettings,
    read_publishing,
)
from durable_agents.settings.sessions import (
    RedisStreamSettings,
    SessionSettings,
    SqliteIndexSettings,
    SqliteStreamSettings,
    TableIndexSettings,
)

AZURE_OPENAI = {"AZURE_OPENAI_ENDPOINT": "https://r.openai.azure.com", "AZURE_OPENAI_DEPLOYMENT_NAME": "chat"}
FOUNDRY = {"FOUNDRY_PROJECT_ENDPOINT": "https://r.services.ai.azure.com/api/projects/p", "FOUNDRY_MODEL": "chat"}
OPENAI = {"OPENAI_API_KEY": "sk-secret", "OPENAI_MODEL": "chat"}
WEBHOOKS = {
    "COMPLETION_WEBHOOK_URLS": "https://h.example.com/",
    "COMPLETION_WEBHOOK_SECRET": "whsec_" + "QUJD" * 8,
}
IN_AZURE = {"WEBSITE_SITE_NAME": "my-app", "SESSION_TABLE_ACCOUNT_URL": "https://a.table.core.windows.net"}
LINK_KEY, OLD_LINK_KEY = "k" * 32, "o" * 32
IN_AZURE = {
    "WEBSITE_SITE_NAME": "my-app",
    "SESSION_TABLE_ACCOUNT_URL": "https://a.table.core.windows.net",
    "PUBLISH_BLOB_ACCOUNT_URL": "https://a.blob.core.windows.net",
    "APPROVAL_LINK_KEY": LINK_KEY,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(HostingSettings):
    """What the library reads, and all groups that an app may read as well."""

    mail: MailSettings
    publishing: PublishingSettings
    mcp_server: McpServerSettings | None

    @classmethod
    def read(cls, env: Environment) -> dict[str, Any]:
        groups = {"mail": read_mail(env), "publishing": read_publishing(env), "mcp_server": read_mcp_server(env)}
        return {**HostingSettings.read(env), **groups}


def problems_of(environ: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ(environ)
    return caught.value.problems


def test_an_empty_environment_gives_the_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings.from_environ({})
    assert settings.model == OfflineSettings(latency_seconds=0)
    assert settings.mail == MailSettings(smtp_host=None, smtp_port=587, use_starttls=True)
    assert settings.review == ReviewSettings(webhook_url=None, approval_timeout_hours=24, max_revisions=3)
    assert settings.review == ReviewSettings(None, 24, 3, (), 1, None, 24)
    key_file = tmp_path / ".agents" / "approval-link.key"
    assert settings.approval_links == ApprovalLinkSettings("http://localhost:7071", key_file)
    assert settings.drafts == DraftSettings(None, "drafts", tmp_path / ".agents" / "drafts")
    assert not settings.trusts_app_service
    assert settings.publishing.blob_account_url is None
    assert settings.publishing.container == "published"
    assert settings.publishing.directory == tmp_path / "published"
    assert settings.outbox_dir == tmp_path / "outbox"
    assert settings.agent_wait_seconds == 30
    assert settings.agents == AgentSettings(3, 30, 120, 50_000, 6, 16_384, 24)
    index = SqliteIndexSettings(tmp_path / ".agents")
    assert settings.sessions == SessionSettings(index, timedelta(days=14), "0 */5 * * * *")
    assert settings.stream_store == SqliteStreamSettings(tmp_path / ".agents", expiry_seconds=3600)
    assert settings.stream_wait_seconds == 15
    assert settings.mcp_server is None


def test_every_setting_is_read(tmp_path: Path) -> None:
    settings = Settings.from_environ(
        {
            "MCP_SERVER_URL": "https://tools.example.com/mcp",
            "MCP_SERVER_TOKEN": "token",
            "MCP_CONNECT_SECONDS": "2",
            "MCP_CALL_SECONDS": "0.5",
            "SMTP_HOST": "mail.example.com",
            "SMTP_PORT": "25",
            "SMTP_USERNAME": "mailer",
            "SMTP_PASSWORD": "pw",
            "SMTP_STARTTLS": "False",
            "MAIL_SENDER": "bot@example.com",
            "OUTBOX_DIR": str(tmp_path / "out"),
            "REVIEW_WEBHOOK_URL": "https://hooks.example.com/x",
            "APPROVAL_TIMEOUT_HOURS": "0.5",
            "MAX_REVISIONS": "0",
            "PUBLISH_BLOB_ACCOUNT_URL": "https://a.blob.core.windows.net",
            "PUBLISH_CONTAINER": "my-posts",
            "PUBLISH_DIR": str(tmp_path / "pub"),
            "REVIEWERS": "ada, bob",
            "REQUIRED_APPROVALS": "2",
            "SECOND_REVIEWER": "eve",
            "ESCALATION_TIMEOUT_HOURS": "2",
            "PUBLIC_BASE_URL": "https://app.example.com/",
            "APPROVAL_LINK_KEY": LINK_KEY,
            "APPROVAL_LINK_PREVIOUS_KEY": OLD_LINK_KEY,
            "DRAFT_CONTAINER": "my-drafts",
            "STATE_DIR": str(tmp_path / "state"),
            "APP_SERVICE_AUTHENTICATION": "true",
            "AGENT_WAIT_SECONDS": "0",
            "OFFLINE_MODEL_LATENCY_SECONDS": "1.5",
            "AGENT_RETRY_ATTEMPTS": "1",
            "AGENT_RETRY_SECONDS": "0.5",
            "AGENT_STALL_SECONDS": "7",
            "SESSION_COMPACTION_BYTES": "5000",
            "SESSION_KEEP_TURNS": "2",
            "TOOL_RESULT_BYTES": "400",
            "TOOL_APPROVAL_HOURS": "0.5",
            "AZURE_CLIENT_ID": "id",
            "SESSION_TABLE_ACCOUNT_URL": "https://a.table.core.windows.net",
            "SESSION_TABLE": "mytable",
            "SESSION_TTL_DAYS": "Never",
            "SESSION_SWEEP_SCHEDULE": "0 0 3 * * *",
        }
    )
    index = TableIndexSettings("https://a.table.core.windows.net", "mytable", "id")
    assert settings.sessions == SessionSettings(index, None, "0 0 3 * * *")
    assert settings.model == OfflineSettings(latency_seconds=1.5)
    assert settings.mail == MailSettings("mail.example.com", 25, "mailer", "pw", "bot@example.com", use_starttls=False)
    assert settings.review == ReviewSettings("https://hooks.example.com/x", 0.5, 0, ("ada", "bob"), 2, "eve", 2)
    key_file = tmp_path / "state" / "approval-link.key"
    links = ApprovalLinkSettings("https://app.example.com", key_file, LINK_KEY, OLD_LINK_KEY)
    assert settings.approval_links == links
    assert LINK_KEY not in repr(settings)
    assert OLD_LINK_KEY not in repr(settings)
    drafts = DraftSettings("https://a.blob.core.windows.net", "my-drafts", tmp_path / "state" / "drafts", "id")
    assert settings.drafts == drafts
    assert settings.trusts_app_service
    assert settings.publishing.blob_account_url == "https://a.blob.core.windows.net"
    assert settings.publishing.container == "my-posts"
    assert settings.publishing.directory == tmp_path / "pub"
    assert settings.publishing.managed_identity_client_id == "id"
    assert settings.outbox_dir == tmp_path / "out"
    assert settings.agent_wait_seconds == 0
    assert settings.mcp_server == McpServerSettings("https://tools.example.com/mcp", "token", 2, 0.5)
    assert settings.agents == AgentSettings(1, 0.5, 7, 5_000, 2, 400, 0.5)


@pytest.mark.parametrize(
    ("environ", "model"),
    [
        ({}, OfflineSettings()),
        ({"MODEL_PROVIDER": ""}, OfflineSettings()),
        ({"MODEL_PROVIDER": "offline", **OPENAI}, OfflineSettings()),
        (AZURE_OPENAI, AzureOpenAISettings("https://r.openai.azure.com", "chat")),
        (
            {**AZURE_OPENAI, "AZURE_OPENAI_API_KEY": "k", "AZURE_OPENAI_API_VERSION": "v", "AZURE_CLIENT_ID": "id"},
            AzureOpenAISettings("https://r.openai.azure.com", "chat", "k", "v", "id"),
        ),
        (FOUNDRY, FoundrySettings("https://r.services.ai.azure.com/api/projects/p", "chat")),
        (
            {**FOUNDRY, "AZURE_CLIENT_ID": "id"},
            FoundrySettings("https://r.services.ai.azure.com/api/projects/p", "chat", "id"),
        ),
        (OPENAI, OpenAISettings("sk-secret", "chat")),
        ({"OPENAI_API_KEY": "sk-secret"}, OpenAISettings("sk-secret", "gpt-5.4-mini")),
        (
            {**OPENAI, "OPENAI_BASE_URL": "http://localhost:11434/v1"},
            OpenAISettings("sk-secret", "chat", "http://localhost:11434/v1"),
        ),
        ({"MODEL_PROVIDER": "openai", **OPENAI, **AZURE_OPENAI}, OpenAISettings("sk-secret", "chat")),
        ({"MODEL_PROVIDER": "foundry", **FOUNDRY, **AZURE_OPENAI, **IN_AZURE}, FoundrySettings(*FOUNDRY.values())),
        ({**AZURE_OPENAI, **IN_AZURE}, AzureOpenAISettings("https://r.openai.azure.com", "chat")),
    ],
)
def test_the_provider_is_the_one_stated_else_the_one_configured(environ: dict[str, str], model: ModelSettings) -> None:
    assert Settings.from_environ(environ).model == model


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        ({"MODEL_PROVIDER": "azure"}, "'MODEL_PROVIDER' is 'azure'. Expected one of azure_openai, foundry, openai"),
        ({**OPENAI, **FOUNDRY}, "'MODEL_PROVIDER' is missing, and settings of foundry and openai exist"),
        (IN_AZURE, "'MODEL_PROVIDER' is missing. In Azure, expected one of azure_openai, foundry, openai."),
        ({**IN_AZURE, "WEBSITE_INSTANCE_ID": "0"}, "'MODEL_PROVIDER' is missing. In Azure"),
        (
            {**OPENAI, **IN_AZURE, "SESSION_TABLE_ACCOUNT_URL": ""},
            "'SESSION_TABLE_ACCOUNT_URL' is missing. In Azure, set it to the table",
        ),
        ({"SESSION_TABLE_ACCOUNT_URL": "account"}, "'SESSION_TABLE_ACCOUNT_URL' is not a URL."),
        ({"SESSION_TABLE": "my-table"}, "'SESSION_TABLE' is 'my-table'. Expected 3 to 63 letters and digits"),
        ({"SESSION_TTL_DAYS": "0"}, "'SESSION_TTL_DAYS' is '0'. Expected a number of days above 0"),
        ({"SESSION_TTL_DAYS": "nan"}, "'SESSION_TTL_DAYS' is 'nan'."),
        ({"SESSION_TTL_DAYS": "none"}, "'SESSION_TTL_DAYS' is 'none'. Expected a number of days above 0"),
        ({"SESSION_SWEEP_SCHEDULE": "*/5 * * * *"}, "'SESSION_SWEEP_SCHEDULE' is '*/5 * * * *'. Expected a cron"),
        ({"MODEL_PROVIDER": "offline", **IN_AZURE}, "'MODEL_PROVIDER' is 'offline', which is for development."),
        ({"AZURE_OPENAI_ENDPOINT": "https://r"}, "'AZURE_OPENAI_DEPLOYMENT_NAME' is missing. Set it to the name"),
        ({"AZURE_OPENAI_DEPLOYMENT_NAME": "chat"}, "'AZURE_OPENAI_ENDPOINT' is missing. Set it to https://<resource>"),
        ({"FOUNDRY_PROJECT_ENDPOINT": "https://r"}, "'FOUNDRY_MODEL' is missing."),
        ({"FOUNDRY_MODEL": "chat"}, "'FOUNDRY_PROJECT_ENDPOINT' is missing."),
        ({"OPENAI_MODEL": "m"}, "'OPENAI_API_KEY' is missing."),
        ({**OPENAI, "OPENAI_BASE_URL": "localhost:11434"}, "'OPENAI_BASE_URL' is not a URL."),
        ({**AZURE_OPENAI, "AZURE_OPENAI_ENDPOINT": "https://"}, "'AZURE_OPENAI_ENDPOINT' is not a URL."),
        ({"REVIEW_WEBHOOK_URL": "ftp://x"}, "'REVIEW_WEBHOOK_URL' is not a URL."),
        ({"PUBLISH_BLOB_ACCOUNT_URL": "account"}, "'PUBLISH_BLOB_ACCOUNT_URL' is not a URL."),
        ({"REVIEWERS": "ada,,bob"}, "'REVIEWERS' is 'ada,,bob'. Expected at most 10 different names, with commas"),
        ({"REVIEWERS": "ada,Ada"}, "'ada' and 'Ada' are the same person."),
        ({"REVIEWERS": "ada,\u0430da"}, "letters of cyrillic and latin can look alike"),
        ({"REVIEWERS": "ada,ad\u200ba"}, "U+200B, which nobody sees."),
        ({"REVIEWERS": ",".join("abcdefghijk")}, "with commas: there are 11."),
        ({"REVIEWERS": "ada", "REQUIRED_APPROVALS": "2"}, "'REQUIRED_APPROVALS' is 2, and REVIEWERS names 1."),
        ({"REQUIRED_APPROVALS": "2"}, "'REQUIRED_APPROVALS' is 2, and REVIEWERS names 0."),
        ({"SECOND_REVIEWER": "eve\u3164"}, "'SECOND_REVIEWER' is 'eve\u3164'. Expected one name"),
        ({"APPROVAL_LINK_KEY": "short"}, "'APPROVAL_LINK_KEY' has 5 characters. Expected 32 or more, at random."),
        (
            {**OPENAI, **IN_AZURE, "APPROVAL_LINK_KEY": "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/s/k)"},
            "'APPROVAL_LINK_KEY' is a Key Vault reference that was not resolved. Check that the secret exists",
        ),
        ({"APPROVAL_LINK_PREVIOUS_KEY": "x"}, "'APPROVAL_LINK_PREVIOUS_KEY' has 1 characters."),
        ({"DRAFT_CONTAINER": "D"}, "'DRAFT_CONTAINER' is 'D'. Expected 3 to 63"),
        (
            {**OPENAI, **IN_AZURE, "APPROVAL_LINK_KEY": ""},
            "'APPROVAL_LINK_KEY' is missing. In Azure, set it to 32 random",
        ),
        (
            {**OPENAI, **IN_AZURE, "PUBLISH_BLOB_ACCOUNT_URL": ""},
            "'PUBLISH_BLOB_ACCOUNT_URL' is missing. In Azure, set it to",
        ),
        ({"PUBLISH_CONTAINER": "My_Posts"}, "'PUBLISH_CONTAINER' is 'My_Posts'. Expected 3 to 63"),
        ({"SMTP_PORT": "smtp"}, "'SMTP_PORT' is 'smtp'. Expected a whole number from 1 to 65535."),
        ({"SMTP_PORT": "0"}, "'SMTP_PORT' is '0'."),
        ({"SMTP_STARTTLS": "yes"}, "'SMTP_STARTTLS' is 'yes'. Expected true or false."),
        ({"MCP_SERVER_TOKEN": "token"}, "'MCP_SERVER_URL' is missing, and MCP_SERVER_TOKEN is set. Set both"),
        ({"MCP_SERVER_URL": "tools.example.com"}, "'MCP_SERVER_URL' is not a URL."),
        ({"MCP_CALL_SECONDS": "0"}, "'MCP_CALL_SECONDS' is '0'. Expected a number from 0.1 to 600."),
        ({"SMTP_USERNAME": "mailer"}, "'SMTP_PASSWORD' is missing. Set both"),
        ({"SMTP_PASSWORD": "pw"}, "'SMTP_USERNAME' is missing. Set both"),
        ({"MAIL_SENDER": "bot"}, "'MAIL_SENDER' is 'bot'. Expected one e-mail address in ASCII"),
        ({"APPROVAL_TIMEOUT_HOURS": "-1"}, "'APPROVAL_TIMEOUT_HOURS' is '-1'. Expected a number from 0 to 8760."),
        ({"APPROVAL_TIMEOUT_HOURS": "nan"}, "'APPROVAL_TIMEOUT_HOURS' is 'nan'."),
        ({"MAX_REVISIONS": "1.5"}, "'MAX_REVISIONS' is '1.5'. Expected a whole number from 0 to 100."),
        ({"AGENT_WAIT_SECONDS": "300"}, "'AGENT_WAIT_SECONDS' is '300'. Expected a number from 0 to 230."),
        ({"AGENT_RETRY_ATTEMPTS": "0"}, "'AGENT_RETRY_ATTEMPTS' is '0'. Expected a whole number from 1 to 10."),
        ({"AGENT_STALL_SECONDS": "0"}, "'AGENT_STALL_SECONDS' is '0'. Expected a number from 0.1 to 3600."),
        ({"SESSION_COMPACTION_BYTES": "2000000"}, "'SESSION_COMPACTION_BYTES' is '2000000'."),
        ({"SESSION_KEEP_TURNS": "0"}, "'SESSION_KEEP_TURNS' is '0'. Expected a whole number from 1 to 1000."),
        ({"TOOL_RESULT_BYTES": "10"}, "'TOOL_RESULT_BYTES' is '10'. Expected a whole number from 200"),
        ({"RUN_RETENTION_DAYS": "0"}, "'RUN_RETENTION_DAYS' is '0'. Expected a number of days above 0"),
        ({"RUN_SWEEP_SCHEDULE": "hourly"}, "'RUN_SWEEP_SCHEDULE' is 'hourly'. Expected a cron expression"),
        ({"COMPLETION_WEBHOOK_URLS": "https://h.example.com/"}, "'COMPLETION_WEBHOOK_SECRET' is missing"),
        ({**WEBHOOKS, "COMPLETION_WEBHOOK_SECRET": "whsec_c2hvcnQ="}, "'COMPLETION_WEBHOOK_SECRET' is missing or has"),
        ({**WEBHOOKS, "COMPLETION_WEBHOOK_SECRET": "whsec_%"}, "'COMPLETION_WEBHOOK_SECRET' is missing or has another"),
        ({**WEBHOOKS, "COMPLETION_WEBHOOK_SECRET": "sk_" + "QUJD" * 8}, "'COMPLETION_WEBHOOK_SECRET' is missing or"),
        ({**WEBHOOKS, "COMPLETION_WEBHOOK_URLS": "https://"}, "'COMPLETION_WEBHOOK_URLS' does not list"),
        ({**WEBHOOKS, "COMPLETION_WEBHOOK_URLS": "https://H.example.com"}, "host in lower case"),
        ({**WEBHOOKS, "COMPLETION_WEBHOOK_URLS": "https://a@b.example.com"}, "'COMPLETION_WEBHOOK_URLS' does not"),
        ({**WEBHOOKS, "COMPLETION_WEBHOOK_URLS": "https://a.example.com https://b"}, "'COMPLETION_WEBHOOK_URLS' does"),
        ({"OFFLINE_MODEL_LATENCY_SECONDS": "soon"}, "'OFFLINE_MODEL_LATENCY_SECONDS' is 'soon'."),
    ],
)
def test_a_broken_rule_names_the_setting_and_the_fix(environ: dict[str, str], problem: str) -> None:
    (found,) = problems_of(environ)
    assert problem in found


def test_completion_webhooks_are_prefixes_that_end_with_a_slash_and_a_key() -> None:
    urls = "https://a.example.com, http://localhost:9/hooks/"
    webhooks = Settings.from_environ({**WEBHOOKS, "COMPLETION_WEBHOOK_URLS": urls}).completion_webhooks
    assert webhooks.url_prefixes == ("https://a.example.com/", "http://localhost:9/hooks/")
    assert webhooks.signing_key == b"ABC" * 8
    assert "ABC" not in repr(webhooks)


def test_runs_are_kept_for_30_days_unless_said_otherwise() -> None:
    assert Settings.from_environ({}).runs.retention == timedelta(days=30)
    assert Settings.from_environ({"RUN_RETENTION_DAYS": "never"}).runs.retention is None
    assert Settings.from_environ({"RUN_RETENTION_DAYS": "0.5"}).runs.retention == timedelta(hours=12)


def test_all_problems_come_in_one_message() -> None:
    environ = {"MODEL_PROVIDER": "azure_openai", "SMTP_PORT": "x", "MAX_REVISIONS": "x", **IN_AZURE}
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ(environ)
    message = str(caught.value)
    for name in ("AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_DEPLOYMENT_NAME", "SMTP_PORT", "MAX_REVISIONS"):
        assert message.count(f"'{name}'") == 1
    assert "local.settings.json.example" in message


@pytest.mark.parametrize(
    "environ", [{**AZURE_OPENAI, "AZURE_OPENAI_API_KEY": "s3cret"}, {**OPENAI, "OPENAI_API_KEY": "s3cret"}]
)
def test_secrets_are_not_in_the_repr(environ: dict[str, str]) -> None:
    secrets = {
        "SMTP_USERNAME": "mailer",
        "SMTP_PASSWORD": "s3cret",
        "REVIEW_WEBHOOK_URL": "https://h.example.com/s3cret",
        "MCP_SERVER_URL": "https://h.example.com/mcp?code=s3cret",
        "MCP_SERVER_TOKEN": "s3cret",
    }
    settings = Settings.from_environ({**environ, **secrets})
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in str(settings)


def test_secrets_are_not_in_the_error() -> None:
    environ = {"REVIEW_WEBHOOK_URL": "hooks/s3cret", "SMTP_PASSWORD": "s3cret", "OPENAI_BASE_URL": "s3cret"}
    found = problems_of({**environ, "OPENAI_API_KEY": "s3cret"})
    assert len(found) == 3
    assert "s3cret" not in " ".join(found)


def test_streams_are_kept_in_redis_if_it_is_set_and_nowhere_in_azure_without_it(tmp_path: Path) -> None:
    local = {"STATE_DIR": str(tmp_path), "STREAM_EXPIRY_SECONDS": "60", "STREAM_WAIT_SECONDS": "0"}
    settings = Settings.from_environ(local)
    assert settings.stream_store == SqliteStreamSettings(tmp_path, 60)
    assert settings.stream_wait_seconds == 0
    assert Settings.from_environ({**local, **OPENAI, **IN_AZURE}).stream_store is None
    redis = {"STREAM_REDIS_URL": "rediss://r.redis.azure.net:10000", "AZURE_CLIENT_ID": "id"}
    expected = RedisStreamSettings("rediss://r.redis.azure.net:10000", 60, "id")
    assert Settings.from_environ({**local, **OPENAI, **IN_AZURE, **redis}).stream_store == expected


@pytest.mark.parametrize(
    ("url", "uses_identity"),
    [
        ("rediss://r.redis.azure.net:10000", True),
        ("rediss://:key@r.redis.azure.net:10000", False),
        ("redis://localhost:6379", False),
    ],
)
def test_an_encrypted_redis_without_a_password_is_signed_in_to_with_an_identity(url: str, uses_identity: bool) -> None:
    assert RedisStreamSettings(url).uses_identity is uses_identity


@pytest.mark.parametrize(
    "url", ["https://r.redis.azure.net", "r.redis.azure.net:10000", "redis://", "redis://:pass word"]
)
def test_a_url_that_is_none_of_redis_is_a_problem_and_is_not_repeated(url: str) -> None:
    (problem,) = problems_of({"STREAM_REDIS_URL": url})
    assert "Setting 'STREAM_REDIS_URL' is not a Redis URL" in problem
    assert url not in problem


def test_the_password_of_redis_is_not_shown() -> None:
    assert "hidden" not in repr(Settings.from_environ({"STREAM_REDIS_URL": "rediss://:hidden@r.redis.azure.net:10000"}))


def test_in_azure_the_outbox_is_never_a_folder_of_the_instance() -> None:
    environ = {"WEBSITE_SITE_NAME": "app", "OUTBOX_DIR": "outbox", "AZURE_CLIENT_ID": "c"}
    with pytest.raises(SettingsError, match="'PUBLISH_BLOB_ACCOUNT_URL' is missing"):
        Settings.from_environ(environ)
    account = {"PUBLISH_BLOB_ACCOUNT_URL": "https://st.blob.core.windows.net"}
    assert read_outbox(Environment(environ | account)) == BlobFolder(account["PUBLISH_BLOB_ACCOUNT_URL"], "outbox", "c")
    assert read_outbox(Environment(account | {"OUTBOX_DIR": "out"})) == Path("out").absolute()
