"""An MCP server with a library of documents; but for one, they show what can go wrong.

    python library_server.py PORT DIARY [TOKEN]

Each call of read_document is a line in the file DIARY: the document, and the idempotency key that came along. With a
TOKEN, every request must bear it.
"""

import asyncio
import json
import sys
from pathlib import Path

import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

server = MCPServer("library")
port, diary = int(sys.argv[1]), Path(sys.argv[2])
token = sys.argv[3] if len(sys.argv) > 3 else None


@server.tool()
def list_documents() -> str:
    return "returns.txt: Returns"


@server.tool()
async def read_document(document: str, ctx: Context) -> str:
    with diary.open("a", encoding="utf-8") as lines:
        meta = dict(ctx.request_context.meta or {})
        lines.write(json.dumps({"document": document, "key": meta.get("idempotency_key")}) + "\n")
    match document:
        case "returns.txt":
            return "Goods can be sent back within 30 days."
        case "slow":
            await asyncio.sleep(1.5)
        case "stuck":
            await asyncio.sleep(3600)
        case "big":
            return "x" * 100_000
        case "broken":
            raise ValueError("the shelf is empty")
    return f"The text of {document}."


@server.tool()
def burn_documents() -> str:
    return "burnt"


@server.tool(name="a name with spaces")
def misnamed() -> str:
    return "never"


def guarded(app: ASGIApp) -> ASGIApp:
    async def check(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and Request(scope).headers.get("authorization") != f"Bearer {token}":
            await PlainTextResponse("who are you?", 401)(scope, receive, send)
        else:
            await app(scope, receive, send)

    return check


app: ASGIApp = server.streamable_http_app()
uvicorn.run(app if token is None else guarded(app), host="127.0.0.1", port=port, log_level="warning")
