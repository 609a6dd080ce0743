"""The durable client binding: the URLs through which the app's client reaches the task hub.

Source: the binding as recorded from Microsoft.Azure.WebJobs.Extensions.DurableTask 3.14.1.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import quote_plus

WEBHOOK_PATH = "/runtime/webhooks/durabletask"
RPC_PATH = "/runtime/rpc/durabletask"

# Azure appends a key that admits to these URLs; devhost, reachable from this machine alone, knows none.
_KEY = "code=local"
_PLACEHOLDER = "INSTANCEID"
_OPERATIONS = {
    "statusQueryGetUri": "",
    "sendEventPostUri": "/raiseEvent/{eventName}",
    "terminatePostUri": "/terminate?reason={text}",
    "rewindPostUri": "/rewind?reason={text}",
    "purgeHistoryDeleteUri": "",
    "restartPostUri": "/restart",
    "suspendPostUri": "/suspend?reason={text}",
    "resumePostUri": "/resume?reason={text}",
}
_NOT_IN_PAYLOADS = "rewindPostUri"


@dataclass(frozen=True, slots=True)
class ClientBinding:
    """Where a host serves its task hub: its public base URL, the loopback URL for the SDK, and the hub's name."""

    base_url: str
    rpc_url: str
    hub_name: str
    connection: str

    def dump(self) -> str:
        """Return the JSON that a durable client parameter is bound to."""
        webhook = self.base_url + WEBHOOK_PATH
        create = f"{webhook}/orchestrators/{{functionName}}[/{{instanceId}}]?"
        wait = "timeout={timeoutInSeconds}&pollingInterval={intervalInSeconds}&"
        return json.dumps(
            {
                "taskHubName": self.hub_name,
                "connectionName": None,
                "creationUrls": {
                    "createNewInstancePostUri": f"{create}{_KEY}",
                    "createAndWaitOnNewInstancePostUri": f"{create}{wait}{_KEY}",
                },
                "managementUrls": {"id": _PLACEHOLDER, **self._urls(self.base_url, _PLACEHOLDER)},
                "baseUrl": webhook,
                "requiredQueryStringParameters": _KEY,
                "rpcBaseUrl": f"{self.rpc_url}{RPC_PATH}/",
                "httpBaseUrl": None,
                "maxGrpcMessageSizeInBytes": None,
                "grpcHttpClientTimeout": None,
            }
        )

    def management_payload(self, instance_id: str, base_url: str) -> dict[str, str]:
        """Return what the webhooks answer a start with: the instance's id and URLs, under the URL the caller used."""
        urls = self._urls(base_url, quote_plus(instance_id))
        del urls[_NOT_IN_PAYLOADS]
        return {"id": instance_id, **urls}

    def _urls(self, base_url: str, instance: str) -> dict[str, str]:
        query = f"taskHub={self.hub_name}&connection={self.connection}&{_KEY}"
        root = f"{base_url}{WEBHOOK_PATH}/instances/{instance}"
        return {name: f"{root}{path}{'&' if '?' in path else '?'}{query}" for name, path in _OPERATIONS.items()}
