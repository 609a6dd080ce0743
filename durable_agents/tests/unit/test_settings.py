"""Every setting has a default or a rule; every broken rule is reported, all in one message."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from durable_agents import HostingSettings, SettingsError
from durable_agents.http.access import Access
from durable_agents.settings.functions_host import FunctionsHost
from durable_agents.settings.groups import (
    ApprovalLinkSettings,
    AzureOpenAISettings,
    BlobFolder,
    FoundrySettings,
    ModelSettings,
    OfflineSettings,
    OpenAISettings,
    ReviewSettings,
)

AZURE_OPENAI = {"AZURE_OPENAI_ENDPOINT": "https://r.openai.azure.com", "AZURE_OPENAI_DEPLOYMENT_NAME": "chat"}
FOUNDRY = {"FOUNDRY_PROJECT_ENDPOINT": "https://r.services.ai.azure.com/api/projects/p", "FOUNDRY_MODEL": "chat"}
OPENAI = {"OPENAI_API_KEY": "sk-secret", "OPENAI_MODEL": "chat"}
WEBHOOKS = {
    "COMPLETION_WEBHOOK_URLS": "https://h.example.com/",
    "COMPLETION_WEBHOOK_SECRET": "whsec_" + "QUJD" * 8,
}
OVERRIDE = "AzureFunctionsJobHost__extensions__http__routePrefix"
LINK_KEY, OLD_LINK_KEY = "k" * 32, "o" * 32
IN_AZURE = {
    "WEBSITE_SITE_NAME": "my-app",
    "SESSION_TABLE_ACCOUNT_URL": "https://a.table.core.windows.net",
    "BLOB_ACCOUNT_URL": "https://a.blob.core.windows.net",
    "APPROVAL_LINK_KEY": LINK_KEY,
}


def problems_of(environ: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        HostingSettings.from_environ(environ)
    return caught.value.problems


def test_an_empty_environment_gives_the_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    settings = HostingSettings.from_environ({})
    assert settings.model == OfflineSettings(latency_seconds=0)
    assert settings.review == ReviewSettings(None, 24, (), 1, None, 24)
    assert settings.approval_links == ApprovalLinkSettings(tmp_path / ".agents" / "approval-link.key")
    assert settings.drafts == tmp_path / ".agents" / "drafts"
    assert settings.outbox_dir == tmp_path / "outbox"
    assert settings.session_index == settings.stream_store == tmp_path / ".agents"
    assert timedelta(days=14) == settings.SESSION_TTL_DAYS
    assert timedelta(days=29) == settings.RUN_RETENTION_DAYS
    assert settings.AGENT_WAIT_SECONDS == 30
    assert not settings.APP_SERVICE_AUTHENTICATION
    assert settings.completion_webhooks.url_prefixes == ()
    assert (settings.PUBLIC_BASE_URL, settings.host.own_url) == (None, "http://localhost:7071")


def test_every_setting_is_read(tmp_path: Path) -> None:
    settings = HostingSettings.from_environ(
        {
            "OUTBOX_DIR": str(tmp_path / "out"),
            "REVIEW_WEBHOOK_URL": "https://hooks.example.com/x",
            "APPROVAL_TIMEOUT_HOURS": "0.5",
            "BLOB_ACCOUNT_URL": "https://a.blob.core.windows.net",
            "REVIEWERS": "ada, bob",
            "REQUIRED_APPROVALS": "2",
            "SECOND_REVIEWER": "eve",
            "PUBLIC_BASE_URL": "https://app.example.com/",
            "APPROVAL_LINK_KEY": LINK_KEY,
            "APPROVAL_LINK_PREVIOUS_KEY": OLD_LINK_KEY,
            "STATE_DIR": str(tmp_path / "state"),
            "APP_SERVICE_AUTHENTICATION": "True",
            "AGENT_WAIT_SECONDS": "0",
            "OFFLINE_MODEL_LATENCY_SECONDS": "1.5",
            "SESSION_TABLE_ACCOUNT_URL": "https://a.table.core.windows.net",
            "SESSION_TTL_DAYS": "Never",
            "RUN_RETENTION_DAYS": "0.5",
        }
    )
    assert settings.model == OfflineSettings(latency_seconds=1.5)
    assert settings.review == ReviewSettings("https://hooks.example.com/x", 0.5, ("ada", "bob"), 2, "eve")
    key_file = tmp_path / "state" / "approval-link.key"
    assert settings.approval_links == ApprovalLinkSettings(key_file, LINK_KEY, OLD_LINK_KEY)
    assert settings.drafts == BlobFolder("https://a.blob.core.windows.net", "drafts")
    assert settings.outbox_dir == tmp_path / "out"
    assert settings.session_index == "https://a.table.core.windows.net"
    assert (None, timedelta(hours=12)) == (settings.SESSION_TTL_DAYS, settings.RUN_RETENTION_DAYS)
    assert settings.AGENT_WAIT_SECONDS == 0
    assert settings.APP_SERVICE_AUTHENTICATION
    assert settings.PUBLIC_BASE_URL == "https://app.example.com/"


def test_empty_and_blank_are_not_set() -> None:
    blank = dict.fromkeys(HostingSettings.model_fields, " ") | {"MODEL_PROVIDER": ""}
    assert HostingSettings.from_environ(blank) == HostingSettings.from_environ({})


def test_the_constructor_reads_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_WAIT_SECONDS", "7")
    assert HostingSettings().AGENT_WAIT_SECONDS == 30
    assert HostingSettings(AGENT_WAIT_SECONDS=9).AGENT_WAIT_SECONDS == 9


@pytest.mark.parametrize(
    ("environ", "model"),
    [
        ({}, OfflineSettings()),
        ({"MODEL_PROVIDER": ""}, OfflineSettings()),
        ({"MODEL_PROVIDER": "offline", **OPENAI}, OfflineSettings()),
        (AZURE_OPENAI, AzureOpenAISettings("https://r.openai.azure.com", "chat")),
        (
            {**AZURE_OPENAI, "AZURE_OPENAI_API_KEY": "k"},
            AzureOpenAISettings("https://r.openai.azure.com", "chat", "k"),
        ),
        (FOUNDRY, FoundrySettings("https://r.services.ai.azure.com/api/projects/p", "chat")),
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
    assert HostingSettings.from_environ(environ).model == model


REFERENCE = "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/s/k)"


@pytest.mark.parametrize("names", [["APPROVAL_LINK_KEY"], ["APPROVAL_LINK_KEY", "APPROVAL_LINK_PREVIOUS_KEY"]])
def test_in_azure_the_app_starts_before_the_vault_has_given_the_key_of_links(names: list[str]) -> None:
    settings = HostingSettings.from_environ({**OPENAI, **IN_AZURE, **dict.fromkeys(names, REFERENCE)})
    assert (settings.approval_links.key, settings.approval_links.previous_key) == (None, None)
    assert settings.approval_links.unresolved == tuple(names)
    assert settings.seal_key == BlobFolder(IN_AZURE["BLOB_ACCOUNT_URL"], "payloads", "_key/")


def test_in_azure_the_app_starts_before_the_vault_has_given_the_key_of_operators() -> None:
    settings = HostingSettings.from_environ({**OPENAI, **IN_AZURE, "OPERATOR_KEY": REFERENCE})
    access = Access.of(settings)
    # What operators do is closed until it is there, and no link waits for it.
    assert (access.operator_key, access.needs_operator_key) == (None, True)
    assert settings.approval_links.unresolved == ()
    assert settings.approval_links.key == IN_AZURE["APPROVAL_LINK_KEY"]


def test_on_one_machine_the_key_of_links_seals_as_well() -> None:
    assert HostingSettings.from_environ({**OPENAI, "BLOB_ACCOUNT_URL": IN_AZURE["BLOB_ACCOUNT_URL"]}).seal_key is None


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
        ({"SESSION_TTL_DAYS": "0"}, "'SESSION_TTL_DAYS' is '0'. Expected a number of days above 0"),
        ({"SESSION_TTL_DAYS": "nan"}, "'SESSION_TTL_DAYS' is 'nan'."),
        ({"SESSION_TTL_DAYS": "none"}, "'SESSION_TTL_DAYS' is 'none'. Expected a number of days above 0"),
        ({"MODEL_PROVIDER": "offline", **IN_AZURE}, "'MODEL_PROVIDER' is 'offline', which is for development."),
        ({"AZURE_OPENAI_ENDPOINT": "https://r"}, "'AZURE_OPENAI_DEPLOYMENT_NAME' is missing. Set it to the name"),
        ({"AZURE_OPENAI_DEPLOYMENT_NAME": "chat"}, "'AZURE_OPENAI_ENDPOINT' is missing. Set it to https://<resource>"),
        ({"FOUNDRY_PROJECT_ENDPOINT": "https://r"}, "'FOUNDRY_MODEL' is missing."),
        ({"FOUNDRY_MODEL": "chat"}, "'FOUNDRY_PROJECT_ENDPOINT' is missing."),
        ({"OPENAI_MODEL": "m"}, "'OPENAI_API_KEY' is missing."),
        ({**OPENAI, "OPENAI_BASE_URL": "localhost:11434"}, "'OPENAI_BASE_URL' is not a URL."),
        ({**AZURE_OPENAI, "AZURE_OPENAI_ENDPOINT": "https://"}, "'AZURE_OPENAI_ENDPOINT' is not a URL."),
        ({"REVIEW_WEBHOOK_URL": "ftp://x"}, "'REVIEW_WEBHOOK_URL' is not a URL."),
        ({"BLOB_ACCOUNT_URL": "account"}, "'BLOB_ACCOUNT_URL' is not a URL."),
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
            {**OPENAI, **IN_AZURE, "REVIEW_WEBHOOK_URL": REFERENCE},
            "'REVIEW_WEBHOOK_URL' is a Key Vault reference that was not resolved. Check that the secret exists",
        ),
        (
            {**OPENAI, "APPROVAL_LINK_KEY": REFERENCE},
            "'APPROVAL_LINK_KEY' is a Key Vault reference that was not resolved. Check that the secret exists",
        ),
        ({"APP_SERVICE_AUTHENTICATION": "yes"}, "'APP_SERVICE_AUTHENTICATION' is 'yes'. Expected true or false."),
        ({"REQUIRED_APPROVALS": "1.0"}, "'REQUIRED_APPROVALS' is '1.0'. Expected a whole number from 1 to 10."),
        ({"PUBLIC_BASE_URL": "app.example.com"}, "'PUBLIC_BASE_URL' is not a URL."),
        ({"OPENAI_BASE_URL": "x", "OPENAI_API_KEY": "k"}, "'OPENAI_BASE_URL' is not a URL."),
        ({"APPROVAL_LINK_PREVIOUS_KEY": "x"}, "'APPROVAL_LINK_PREVIOUS_KEY' has 1 characters."),
        (
            {**OPENAI, **IN_AZURE, "APPROVAL_LINK_KEY": ""},
            "'APPROVAL_LINK_KEY' is missing. In Azure, set it to 32 random",
        ),
        (
            {**OPENAI, **IN_AZURE, "BLOB_ACCOUNT_URL": ""},
            "'BLOB_ACCOUNT_URL' is missing. In Azure, set it to",
        ),
        ({"APPROVAL_TIMEOUT_HOURS": "-1"}, "'APPROVAL_TIMEOUT_HOURS' is '-1'. Expected a number from 0 to 8760."),
        ({"APPROVAL_TIMEOUT_HOURS": "nan"}, "'APPROVAL_TIMEOUT_HOURS' is 'nan'."),
        ({"AGENT_WAIT_SECONDS": "300"}, "'AGENT_WAIT_SECONDS' is '300'. Expected a number from 0 to 230."),
        ({"RUN_RETENTION_DAYS": "0"}, "'RUN_RETENTION_DAYS' is '0'. Expected a number of days above 0"),
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
    webhooks = HostingSettings.from_environ({**WEBHOOKS, "COMPLETION_WEBHOOK_URLS": urls}).completion_webhooks
    assert webhooks.url_prefixes == ("https://a.example.com/", "http://localhost:9/hooks/")
    assert webhooks.signing_key == b"ABC" * 8
    assert "ABC" not in repr(webhooks)


def test_all_problems_come_in_one_message() -> None:
    environ = {"MODEL_PROVIDER": "azure_openai", "AGENT_WAIT_SECONDS": "x", "REQUIRED_APPROVALS": "x", **IN_AZURE}
    with pytest.raises(SettingsError) as caught:
        HostingSettings.from_environ(environ)
    message = str(caught.value)
    for name in ("AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_DEPLOYMENT_NAME", "AGENT_WAIT_SECONDS", "REQUIRED_APPROVALS"):
        assert message.count(f"'{name}'") == 1
    assert "local.settings.json.example" in message


@pytest.mark.parametrize(
    "environ", [{**AZURE_OPENAI, "AZURE_OPENAI_API_KEY": "s3cret"}, {**OPENAI, "OPENAI_API_KEY": "s3cret"}]
)
def test_secrets_are_not_in_the_repr(environ: dict[str, str]) -> None:
    secrets = {
        "REVIEW_WEBHOOK_URL": "https://h.example.com/s3cret",
        "STREAM_REDIS_URL": "rediss://:s3cret@r.redis.azure.net:10000",
        "APPROVAL_LINK_KEY": "s3cret" * 6,
        "APPROVAL_LINK_PREVIOUS_KEY": "s3cret" * 7,
    }
    settings = HostingSettings.from_environ({**environ, **secrets})
    groups = (settings.model, settings.review, settings.approval_links, settings.stream_store)
    assert "s3cret" not in f"{settings!r} {settings} {settings.model_dump()} {groups}"


def test_secrets_are_not_in_the_error() -> None:
    environ = {"REVIEW_WEBHOOK_URL": "hooks/s3cret", "APPROVAL_LINK_KEY": "s3cret", "OPENAI_BASE_URL": "s3cret"}
    found = problems_of({**environ, "OPENAI_API_KEY": "s3cret"})
    assert len(found) == 3
    assert "s3cret" not in " ".join(found)


def test_streams_are_kept_in_redis_if_it_is_set_and_nowhere_in_azure_without_it(tmp_path: Path) -> None:
    local = {"STATE_DIR": str(tmp_path)}
    assert HostingSettings.from_environ(local).stream_store == tmp_path
    assert HostingSettings.from_environ({**local, **OPENAI, **IN_AZURE}).stream_store is None
    redis = {"STREAM_REDIS_URL": "rediss://r.redis.azure.net:10000"}
    expected = SecretStr("rediss://r.redis.azure.net:10000")
    assert HostingSettings.from_environ({**local, **OPENAI, **IN_AZURE, **redis}).stream_store == expected


@pytest.mark.parametrize(
    "url", ["https://r.redis.azure.net", "r.redis.azure.net:10000", "redis://", "redis://:pass word"]
)
def test_a_url_that_is_none_of_redis_is_a_problem_and_is_not_repeated(url: str) -> None:
    (problem,) = problems_of({"STREAM_REDIS_URL": url})
    assert "Setting 'STREAM_REDIS_URL' is not a Redis URL" in problem
    assert url not in problem


def test_the_password_of_redis_is_not_shown() -> None:
    assert "hidden" not in repr(
        HostingSettings.from_environ({"STREAM_REDIS_URL": "rediss://:hidden@r.redis.azure.net:10000"})
    )


def test_in_azure_the_outbox_is_never_a_folder_of_the_instance() -> None:
    environ = {**OPENAI, **IN_AZURE, "OUTBOX_DIR": "out"}
    (problem,) = problems_of(environ | {"BLOB_ACCOUNT_URL": ""})
    assert "'BLOB_ACCOUNT_URL' is missing" in problem
    assert HostingSettings.from_environ(environ).outbox_dir == BlobFolder(IN_AZURE["BLOB_ACCOUNT_URL"], "outbox")
    local = {"BLOB_ACCOUNT_URL": IN_AZURE["BLOB_ACCOUNT_URL"], "OUTBOX_DIR": "out"}
    assert HostingSettings.from_environ(local).outbox_dir == Path("out").absolute()


def test_the_rules_of_a_class_that_derives_are_reported_with_the_others() -> None:
    class Mine(HostingSettings):
        WIDTH: int = 3

    with pytest.raises(SettingsError) as caught:
        Mine.from_environ({"WIDTH": "wide", "AGENT_WAIT_SECONDS": "-1"})
    assert len(caught.value.problems) == 2
    assert "Setting 'WIDTH' cannot be used. Input should be a valid integer" in str(caught.value)
    assert Mine.from_environ({"WIDTH": "4"}).WIDTH == 4


@pytest.mark.parametrize(
    ("content", "environ", "prefix"),
    [
        (None, {}, "api"),
        ({"version": "2.0"}, {}, "api"),
        ({"extensions": {"http": {"routePrefix": "v1/app"}}}, {}, "v1/app"),
        ({"extensions": {"http": {"routePrefix": "/v1/"}}}, {}, "v1"),
        ({"extensions": {"http": {"routePrefix": ""}}}, {}, ""),
        ({"extensions": {"http": {"routePrefix": "v1"}}}, {OVERRIDE: "v2"}, "v2"),
        ({"extensions": {"http": {"routePrefix": "v1"}}}, {OVERRIDE.upper(): ""}, ""),
    ],
)
def test_the_route_prefix_is_that_of_the_host(
    tmp_path: Path, content: object, environ: dict[str, str], prefix: str
) -> None:
    if content is not None:
        (tmp_path / "host.json").write_text(json.dumps(content), encoding="utf-8")
    environ = environ | {"AzureWebJobsScriptRoot": str(tmp_path)}
    assert HostingSettings.from_environ(environ).host.route_prefix == prefix


@pytest.mark.parametrize(
    ("content", "environ", "seconds"),
    [
        ({}, {}, 1_800),
        ({"functionTimeout": "00:10:00"}, {}, 600),
        ({"functionTimeout": "1.00:00:05.5"}, {}, 86_405.5),
        ({"functionTimeout": "-1"}, {}, None),
        ({"functionTimeout": "00:10:00"}, {"AzureFunctionsJobHost__functionTimeout": "00:00:05"}, 5),
    ],
)
def test_the_time_of_a_function_is_that_of_the_host(
    tmp_path: Path, content: object, environ: dict[str, str], seconds: float | None
) -> None:
    (tmp_path / "host.json").write_text(json.dumps(content), encoding="utf-8")
    environ = environ | {"AzureWebJobsScriptRoot": str(tmp_path)}
    assert HostingSettings.from_environ(environ).host.function_seconds == seconds


SCHEDULER = {"extensions": {"durableTask": {"storageProvider": {"type": "azureManaged"}}}}
OTHER_STORE = {"AzureFunctionsJobHost__extensions__durableTask__storageProvider__type": "AzureStorage"}


@pytest.mark.parametrize("days", ["never", "90", "365"])
def test_what_the_scheduler_removes_cannot_be_kept_longer(tmp_path: Path, days: str) -> None:
    (tmp_path / "host.json").write_text(json.dumps(SCHEDULER), encoding="utf-8")
    here = {**OPENAI, "AzureWebJobsScriptRoot": str(tmp_path), "RUN_RETENTION_DAYS": days}
    (problem,) = problems_of({**here, **IN_AZURE})
    assert f"'RUN_RETENTION_DAYS' is {days}. The Durable Task Scheduler removes a run 90 days after" in problem
    HostingSettings.from_environ(here)
    HostingSettings.from_environ({**here, **IN_AZURE, **OTHER_STORE})
    HostingSettings.from_environ({**here, **IN_AZURE, "RUN_RETENTION_DAYS": "89.5"})


@pytest.mark.parametrize(("days", "warns"), [("29", False), ("29.9", False), ("30", True), ("89", True)])
def test_what_a_consumption_scheduler_removes_earlier_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, days: str, warns: bool
) -> None:
    (tmp_path / "host.json").write_text(json.dumps(SCHEDULER), encoding="utf-8")
    here = {**OPENAI, "AzureWebJobsScriptRoot": str(tmp_path), "RUN_RETENTION_DAYS": days}
    HostingSettings.from_environ(here)
    HostingSettings.from_environ({**here, **IN_AZURE, **OTHER_STORE})
    assert not caplog.messages
    HostingSettings.from_environ({**here, **IN_AZURE})
    assert any("Consumption SKU removes a run after 30 days" in message for message in caplog.messages) is warns


@pytest.mark.parametrize(
    ("function", "limit", "turn"), [(600, 1_500, 570), (5, 1_500, 4.5), (1_800, 100, 100), (None, 1_500, 1_500)]
)
def test_a_turn_ends_before_the_host_ends_the_function(function: float | None, limit: float, turn: float) -> None:
    assert FunctionsHost(function_seconds=function).turn_seconds(limit) == turn


@pytest.mark.parametrize("text", ["{", "[]", '{"extensions": 1}', '{"functionTimeout": "soon"}'])
def test_a_host_json_that_cannot_be_read_is_a_problem(tmp_path: Path, text: str) -> None:
    (tmp_path / "host.json").write_text(text, encoding="utf-8")
    (problem,) = problems_of({"AzureWebJobsScriptRoot": str(tmp_path)})
    assert str(tmp_path / "host.json") in problem


def test_the_app_is_reached_where_the_host_says() -> None:
    host = HostingSettings.from_environ({**OPENAI, **IN_AZURE, "WEBSITE_HOSTNAME": "my-app.azurewebsites.net"}).host
    assert host.own_url == "https://my-app.azurewebsites.net"
    assert HostingSettings.from_environ({"WEBSITE_HOSTNAME": "localhost:7072"}).host.own_url == "http://localhost:7072"


def test_reading_settings_loads_nothing_big() -> None:
    program = """
import sys
import durable_agents.settings.hosting
print(sorted({"boto3", "redis", "azure.identity", "azure.keyvault", "yaml", "google.cloud"} & set(sys.modules)))
"""
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert finished.stdout == "[]\n"


def test_there_are_few_settings() -> None:
    """What nearly nobody sets is an argument; an app needs room for its own."""
    assert len(HostingSettings.model_fields) <= 30
