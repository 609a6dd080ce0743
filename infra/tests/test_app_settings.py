"""What the infrastructure tells the app is what the app asks for: neither less nor more, under the same names."""

import json
import re

import pytest
from pydantic import SecretStr

from durable_agents import SettingsError
from durable_agents.sessions.index_factory import TABLE
from durable_agents.settings.groups import AzureOpenAISettings, BlobFolder
from durable_agents.streams.store_factory import signs_in_with_identity
from infra.tests.bicep_file import INFRA, text, unquoted
from infra.tests.infrastructure import THIS_PROJECT, Infrastructure
from infra.write_local_settings import MODEL_OUTPUTS
from settings import Settings

PROJECT = INFRA.parent
DEPLOYMENT = PROJECT / "docs" / "deployment.md"
documented_here = pytest.mark.skipif(not DEPLOYMENT.exists(), reason="this project has no docs/deployment.md")
IN_AZURE = {"WEBSITE_SITE_NAME": "app", "WEBSITE_HOSTNAME": "app.azurewebsites.net"}
# What Azure puts in the place of expressions, by the output that they read.
VALUES = {
    "identity.outputs.clientId": "11111111-1111-1111-1111-111111111111",
    "taskHub.outputs.name": "hub",
    "modelAccess.outputs.endpoint": "https://ai.openai.azure.com/",
    "deploymentName": "chat",
    "string(runRetentionDays)": "29",
    "storage.outputs.tableUrl": "https://st.table.core.windows.net/",
    "storage.outputs.blobUrl": "https://st.blob.core.windows.net/",
    "linkKeys.outputs.keyReference": "k" * 72,
    "linkKeys.outputs.previousKeyReference": "p" * 72,
    "linkKeys.outputs.operatorKeyReference": "o" * 72,
    "redis!.outputs.url": "rediss://redis.swedencentral.redis.azure.net:10000",
}


def settings_of(project: Infrastructure) -> dict[str, str]:
    """Return the settings of the app, as expressions."""
    variables = project.main.declared("variable")
    return variables["settings"].properties | variables["redisSettings"].properties


def host_settings_of(project: Infrastructure) -> dict[str, str]:
    """Return the settings that are the host's alone."""
    return project.bicep["function_app"].declared("variable")["hostSettings"].properties


def deployed_environment(project: Infrastructure = THIS_PROJECT) -> dict[str, str]:
    """Return the settings of the app as Azure gives them to it."""
    return {name: VALUES.get(value, value) for name, value in settings_of(project).items()} | IN_AZURE


def settings_of_host_json(project: Infrastructure) -> set[str]:
    """Return the names of the settings that host.json refers to."""
    storage_provider = project.host["extensions"]["durableTask"]["storageProvider"]
    return set(re.findall(r"%(\w+)%", project.read("host.json"))) | {storage_provider["connectionStringName"]}


def test_the_app_starts_with_what_it_is_told(project: Infrastructure) -> None:
    settings = Settings.from_environ(deployed_environment(project))
    account = VALUES["storage.outputs.blobUrl"]
    assert settings.model == AzureOpenAISettings("https://ai.openai.azure.com/", "chat")
    assert settings.session_index == "https://st.table.core.windows.net/"
    assert isinstance(settings.stream_store, SecretStr)
    assert signs_in_with_identity(settings.stream_store.get_secret_value())
    assert (settings.drafts, settings.publishing) == (BlobFolder(account, "drafts"), BlobFolder(account, "published"))
    assert settings.approval_links.key != settings.approval_links.previous_key
    assert settings.outbox_dir == BlobFolder(account, "outbox")


def test_all_that_is_required_in_azure_is_set(project: Infrastructure) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ(IN_AZURE)
    required = {problem.split("'")[1] for problem in caught.value.problems}
    assert len(required) >= 4
    assert required <= set(settings_of(project))


def test_nothing_is_set_that_nobody_reads(project: Infrastructure) -> None:
    settings = settings_of(project)
    # The name of the app's identity is read by azure-identity itself.
    assert set(settings) - set(Settings.model_fields) == settings_of_host_json(project) | {"AZURE_CLIENT_ID"}
    assert settings["AZURE_CLIENT_ID"] == "identity.outputs.clientId"


def test_what_is_set_beside_is_read_too(project: Infrastructure) -> None:
    extra: dict[str, str] = project.parameters["extraSettings"]
    Settings.from_environ(deployed_environment(project) | extra)
    assert set(extra) <= set(Settings.model_fields) | set(host_settings_of(project))


def test_what_is_set_beside_wins(project: Infrastructure) -> None:
    settings = project.main.declared("module")["functionApp"].properties["params.settings"]
    assert settings == "union(settings, redisSettings, authSettings, extraSettings)"


def test_the_containers_that_the_app_writes_to_are_created(project: Infrastructure) -> None:
    settings, modules = Settings.from_environ(deployed_environment(project)), project.main.declared("module")
    given = modules["storage"].properties
    created = given["params.dataContainers"].strip("[]").split(", ")
    containers = project.main.declared("variable")["containers"].properties
    names = {containers[one.removeprefix("containers.")] for one in created}
    folders = (settings.publishing, settings.drafts, settings.outbox_dir, settings.payloads)
    assert names == {folder.container for folder in folders if isinstance(folder, BlobFolder)}
    # The app's own code is not among its data.
    assert given["params.packageContainer"] == "containers.package" and containers["package"] not in names
    assert modules["functionApp"].properties["params.packageContainer"] == "containers.package"
    assert isinstance(settings.audit, BlobFolder) and settings.audit.container == containers["audit"]
    assert given["params.auditContainer"] == "containers.audit"
    assert given["params.outboxContainer"] == "containers.outbox"
    package = project.resource("function_app", "app").properties[
        "properties.functionAppConfig.deployment.storage.value"
    ]
    assert package == "${blobUrl}${packageContainer}"


