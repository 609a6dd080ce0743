"""What Bicep gives the app, as the compiler has worked it out, and what is in the place of Azure's servers here."""

import json
from collections.abc import Mapping

from infra.tests.bicep_file import INFRA

_SNAPSHOT = INFRA / "tests" / "snapshots" / "default.snapshot.json"

# Endpoints of Azure, in whose place there are servers on this machine.
ENDPOINTS = {
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "AZURE_OPENAI_ENDPOINT",
    "BLOB_ACCOUNT_URL",
    "SESSION_TABLE_ACCOUNT_URL",
}
# In the place of references Azure puts secrets of the vault, and in that of expressions the id of the identity.
SECRETS = {"APPROVAL_LINK_KEY": "k" * 72, "APPROVAL_LINK_PREVIOUS_KEY": "p" * 72, "OPERATOR_KEY": "o" * 72}
CLIENT_ID = "11111111-1111-1111-1111-111111111111"
IDENTITY = {
    "AZURE_CLIENT_ID": CLIENT_ID,
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": f"ClientId={CLIENT_ID};Authorization=AAD",
}
# Nothing here stands for the scheduler: the host is told to keep its task hub in Azure Storage, and does not read this.
SCHEDULER = {
    "DURABLE_TASK_SCHEDULER_CONNECTION_STRING": (
        f"Endpoint=https://dts.swedencentral.durabletask.io;Authentication=ManagedIdentity;ClientID={CLIENT_ID}"
    )
}
# The host's own storage account, which it is told by a connection string here.
LEFT_OUT = {
    *(f"AzureWebJobsStorage__{one}ServiceUri" for one in ("blob", "queue", "table")),
    "AzureWebJobsStorage__credential",
    "AzureWebJobsStorage__clientId",
}
# Nobody sets these in Azure: they are there.
OF_THE_PLATFORM = {"WEBSITE_SITE_NAME": "app", "WEBSITE_HOSTNAME": "app.azurewebsites.net"}


def given_by_bicep() -> dict[str, str]:
    """Return the settings of the app in a deployment with defaults; what only Azure knows is an expression in [ ]."""
    resources = json.loads(_SNAPSHOT.read_text(encoding="utf-8"))["predictedResources"]
    (settings,) = (one for one in resources if one["id"].endswith("/config/appsettings"))
    given: dict[str, str] = settings["properties"]
    return given


def with_local_servers(endpoints: Mapping[str, str]) -> dict[str, str]:
    """Return these settings, with the endpoints of servers on this machine.

    Raises:
        AssertionError: Others differ than those that this file lists, or Azure is to say something that it does not.
    """
    given = given_by_bicep()
    assert set(endpoints) == ENDPOINTS
    put = {**endpoints, **SECRETS, **IDENTITY, **SCHEDULER}
    assert set(put) | LEFT_OUT <= set(given)
    told = {name: put.get(name, value) for name, value in given.items() if name not in LEFT_OUT}
    assert [name for name, value in told.items() if value.startswith("[")] == []
    return told
