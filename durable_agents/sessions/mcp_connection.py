"""One connection to an MCP server over streamable HTTP, which lasts as long as a block.

The client is held in a task of its own. It is built on cancel scopes, which must be left in the task that has entered
them, and a lost connection cancels that task: this must not be the one the agent runs in.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from durable_agents.sessions.failures import Failure, TurnFailedError
from durable_agents.settings.agents import McpServerSettings

if TYPE_CHECKING:
    import httpx2
    from mcp import Client
    from mcp.types import CallToolResult, RequestParamsMeta, Tool

logger = logging.getLogger(__name__)

_MOST_TOOLS = 128
_MOST_ANSWER_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ServerConnection:
    """A connection that stands. Its calls may be made from any task, also several at once.

    Attributes:
        name: What the server is called in messages.
        tools: The server's tools, the first 128 of them.
        client: The client, already connected.
        call_seconds: How long a call may take.
    """

    name: str
    tools: tuple["Tool", ...]
    client: "Client"
    call_seconds: float

    async def call(self, tool: str, arguments: dict[str, Any], meta: dict[str, Any]) -> "CallToolResult":
        """Call a tool once; `meta` goes along as the request's `_meta`.

        Raises:
            TimeoutError: There was no answer in time; the server may have done the work.
            ConnectionError: The connection was lost; the server may have done the work.
            MCPError: The server refused the call.
        """
        from mcp import MCPError
        from mcp.types import CONNECTION_CLOSED

        try:
            async with asyncio.timeout(self.call_seconds):
                return await self.client.call_tool(tool, arguments, meta=cast("RequestParamsMeta", meta))
        except TimeoutError as error:
            raise TimeoutError(
                f"MCP server {self.name!r}: {tool} gave no answer in {self.call_seconds:g} s."
            ) from error
        except MCPError as error:
            if error.code == CONNECTION_CLOSED:
                raise ConnectionError(f"MCP server {self.name!r}: the connection was lost during {tool}.") from error
            raise


@asynccontextmanager
async def connect_to_server(name: str, settings: McpServerSettings) -> AsyncIterator[ServerConnection]:
    """Connect, and disconnect at the end of the block; neither takes longer than `settings.connect_seconds`.

    Raises:
        TurnFailedError: The server cannot be reached, denies access, or does not answer in time.
    """
    ready: asyncio.Future[ServerConnection] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()
    holder = asyncio.create_task(_hold(name, settings, ready, over), name=f"MCP server {name}")
    try:
        await asyncio.wait((holder, ready), timeout=settings.connect_seconds, return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            raise _no_connection(name, settings, holder)
        yield ready.result()
    finally:
        over.set()
        if not ready.done():
            holder.cancel()
        await _wait_for_end(name, settings, holder)
        error = _error_of(holder)
        if ready.done() and error is not None:
            logger.warning("MCP server %s: the connection was lost: %s", name, list(_leaves(error)))


async def _hold(
    name: str, settings: McpServerSettings, ready: asyncio.Future[ServerConnection], over: asyncio.Event
) -> None:
    # Here and not above: most runs need no server, and the package takes a while to import.
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    async with _create_http_client(settings) as http:
        transport = streamable_http_client(settings.url, http_client=http)
        async with Client(transport, cache=None) as client:
            tools = await _list_tools(client)
            ready.set_result(ServerConnection(name, tools, client, settings.call_seconds))
            await over.wait()


async def _list_tools(client: "Client") -> tuple["Tool", ...]:
    page = await client.list_tools()
    tools = page.tools
    while page.next_cursor and len(tools) < _MOST_TOOLS:
        page = await client.list_tools(cursor=page.next_cursor)
        tools += page.tools
    return tuple(tools[:_MOST_TOOLS])


def _create_http_client(settings: McpServerSettings) -> "httpx2.AsyncClient":
    import httpx2

    goodbye = httpx2.Timeout(settings.connect_seconds).as_dict()

    async def hurry_goodbye(request: httpx2.Request) -> None:
        if request.method == "DELETE":
            request.extensions["timeout"] = goodbye

    async def check_access(response: httpx2.Response) -> None:
        if response.status_code in (401, 403):
            raise PermissionError(f"The MCP server answered {response.status_code}.")

    # The transport follows no redirect to another origin, so the token goes nowhere else.
    return httpx2.AsyncClient(
        headers={} if settings.token is None else {"Authorization": f"Bearer {settings.token}"},
        timeout=httpx2.Timeout(settings.connect_seconds, read=settings.connect_seconds + settings.call_seconds),
        event_hooks={"request": [hurry_goodbye], "response": [check_access, _limit_answer]},
    )


async def _limit_answer(response: "httpx2.Response") -> None:
    """Have the answer broken off when it gets longer than any result may be: a server may send one without end."""
    import httpx2

    class Limited(httpx2.AsyncByteStream):
        def __init__(self, body: httpx2.AsyncByteStream) -> None:
            self._body = body

        async def __aiter__(self) -> AsyncIterator[bytes]:
            left = _MOST_ANSWER_BYTES
            async for part in self._body:
                left -= len(part)
                if left < 0:
                    raise httpx2.ReadError(f"The answer has more than {_MOST_ANSWER_BYTES} bytes.")
                yield part

        async def aclose(self) -> None:
            await self._body.aclose()

    response.stream = Limited(cast("httpx2.AsyncByteStream", response.stream))


def _no_connection(name: str, settings: McpServerSettings, holder: asyncio.Task[None]) -> TurnFailedError:
    error = _error_of(holder)
    if any(isinstance(leaf, PermissionError) for leaf in _leaves(error)):
        message = f"The MCP server {name!r} denied access. Check MCP_SERVER_TOKEN."
        failed = TurnFailedError(Failure("tool_server_denied", message))
    else:
        reason = "cannot be reached" if holder.done() else f"did not answer within {settings.connect_seconds:g} s"
        message = f"The MCP server {name!r} {reason}."
        failed = TurnFailedError(Failure("tool_server_unavailable", message, retryable=True))
    failed.__cause__ = error
    return failed


def _error_of(holder: asyncio.Task[None]) -> BaseException | None:
    return holder.exception() if holder.done() and not holder.cancelled() else None


def _leaves(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the single exceptions of an exception group."""
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from _leaves(part)
    elif error is not None:
        yield error


async def _wait_for_end(name: str, settings: McpServerSettings, holder: asyncio.Task[None]) -> None:
    """Wait until the connection has ended, and no longer than connecting may take."""
    await asyncio.wait((holder,), timeout=settings.connect_seconds)
    if not holder.done():
        logger.warning("MCP server %s: the connection does not end and is dropped", name)
        holder.cancel()
