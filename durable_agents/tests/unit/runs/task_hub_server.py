"""A local server in the place of the host's task hub API, for answers that no task hub on this machine gives."""

import json
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import azure.durable_functions as df
from aiohttp import web
from azure.durable_functions.models.utils import http_utils


class TaskHubServer:
    """Answers requests with what `script` was given, in order, and keeps the requests. Use with `async with`."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str], str | None]] = []
        self._answers: deque[tuple[int, Any, Mapping[str, str]]] = deque()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._respond)
        self._runner = web.AppRunner(app)

    def script(self, status: int, body: Any, token: str | None = None) -> None:
        """Add an answer; `None` is an empty body, and `token` the header that leads to the next page."""
        self._answers.append((status, body, {} if token is None else {"x-ms-continuation-token": token}))

    @property
    def client(self) -> df.DurableOrchestrationClient:
        """The SDK's client, bound to this server as the host binds it."""
        urls = {"id": "INSTANCEID"}
        binding = {"taskHubName": "hub", "creationUrls": {}, "managementUrls": urls, "rpcBaseUrl": f"{self._url}/rpc/"}
        return df.DurableOrchestrationClient(json.dumps(binding))

    async def __aenter__(self) -> Self:
        # The SDK keeps one session for its process, which belongs to the event loop of the test that was first.
        http_utils._client_session = None
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self._url = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await http_utils._close_session()
        await self._runner.cleanup()

    async def _respond(self, request: web.Request) -> web.Response:
        token = request.headers.get("x-ms-continuation-token")
        self.requests.append((request.method, request.path, dict(request.query), token))
        status, body, headers = self._answers.popleft()
        if body is None:
            return web.Response(status=status, headers=headers)
        return web.json_response(body, status=status, headers=headers)
