"""Ask the task hub's own HTTP API what the SDK's client cannot: pages of instances, and why an operation was refused.

The SDK drops the header that leads to the next page, and most of its exceptions do not say what the task hub answered.
This is the one module that reaches that API, at the address which the SDK itself is given by the host.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import azure.durable_functions as df

CONTINUATION_HEADER = "x-ms-continuation-token"
_TIMEOUT = aiohttp.ClientTimeout(total=60)
# How the host says that a storage provider does not have an operation: the type of the exception, or gRPC's own word.
_UNSUPPORTED = ("System.NotImplementedException", "System.NotSupportedException")
_UNIMPLEMENTED = 'StatusCode="Unimplemented"'


class TaskHubError(Exception):
    """The task hub answered in a way that nobody expected."""


@dataclass(frozen=True, slots=True)
class TaskHubAnswer:
    """What the task hub answered.

    Attributes:
        status: The HTTP status code.
        body: The JSON in the body, None if it is empty.
        next_token: What leads to the next page, or None if there is none.
    """

    status: int
    body: Any
    next_token: str | None = None

    @property
    def is_unsupported(self) -> bool:
        """Whether the storage provider behind the task hub does not have this operation at all."""
        if self.status == 501:
            return True
        fault = self.body if self.status == 500 and isinstance(self.body, dict) else {}
        is_unimplemented = _UNIMPLEMENTED in str(fault.get("ExceptionMessage"))
        return fault.get("ExceptionType") in _UNSUPPORTED or is_unimplemented


async def ask_task_hub(
    client: df.DurableOrchestrationClient,
    method: str,
    path: str,
    query: Mapping[str, str] | None = None,
    token: str | None = None,
    json_text: str | None = None,
) -> TaskHubAnswer:
    """Send a request to the task hub and return its answer, whatever it is; `query` is encoded here.

    The ids in `path` must be checked, see `durable_agents.ids`. `token` is the `next_token` of the page before, and
    `json_text` the body.

    Raises:
        aiohttp.ClientConnectionError: The task hub does not answer.
        TimeoutError: It takes more than a minute.
    """
    url = f"{_base_url(client)}{path}"
    headers = {CONTINUATION_HEADER: token} if token else {}
    headers |= {} if json_text is None else {"Content-Type": "application/json"}
    async with (
        aiohttp.ClientSession(timeout=_TIMEOUT) as session,
        session.request(method, url, params=query, headers=headers, data=json_text) as response,
    ):
        body = await response.json(content_type=None) if await response.read() else None
        return TaskHubAnswer(response.status, body, response.headers.get(CONTINUATION_HEADER) or None)


def _base_url(client: df.DurableOrchestrationClient) -> str:
    """Return the URL under which this host serves the API to its own functions; the SDK has no public name for it."""
    return str(client._orchestration_bindings.rpc_base_url)
