"""List instances of the task hub page by page.

The SDK's own queries read one page and drop the token of the next, so this asks the endpoint that the SDK asks.
"""

from collections.abc import Iterable
from urllib.parse import urlencode

import aiohttp
import azure.durable_functions as df
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus

_CONTINUATION = "x-ms-continuation-token"
_TIMEOUT = aiohttp.ClientTimeout(total=30)


async def query_instances(
    client: df.DurableOrchestrationClient,
    *,
    statuses: Iterable[df.OrchestrationRuntimeStatus],
    prefix: str | None,
    top: int,
    token: str | None,
) -> tuple[list[DurableOrchestrationStatus], str | None]:
    """Return up to `top` instances in one of these statuses, without inputs, and the token of the next page.

    The token is None on the last page. Its text is the hub's: visible ASCII, good for the same query only. A page can
    have fewer instances than `top` and still not be the last. Entities and instances of other apps are among them.

    Raises:
        aiohttp.ClientError: The task hub does not answer, or refuses the query.
    """
    query = {"top": str(top), "showInput": "false", "runtimeStatus": ",".join(status.value for status in statuses)}
    if prefix is not None:
        query["instanceIdPrefix"] = prefix
    # The SDK has no public name for where it finds the task hub.
    url = f"{client._orchestration_bindings.rpc_base_url}instances/?{urlencode(query)}"
    headers = {} if token is None else {_CONTINUATION: token}
    async with (
        aiohttp.ClientSession(timeout=_TIMEOUT, raise_for_status=True) as session,
        session.get(url, headers=headers) as response,
    ):
        rows = await response.json(content_type=None)
        following = response.headers.get(_CONTINUATION) or None
    return [DurableOrchestrationStatus.from_json(row) for row in rows], following
