"""The task hub of a running host, through its management API."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx

ROOT = "/runtime/webhooks/durabletask"


class HubOverHttp:
    """Starts instances, looks at them and asks things of them. Inputs are given as the Python SDK gives them."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def post(self, path: str, **arguments: Any) -> httpx.Response:
        """Post to a path below the API's root."""
        return self.http.post(f"{ROOT}/{path}", **arguments)

    def get(self, path: str, **arguments: Any) -> httpx.Response:
        """Get a path below the API's root."""
        return self.http.get(f"{ROOT}/{path}", **arguments)

    def delete(self, path: str, **arguments: Any) -> httpx.Response:
        """Delete at a path below the API's root."""
        return self.http.delete(f"{ROOT}/{path}", **arguments)

    def start(self, name: str, instance_id: str = "", value: Any = None, query: str = "") -> httpx.Response:
        """Start an instance with the value as input."""
        path = f"orchestrators/{name}/{instance_id}" if instance_id else f"orchestrators/{name}"
        return self.post(f"{path}{query}", content=json.dumps(json.dumps(value)))

    def run(self, name: str, instance_id: str, value: Any = None) -> dict[str, Any]:
        """Start an instance, wait until it has ended and return its status."""
        assert self.start(name, instance_id, value, "?timeout=20&pollingInterval=1").status_code == 200
        return self.status(instance_id)

    def status(self, instance_id: str, query: str = "") -> dict[str, Any]:
        """Return an instance's status."""
        response = self.get(f"instances/{instance_id}{query}")
        assert response.status_code in (200, 202), response
        status: dict[str, Any] = response.json()
        return status

    def until(self, instance_id: str, *wanted: str, seconds: float = 20) -> dict[str, Any]:
        """Ask until an instance has one of these statuses, and return it."""
        end = time.monotonic() + seconds
        while (status := self.status(instance_id))["runtimeStatus"] not in wanted:
            assert time.monotonic() < end, f"{instance_id} is {status} and not {wanted}"
            time.sleep(0.01)
        return status

    def raise_event(self, instance_id: str, name: str, value: Any = None) -> httpx.Response:
        """Raise an external event."""
        headers = {"Content-Type": "application/json"}
        return self.post(f"instances/{instance_id}/raiseEvent/{name}", content=json.dumps(value), headers=headers)

    def ids(self, **query: str) -> list[str]:
        """Return the ids of the instances that a query finds on its first page."""
        return [one["instanceId"] for one in self.get("instances", params=query).json()]
