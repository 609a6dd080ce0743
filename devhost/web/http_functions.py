"""The app's HTTP functions, served as the Functions host serves them."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from aiohttp import web
from multidict import CIMultiDict, MultiMapping

from devhost.functions import FunctionTable
from devhost.http_messages import HttpRequest
from devhost.routing.router import Router
from devhost.tracebacks import of_the_app
from devhost.worker import FunctionFailedError, Worker

logger = logging.getLogger("devhost.http")


class HttpFunctions:
    """Finds the function for a request and runs it. No match is 404, a failure 500, both with an empty body."""

    def __init__(self, worker: Worker, functions: FunctionTable, router: Router, client: str) -> None:
        self._worker = worker
        self._functions = {one.name: one for one in functions.all}
        self._router = router
        self._client = client

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request."""
        match = self._router.match(request.method, request.rel_url.raw_path)
        if match is None:
            return web.Response(status=404)
        function = self._functions[match.function_name]
        try:
            response = await self._worker.run_http(function, await _for_worker(request, match.values), self._client)
        except FunctionFailedError as ex:
            logger.error("%s failed: %s", function.name, ex.first_line, **of_the_app(ex.__cause__))
            return web.Response(status=500)
        headers = CIMultiDict(response.headers)
        for cookie in response.cookies:
            headers.add("Set-Cookie", cookie)
        return web.Response(status=response.status, headers=headers, body=response.body)


async def _for_worker(request: web.Request, values: Mapping[str, str | None]) -> HttpRequest:
    return HttpRequest(
        method=request.method,
        url=str(request.url),
        headers=_joined(request.headers),
        # The host hands over no query parameter that is empty, but such a header it does.
        query={name: value for name, value in _joined(request.query).items() if value},
        route_values={name: value for name, value in values.items() if value is not None},
        body=await request.read(),
    )


def _joined(values: MultiMapping[str]) -> dict[str, str]:
    """Join what each name stands for, whatever its case; an empty value among others is left out."""
    names = {name.lower(): name for name in values}
    every: dict[str, list[str]] = {name: [] for name in names}
    for name, value in values.items():
        every[name.lower()] += [value] if value else []
    return {names[name]: ",".join(found) for name, found in every.items()}