def test_the_table_that_lists_sessions_is_created(project: Infrastructure) -> None:
    # The app would make it too; developers get their role on it.
    assert project.resource("storage", "sessions").properties["name"] == "sessionTable"
    name = project.bicep["storage"].declared("variable")["sessionTable"].value
    assert name is not None and unquoted(name) == TABLE


def test_the_host_gets_its_storage_by_identity_and_nothing_that_the_plan_refuses(project: Infrastructure) -> None:
    host_settings = host_settings_of(project)
    assert set(host_settings) == {
        *(f"AzureWebJobsStorage__{one}ServiceUri" for one in ("blob", "queue", "table")),
        "AzureWebJobsStorage__credential",
        "AzureWebJobsStorage__clientId",
        "APPLICATIONINSIGHTS_CONNECTION_STRING",
        "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
        "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY",
        "PYTHON_ENABLE_OPENTELEMETRY",
        "OTEL_SERVICE_NAME",
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS",
        "PYTHON_THREADPOOL_THREAD_COUNT",
    }
    local = json.loads((PROJECT / "local.settings.json.example").read_text(encoding="utf-8"))["Values"]
    assert host_settings["PYTHON_THREADPOOL_THREAD_COUNT"] == local["PYTHON_THREADPOOL_THREAD_COUNT"]
    assert host_settings["AzureWebJobsStorage__credential"] == "managedidentity"
    # Without it the system's own identity would be asked for, which the app does not have.
    assert host_settings["AzureWebJobsStorage__clientId"] == "identityClientId"
    authentication = host_settings["APPLICATIONINSIGHTS_AUTHENTICATION_STRING"]
    assert authentication == "ClientId=${identityClientId};Authorization=AAD"
    for kind in ("blob", "queue", "table"):
        assert host_settings[f"AzureWebJobsStorage__{kind}ServiceUri"] == f"{kind}Url", kind
        given = project.main.declared("module")["functionApp"].properties[f"params.{kind}Url"]
        assert given == f"storage.outputs.{kind}Url", kind
    settings = project.resource("function_app", "appSettings").properties["properties"]
    assert settings == "union(hostSettings, authHostSettings, settings)"


def test_who_is_signed_in_is_trusted_where_sign_in_is_set_up_and_nowhere_else(project: Infrastructure) -> None:
    assert not Settings.from_environ(deployed_environment(project)).APP_SERVICE_AUTHENTICATION
    trusted = project.main.declared("variable")["authSettings"]
    assert trusted.value is not None
    assert text(trusted.value) == "authEnabled ? { APP_SERVICE_AUTHENTICATION: 'true' } : {}"
    # The headers of who is signed in are anybody's until authentication is on, so it comes first.
    assert project.resource("function_app", "appSettings").properties.get("dependsOn") == "[authentication]"
    sign_in = project.resource("function_app", "authentication")
    assert sign_in.properties["properties.platform"] == "{ enabled: true }"
    secret = project.bicep["function_app"].declared("variable")["authHostSettings"]
    assert sign_in.properties[
        "properties.identityProviders.azureActiveDirectory.registration.clientSecretSettingName"
    ] == ("authSecretSetting")
    assert secret.value is not None
    assert text(secret.value) == "empty(authClientId) ? {} : { '${authSecretSetting}': identityClientId }"


def test_the_task_hub_is_reached_by_identity(project: Infrastructure) -> None:
    connection = settings_of(project)["DURABLE_TASK_SCHEDULER_CONNECTION_STRING"]
    parts = dict(part.split("=", 1) for part in connection.split(";"))
    assert parts == {
        "Endpoint": "${taskHub.outputs.endpoint}",
        "Authentication": "ManagedIdentity",
        "ClientID": "${identity.outputs.clientId}",
    }


@documented_here
def test_every_output_has_its_row(project: Infrastructure) -> None:
    documented = DEPLOYMENT.read_text(encoding="utf-8")
    outputs, rows = set(project.main.declared("output")), documented.partition("## Outputs")[2].partition("\n## ")[0]
    assert outputs == set(re.findall(r"`([A-Z_]+)`", " ".join(re.findall(r"^\| (.*?) \|", rows, re.MULTILINE))))
    assert {*MODEL_OUTPUTS, *re.findall(r"azd env get-value (\w+)", documented)} <= outputs
    # Libraries in a hook, and azd in a pipeline, would sign in with these as somebody else.
    assert not outputs & {"AZURE_CLIENT_ID", "AZURE_SUBSCRIPTION_ID"}


@documented_here
def test_every_variable_of_the_parameters_file_has_its_row(project: Infrastructure) -> None:
    variables = set(re.findall(r"\$\{([A-Z_]+)", project.read("infra/main.parameters.json")))
    page = DEPLOYMENT.read_text(encoding="utf-8")
    section = page.partition("## Parameters")[2].partition("\n## ")[0]
    names = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `AZURE_")]
    assert len(variables) > 20
    assert set(re.findall(r"`(AZURE_[A-Z_]+)`", " ".join(names))) == variables
