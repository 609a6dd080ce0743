"""Every setting has a default or a rule; every broken rule is reported, all in one message."""

from pathlib import Path

import pytest

from settings import (
    AgentSettings,
    AzureOpenAISettings,
    FoundrySettings,
    MailSettings,
    ModelSettings,
    OfflineSettings,
    OpenAISettings,
    ReviewSettings,
    Settings,
    SettingsError,
    TriageSettings,
)

AZURE_OPENAI = {"AZURE_OPENAI_ENDPOINT": "https://r.openai.azure.com", "AZURE_OPENAI_DEPLOYMENT_NAME": "chat"}
FOUNDRY = {"FOUNDRY_PROJECT_ENDPOINT": "https://r.services.ai.azure.com/api/projects/p", "FOUNDRY_MODEL": "chat"}
OPENAI = {"OPENAI_API_KEY": "sk-secret", "OPENAI_MODEL": "chat"}
IN_AZURE = {"WEBSITE_SITE_NAME": "my-app"}


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
    assert settings.publishing.blob_account_url is None
    assert settings.publishing.container == "published"
    assert settings.publishing.directory == tmp_path / "published"
    assert settings.outbox_dir == tmp_path / "outbox"
    assert settings.triage == TriageSettings(spam_threshold=0.8)
    assert settings.agent_wait_seconds == 30
    assert settings.agents == AgentSettings(3, 30, 120, 200_000, 6, 16_384, 24)


def test_every_setting_is_read(tmp_path: Path) -> None:
    settings = Settings.from_environ(
        {
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
            "SPAM_CONFIDENCE_THRESHOLD": "0.9",
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
        }
    )
    assert settings.model == OfflineSettings(latency_seconds=1.5)
    assert settings.mail == MailSettings("mail.example.com", 25, "mailer", "pw", "bot@example.com", use_starttls=False)
    assert settings.review == ReviewSettings("https://hooks.example.com/x", 0.5, 0)
    assert settings.publishing.blob_account_url == "https://a.blob.core.windows.net"
    assert settings.publishing.container == "my-posts"
    assert settings.publishing.directory == tmp_path / "pub"
    assert settings.publishing.managed_identity_client_id == "id"
    assert settings.outbox_dir == tmp_path / "out"
    assert settings.triage.spam_threshold == 0.9
    assert settings.agent_wait_seconds == 0
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
        ({"WEBSITE_INSTANCE_ID": "0"}, "'MODEL_PROVIDER' is missing. In Azure"),
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
        ({"PUBLISH_CONTAINER": "My_Posts"}, "'PUBLISH_CONTAINER' is 'My_Posts'. Expected 3 to 63"),
        ({"SMTP_PORT": "smtp"}, "'SMTP_PORT' is 'smtp'. Expected a whole number from 1 to 65535."),
        ({"SMTP_PORT": "0"}, "'SMTP_PORT' is '0'."),
        ({"SMTP_STARTTLS": "yes"}, "'SMTP_STARTTLS' is 'yes'. Expected true or false."),
        ({"SMTP_USERNAME": "mailer"}, "'SMTP_PASSWORD' is missing. Set both"),
        ({"SMTP_PASSWORD": "pw"}, "'SMTP_USERNAME' is missing. Set both"),
        ({"MAIL_SENDER": "bot"}, "'MAIL_SENDER' is 'bot'. Expected an e-mail address."),
        ({"APPROVAL_TIMEOUT_HOURS": "-1"}, "'APPROVAL_TIMEOUT_HOURS' is '-1'. Expected a number from 0 to 8760."),
        ({"APPROVAL_TIMEOUT_HOURS": "nan"}, "'APPROVAL_TIMEOUT_HOURS' is 'nan'."),
        ({"MAX_REVISIONS": "1.5"}, "'MAX_REVISIONS' is '1.5'. Expected a whole number from 0 to 100."),
        ({"SPAM_CONFIDENCE_THRESHOLD": "80"}, "'SPAM_CONFIDENCE_THRESHOLD' is '80'. Expected a number from 0 to 1."),
        ({"AGENT_WAIT_SECONDS": "300"}, "'AGENT_WAIT_SECONDS' is '300'. Expected a number from 0 to 230."),
        ({"AGENT_RETRY_ATTEMPTS": "0"}, "'AGENT_RETRY_ATTEMPTS' is '0'. Expected a whole number from 1 to 10."),
        ({"AGENT_STALL_SECONDS": "0"}, "'AGENT_STALL_SECONDS' is '0'. Expected a number from 0.1 to 3600."),
        ({"SESSION_COMPACTION_BYTES": "2000000"}, "'SESSION_COMPACTION_BYTES' is '2000000'."),
        ({"SESSION_KEEP_TURNS": "0"}, "'SESSION_KEEP_TURNS' is '0'. Expected a whole number from 1 to 1000."),
        ({"TOOL_RESULT_BYTES": "10"}, "'TOOL_RESULT_BYTES' is '10'. Expected a whole number from 200"),
        ({"OFFLINE_MODEL_LATENCY_SECONDS": "soon"}, "'OFFLINE_MODEL_LATENCY_SECONDS' is 'soon'."),
    ],
)
def test_a_broken_rule_names_the_setting_and_the_fix(environ: dict[str, str], problem: str) -> None:
    (found,) = problems_of(environ)
    assert problem in found


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
    }
    settings = Settings.from_environ({**environ, **secrets})
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in str(settings)


def test_secrets_are_not_in_the_error() -> None:
    environ = {"REVIEW_WEBHOOK_URL": "hooks/s3cret", "SMTP_PASSWORD": "s3cret", "OPENAI_BASE_URL": "s3cret"}
    found = problems_of({**environ, "OPENAI_API_KEY": "s3cret"})
    assert len(found) == 3
    assert "s3cret" not in " ".join(found)
