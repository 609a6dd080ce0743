"""What is the app's own among the settings: mail, publishing, thresholds, the Librarian's server."""

import re
from pathlib import Path

import pytest

from durable_agents import SettingsError
from durable_agents.settings.groups import BlobFolder, McpServerSettings
from settings import MailSettings, Settings

ROOT = Path(__file__).parents[1]


def problems_of(environ: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ(environ)
    return caught.value.problems


def test_an_empty_environment_gives_the_defaults() -> None:
    settings = Settings.from_environ({})
    assert settings.mail == MailSettings(smtp_host=None, smtp_port=587, sender="agents@example.com", use_starttls=True)
    assert settings.publishing == Path("outbox/published").absolute()
    assert (settings.SPAM_CONFIDENCE_THRESHOLD, settings.MAX_REVISIONS) == (0.8, 3)
    assert settings.mcp_server is None


def test_every_setting_is_read() -> None:
    settings = Settings.from_environ(
        {
            "SMTP_URL": "smtp://mailer:p%40ss@mail.example.com:25",
            "MAIL_SENDER": "bot@example.com",
            "BLOB_ACCOUNT_URL": "https://a.blob.core.windows.net",
            "SPAM_CONFIDENCE_THRESHOLD": "0.9",
            "MAX_REVISIONS": "0",
            "MCP_SERVER_URL": "https://tools.example.com/mcp",
            "MCP_SERVER_TOKEN": "token",
        }
    )
    assert settings.mail == MailSettings("mail.example.com", 25, "mailer", "p@ss", "bot@example.com")
    assert settings.publishing == BlobFolder("https://a.blob.core.windows.net", "published")
    assert (settings.SPAM_CONFIDENCE_THRESHOLD, settings.MAX_REVISIONS) == (0.9, 0)
    assert settings.mcp_server == McpServerSettings("https://tools.example.com/mcp", "token")


def test_a_mail_server_may_want_no_login_and_has_a_usual_port() -> None:
    mail = Settings.from_environ({"SMTP_URL": "smtp://mail.example.com"}).mail
    assert mail == MailSettings("mail.example.com", 587)


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        ({"MCP_SERVER_TOKEN": "token"}, "'MCP_SERVER_URL' is missing, and MCP_SERVER_TOKEN is set. Set both"),
        ({"MCP_SERVER_URL": "tools.example.com"}, "'MCP_SERVER_URL' is not a URL."),
        (
            {"MAIL_SERVICE_URL": "http://x.communication.azure.com", "MAIL_SENDER": "bot@example.com"},
            "'MAIL_SERVICE_URL' is not",
        ),
        (
            {"MAIL_SERVICE_URL": "https://x.communication.azure.com"},
            "'MAIL_SENDER' is missing. With MAIL_SERVICE_URL, set it",
        ),
        (
            {"MAIL_SERVICE_URL": "https://x.y", "MAIL_SENDER": "bot@example.com", "SMTP_URL": "smtp://mail.y"},
            "'MAIL_SERVICE_URL' is set, and SMTP_URL is too.",
        ),
        ({"MAIL_SENDER": "bot"}, "'MAIL_SENDER' is 'bot'. Expected one e-mail address in ASCII"),
        ({"MAX_REVISIONS": "1.5"}, "'MAX_REVISIONS' is '1.5'. Expected a whole number from 0 to 100."),
        ({"SPAM_CONFIDENCE_THRESHOLD": "80"}, "'SPAM_CONFIDENCE_THRESHOLD' is '80'. Expected a number from 0 to 1."),
    ],
)
def test_a_broken_rule_names_the_setting_and_the_fix(environ: dict[str, str], problem: str) -> None:
    (found,) = problems_of(environ)
    assert problem in found


@pytest.mark.parametrize(
    "url",
    [
        "mail.s3cret.example.com",
        "https://s3cret.example.com",
        "smtp://",
        "smtp://s3cret@mail.example.com",
        "smtp://:s3cret@mail.example.com",
        "smtp://mail.example.com:s3cret",
        "smtp://mail.example.com:99999",
        "smtp://mail.example.com/s3cret",
        "smtp://mail.example.com?s3cret",
    ],
)
def test_what_is_no_url_of_a_mail_server_is_a_problem_and_is_not_repeated(url: str) -> None:
    (problem,) = problems_of({"SMTP_URL": url})
    assert "Setting 'SMTP_URL' is not the URL of a mail server. Expected smtp://" in problem
    assert "s3cret" not in problem


def test_problems_of_the_app_and_of_the_library_come_in_one_message() -> None:
    environ = {"MODEL_PROVIDER": "openai", "MAX_REVISIONS": "x", "AGENT_WAIT_SECONDS": "x", "MCP_SERVER_TOKEN": "x"}
    found = {re.findall(r"'(\w+)'", problem)[0] for problem in problems_of(environ)}
    assert found == {"OPENAI_API_KEY", "MAX_REVISIONS", "AGENT_WAIT_SECONDS", "MCP_SERVER_URL"}


def test_secrets_are_not_shown() -> None:
    settings = Settings.from_environ(
        {
            "SMTP_URL": "smtp://mailer:s3cret@mail.example.com",
            "MCP_SERVER_URL": "https://h.example.com/mcp?code=s3cret",
            "MCP_SERVER_TOKEN": "s3cret",
        }
    )
    assert "s3cret" not in f"{settings!r} {settings} {settings.mail} {settings.mcp_server}"
