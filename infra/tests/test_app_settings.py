"""What the infrastructure tells the app is what the app asks for: neither less nor more, under the same names."""

import json
import re

import pytest
from pydantic import SecretStr

from durable_agents import SettingsError
from durable_agents.settings.groups import AzureOpenAISettings, BlobFolder
from durable_agents.streams.store_factory import signs_in_with_identity
from infra.tests.bicep_file import INFRA, BicepFile, text
from infra.write_local_settings import MODEL_OUTPUTS
from settings import Settings

PROJECT = INFRA.parent
DEPLOYMENT = PROJECT / "docs" / "deployment.md"
documented_here = pytest.mark.skipif(not DEPLOYMENT.exists(), reason="this project has no docs/deployment.md")
MAIN = BicepFile(INFRA / "main.bicep")
APP = BicepFile(INFRA / "modules" / "function_app.bicep")
VARIABLES = MAIN.declared("variable")
SETTINGS = VARIABLES["settings"].properties | VARIABLES["redisSettings"].properties
HOST_SETTINGS = APP.declared("variable")["hostSettings"].properties
HOST_JSON = (PROJECT / "host.json").read_text(encoding="utf-8")
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


def deployed_environment() -> dict[str, str]:
    return {name: VALUES.get(value, value) for name, value in SETTINGS.items()} | IN_AZURE


def settings_of_host_json() -> set[str]:
    """Return the names of the settings that host.json refers to."""
    storage_provider = json.loads(HOST_JSON)["extensions"]["durableTask"]["storageProvider"]
    return set(re.findall(r"%(\w+)%", HOST_JSON)) | {storage_provider["connectionStringName"]}


def test_the_app_starts_with_what_it_is_told() -> None:
    settings = Settings.from_environ(deployed_environment())
    account = VALUES["storage.outputs.blobUrl"]
    assert settings.model == AzureOpenAISettings("https://ai.openai.azure.com/", "chat")
    assert settings.session_index == "https://st.table.core.windows.net/"
    assert isinstance(settings.stream_store, SecretStr)
    assert signs_in_with_identity(settings.stream_store.get_secret_value())
    assert (settings.drafts, settings.publishing) == (BlobFolder(account, "drafts"), BlobFolder(account, "published"))
    assert settings.approval_links.key != settings.approval_links.previous_key
    assert settings.outbox_dir == BlobFolder(account, "outbox")


def test_all_that_is_required_in_azure_is_set() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ(IN_AZURE)
    required = {problem.split("'")[1] for problem in caught.value.problems}
    assert len(required) >= 4
    assert required <= set(SETTINGS)


def test_nothing_is_set_that_nobody_reads() -> None:
    # The name of the app's identity is read by azure-identity itself.
    assert set(SETTINGS) - set(Settings.model_fields) == settings_of_host_json() | {"AZURE_CLIENT_ID"}
    assert SETTINGS["AZURE_CLIENT_ID"] == "identity.outputs.clientId"


def test_what_is_set_beside_is_read_too() -> None:
    parameters = json.loads((INFRA / "main.parameters.json").read_text(encoding="utf-8"))["parameters"]
    extra: dict[str, str] = parameters["extraSettings"]["value"]
    Settings.from_environ(deployed_environment() | extra)
    assert set(extra) <= set(Settings.model_fields) | set(HOST_SETTINGS)


def test_the_containers_that_the_app_writes_to_are_created() -> None:
    settings = Settings.from_environ(deployed_environment())
    created = MAIN.declared("module")["storage"].properties["params.containers"].strip("[]").split(", ")
    names = {VARIABLES["containers"].properties[one.removeprefix("containers.")] for one in created}
    folders = (settings.publishing, settings.drafts, settings.outbox_dir, settings.payloads, settings.audit)
    assert names == {folder.container for folder in folders if isinstance(folder, BlobFolder)} | {"app-package"}
    assert MAIN.declared("module")["functionApp"].properties["params.packageContainer"] == "containers.package"


def test_the_host_gets_its_storage_by_identity_and_nothing_that_the_plan_refuses() -> None:
    assert set(HOST_SETTINGS) == {
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
    assert HOST_SETTINGS["PYTHON_THREADPOOL_THREAD_COUNT"] == local["PYTHON_THREADPOOL_THREAD_COUNT"]
    assert (
        APP.declared("resource")["appSettings"].properties["properties"]
        == "union(hostSettings, authHostSettings, settings)"
    )


def test_who_is_signed_in_is_trusted_where_sign_in_is_set_up_and_nowhere_else() -> None:
    assert not Settings.from_environ(deployed_environment()).APP_SERVICE_AUTHENTICATION
    trusted = VARIABLES["authSettings"]
    assert trusted.value is not None
    assert text(trusted.value) == "authEnabled ? { APP_SERVICE_AUTHENTICATION: 'true' } : {}"
    # The headers of who is signed in are anybody's until authentication is on, so it comes first.
    assert APP.declared("resource")["appSettings"].properties["dependsOn"] == "[authentication]"
    sign_in, secret = APP.declared("resource")["authentication"], APP.declared("variable")["authHostSettings"]
    assert sign_in.properties[
        "properties.identityProviders.azureActiveDirectory.registration.clientSecretSettingName"
    ] == ("authSecretSetting")
    assert secret.value is not None
    assert text(secret.value) == "empty(authClientId) ? {} : { '${authSecretSetting}': identityClientId }"


def test_the_task_hub_is_reached_by_identity() -> None:
    connection = SETTINGS["DURABLE_TASK_SCHEDULER_CONNECTION_STRING"]
    parts = dict(part.split("=", 1) for part in connection.split(";"))
    assert parts == {
        "Endpoint": "${taskHub.outputs.endpoint}",
        "Authentication": "ManagedIdentity",
        "ClientID": "${identity.outputs.clientId}",
    }


@documented_here
def test_every_output_is_used_under_its_name() -> None:
    documented = DEPLOYMENT.read_text(encoding="utf-8")
    outputs = set(MAIN.declared("output"))
    assert outputs == {*MODEL_OUTPUTS, *re.findall(r"azd env get-value (\w+)", documented)}
    # The app at start-up and azd in a pipeline read these with another meaning.
    assert not outputs & {"AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_SUBSCRIPTION_ID"}


@documented_here
def test_every_variable_of_the_parameters_file_has_its_row() -> None:
    variables = set(re.findall(r"\$\{([A-Z_]+)", (INFRA / "main.parameters.json").read_text(encoding="utf-8")))
    page = DEPLOYMENT.read_text(encoding="utf-8")
    names = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `AZURE_")]
    assert len(variables) > 20
    assert set(re.findall(r"`(AZURE_[A-Z_]+)`", " ".join(names))) == variables
