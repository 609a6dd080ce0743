"""The HTTP server: one port for the app's functions and MCP tools, the management API and the SDK's client."""

from __future__ import annotations

import errno
import os
import socket

from aiohttp import web

from devhost.protocol.client_binding import RPC_PATH, WEBHOOK_PATH
from devhost.web.callers import Callers
from devhost.web.http_functions import HttpFunctions
from devhost.web.limits import Limits
from devhost.web.management import ManagementApi
from devhost.web.mcp import MCP_PATH, McpApi


class PortInUseError(Exception):
    """Something else listens on the port."""


class UnknownAddressError(Exception):
    """There is no such address to listen on."""


def listen(host: str, port: int, inherited: int | None = None) -> socket.socket:
    """Take a host's port, 0 for any free one; callers that connect now are served once the server has started.

    The descriptor of a socket that was inherited, and listens, is taken in its place.

    Raises:
        PortInUseError: The port is taken.
        UnknownAddressError: The host is no address of this machine.
    """
    if inherited is not None:
        os.set_inheritable(inherited, False)
        return socket.socket(fileno=inherited)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=512)
    except OSError as ex:
        if ex.errno in (errno.EADDRINUSE, errno.EACCES):
            raise PortInUseError(
                f"Port {port} is in use. Stop what listens there, or choose another with --port {port + 1}."
            ) from ex
        if ex.errno in (socket.EAI_NONAME, socket.EAI_AGAIN, errno.EADDRNOTAVAIL):
            raise UnknownAddressError(
                f"This machine has no address {host!r} to listen on: choose another --host."
            ) from ex
        raise


class Server:
    """Serves one app on one listening socket."""

    def __init__(self, functions: HttpFunctions, management: ManagementApi, mcp: McpApi) -> None:
        self._functions = functions
        self._management = management
        self._mcp = mcp
        self._callers = Callers("127.0.0.1")
        self._limits = Limits()
        self._runner = self._limits.runner(self._handle)

    async def start(self, listener: socket.socket) -> None:
        """Serve what connects to the socket; the socket is closed with the server."""
        self._callers = Callers(listener.getsockname()[0])
        await self._runner.setup()
        await web.SockSite(self._runner, listener).start()

    async def close(self) -> None:
        """Stop listening; requests being answered get a moment to end."""
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.Response:
        refused = self._limits.refusal(request) or self._callers.refusal(request)
        refused = refused or await self._limits.receive(request)
        if refused is not None:
            return refused
        path = request.rel_url.raw_path
        for root in (WEBHOOK_PATH, RPC_PATH):
            if path.lower() == root or path.lower().startswith(f"{root}/"):
                return await self._management.handle(request, path[len(root) :])
        if path.lower().rstrip("/") == MCP_PATH:
            return await self._mcp.handle(request)
        return await self._functions.handle(request)
