"""What the web server in front of the Functions host (Kestrel) takes of a request, and how long it waits for it.

Its refusals have no body, and no function sees the request.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

MAX_BODY_BYTES = 100 * 1024 * 1024
"""A larger body is 500 and not 413: on Azure it is the function's binding that fails to read it."""

_MAX_REQUEST_LINE = 8192
_MAX_HEADER_BYTES = 32 * 1024
_MAX_HEADERS = 100
# What is longer than this in a request's head is not even parsed: 400.
_MAX_PARSED = 1024 * 1024
_GRACE_SECONDS = 2.0

logger = logging.getLogger("devhost.http")


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a connection may be idle or take for the head of a request, and how long a body may take to arrive."""

    idle_seconds: float = 30.0
    body_seconds: float = 60.0

    def runner(self, handle: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.AppRunner:
        """Return a server for every path and method that gives each request to `handle` as it was sent."""
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        # A line break in a path, as %0A, is no reason for aiohttp to answer by itself.
        app.router.add_route("*", "/{path:(?s:.*)}", handle)
        return web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=_GRACE_SECONDS,
            auto_decompress=False,
            keepalive_timeout=self.idle_seconds,
            max_line_size=_MAX_PARSED,
            max_field_size=_MAX_PARSED,
            max_headers=_MAX_PARSED,
        )

    def refusal(self, request: web.Request) -> web.Response | None:
        """Return the answer to a request whose head is too large or cannot be served, or None."""
        if len(f"{request.method} {request.raw_path} HTTP/1.1\r\n") > _MAX_REQUEST_LINE:
            return _last(414)
        headers = request.raw_headers
        size = sum(len(name) + len(value) + len(": \r\n") for name, value in headers)
        if size > _MAX_HEADER_BYTES or len(headers) > _MAX_HEADERS:
            return _last(431)
        return web.Response(status=400) if "%00" in request.rel_url.raw_path else None

    async def receive(self, request: web.Request) -> web.Response | None:
        """Read the body, which the request then keeps; return the answer when it is too large or too slow, else None.

        The connection of a body that does not come to its end is closed with the answer.
        """
        try:
            async with asyncio.timeout(self.body_seconds):
                await request.read()
        except TimeoutError:
            return _last(408)
        except web.HTTPRequestEntityTooLarge:
            logger.error("%s %s has a body of more than %d bytes.", request.method, request.path, MAX_BODY_BYTES)
            return _last(500)
        except web.RequestPayloadError:
            return _last(400)
        return None


def _last(status: int) -> web.Response:
    """Answer with nothing but a status, and close the connection."""
    response = web.Response(status=status)
    response.force_close()
    return response
