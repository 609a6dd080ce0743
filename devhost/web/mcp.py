"""The app's MCP tools, served over streamable HTTP at `/runtime/webhooks/mcp`.

Source: the MCP specification of 2025-11-25, and Azure's own server, azure-functions-mcp-extension, for what the
specification leaves open. Every answer is one JSON body. There is no stream to open, hence no GET. A session id is
given out for the tools' use and stands for nothing here, so it stays good over restarts and cannot be deleted.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from devhost.app_settings import McpSettings
from devhost.tracebacks import of_the_app
from devhost.web.json_reading import read_json
from devhost.web.mcp_tools import Tool
from devhost.worker import FunctionFailedError, Worker

MCP_PATH = "/runtime/webhooks/mcp"
PROTOCOL_VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26")
"""The revisions with this transport and a handshake, newest first."""

_SESSION = "Mcp-Session-Id"
_VERSION = "MCP-Protocol-Version"
_PARSE_ERROR, _INVALID_REQUEST, _METHOD_NOT_FOUND, _INVALID_PARAMS = -32700, -32600, -32601, -32602
_NOT_ACCEPTABLE, _UNSUPPORTED_VERSION = -32000, -32022

logger = logging.getLogger("devhost.mcp")


class McpError(Exception):
    """A request is answered with a JSON-RPC error, and with an HTTP status other than 200 if it is no MCP at all."""

    def __init__(self, code: int, message: str, *, status: int = 200, data: Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.error = {"code": code, "message": message} | ({} if data is None else {"data": data})


class McpApi:
    """Answers MCP clients. A tool that fails is a result the model sees, not an error of the protocol."""

    def __init__(self, worker: Worker, tools: Iterable[Tool], settings: McpSettings, client: str) -> None:
        """Serve the tools; `client` is the JSON of the functions' durable client bindings."""
        self._worker = worker
        self._tools = {tool.name.casefold(): tool for tool in tools}
        self._settings = settings
        self._client = client

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one message."""
        if not self._tools:
            return web.Response(status=404)
        if request.method != "POST":
            return web.Response(status=405, headers={"Allow": "POST"})
        message_id = None
        try:
            _check_accept(request)
            message = _read_message(await request.read())
            message_id = message.get("id")
            _check_version(request, message)
            if message_id is None or "method" not in message:
                return web.Response(status=202)
            result = await self._answer(request, message["method"], _object(message, "params"))
        except McpError as ex:
            return web.json_response({"jsonrpc": "2.0", "id": message_id, "error": ex.error}, status=ex.status)
        headers = {_SESSION: uuid.uuid4().hex} if message["method"] == "initialize" else None
        return web.json_response({"jsonrpc": "2.0", "id": message_id, "result": result}, headers=headers)

    async def _answer(self, request: web.Request, method: str, params: dict[str, Any]) -> dict[str, Any]:
        match method:
            case "initialize":
                return self._initialize(params)
            case "ping":
                return {}
            case "tools/list":
                return {"tools": [tool.description for tool in self._tools.values()]}
            case "tools/call":
                return await self._call(request, params)
            case _:
                raise McpError(_METHOD_NOT_FOUND, f"Method '{method}' is not available.")

    def _initialize(self, params: dict[str, Any]) -> dict[str, Any]:
        """Agree on the client's revision if it is known, else offer the newest."""
        asked, server = params.get("protocolVersion"), self._settings
        result: dict[str, Any] = {
            "protocolVersion": asked if asked in PROTOCOL_VERSIONS else PROTOCOL_VERSIONS[0],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": server.server_name, "version": server.server_version},
        }
        return result | ({"instructions": server.instructions} if server.instructions else {})

    async def _call(self, request: web.Request, params: dict[str, Any]) -> dict[str, Any]:
        name, arguments = params.get("name"), _object(params, "arguments")
        tool = self._tools.get(str(name).casefold())
        if tool is None:
            raise McpError(_INVALID_PARAMS, f"Unknown tool: '{name}'")
        if missing := tool.missing(arguments):
            text = f"One or more required tool properties are missing values. Please provide: {', '.join(missing)}"
            raise McpError(_INVALID_PARAMS, text)
        payload = json.dumps(_invocation(request, str(name), arguments))
        try:
            answer = await self._worker.run(tool.function, payload, self._client)
            return tool.result(None if answer is None else str(answer))
        except FunctionFailedError as ex:
            logger.error("%s failed: %s", tool.function.name, ex.first_line, **of_the_app(ex.__cause__))
        except (ValueError, KeyError, TypeError) as ex:
            logger.error("%s answered with something that is no tool result: %r", tool.function.name, ex)
        # Azure's words: what went wrong is in the log alone.
        text = f"An error occurred invoking '{name}'."
        return {"content": [{"type": "text", "text": text}], "isError": True}


def _invocation(request: web.Request, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return what a tool's function is given."""
    session = request.headers.get(_SESSION)
    headers = {header: ",".join(request.headers.getall(header)) for header in request.headers}
    transport: dict[str, Any] = {"name": "http-streamable", "properties": {"headers": headers}}
    invocation = {"name": name, "arguments": arguments, "transport": transport}
    if session is not None:
        invocation["sessionid"] = transport["sessionId"] = session
    return invocation


def _check_accept(request: web.Request) -> None:
    ranges = {one.split(";")[0].strip().lower() for one in ",".join(request.headers.getall("Accept", [])).split(",")}
    if "*/*" not in ranges and not ranges >= {"application/json", "text/event-stream"}:
        text = "Not Acceptable: Client must accept both application/json and text/event-stream"
        raise McpError(_NOT_ACCEPTABLE, text, status=406)


def _check_version(request: web.Request, message: dict[str, Any]) -> None:
    version = request.headers.get(_VERSION)
    if version is not None and version not in PROTOCOL_VERSIONS and message.get("method") != "initialize":
        raise McpError(
            _UNSUPPORTED_VERSION,
            f"Unsupported protocol version '{version}'; initialize with one of {', '.join(PROTOCOL_VERSIONS)}.",
            status=400,
            data={"supported": list(PROTOCOL_VERSIONS), "requested": version},
        )


def _read_message(body: bytes) -> dict[str, Any]:
    try:
        message = read_json(body.decode())
    except ValueError as ex:
        raise McpError(_PARSE_ERROR, f"The body is not JSON: {ex}", status=400) from ex
    if (
        not isinstance(message, dict)
        or message.get("jsonrpc") != "2.0"
        or not isinstance(message.get("method", ""), str)
        or not isinstance(message.get("id", ""), str | int)
        or not message.keys() & {"method", "result", "error"}
    ):
        raise McpError(_INVALID_REQUEST, "The body is not a single JSON-RPC 2.0 message.", status=400)
    return message


def _object(fields: dict[str, Any], name: str) -> dict[str, Any]:
    value = fields.get(name)
    if value is not None and not isinstance(value, dict):
        raise McpError(_INVALID_PARAMS, f"'{name}' must be an object.")
    return value or {}
