"""The tools of MCP servers, connected for one run at a time.

Nothing is shared between runs, so concurrent runs and a server that was restarted do not disturb each other. Names,
descriptions and results come from the server and are data: they are checked, cut, and never logged as more than names.
"""

import json
import logging
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from agent_framework import FunctionInvocationContext, FunctionTool, SupportsAgentRun
from pydantic import BaseModel, ConfigDict, Field

from durable_agents.ids import MCP_TOOL_NAME
from durable_agents.sessions.mcp_connection import ServerConnection, connect_to_server
from durable_agents.sessions.meter import IDEMPOTENCY_KEY
from durable_agents.sessions.tool_results import trim_text
from durable_agents.sessions.tool_retries import TOOL_RETRY, ToolRetry
from durable_agents.settings.agents import McpServerSettings

if TYPE_CHECKING:
    from mcp.types import CallToolResult, ContentBlock, Tool

logger = logging.getLogger(__name__)

MCP_SERVERS = "mcp_servers"
"""The name in an agent's `additional_properties` under which it declares its servers: mappings, see `McpServer`."""

_DESCRIPTION_BYTES = 1_024
_SCHEMA_BYTES = 16_384


class McpServer(BaseModel):
    """A server whose tools an agent may use.

    Attributes:
        name: Short, for callers, failures, and as the prefix of a tool whose name is taken.
        connection: Where it is and how long it may take.
        allowed_tools: The tools that may be used, by the server's names for them; None allows all.
        retry: How its tools are tried again; None calls them once. A call that is too slow is a `TimeoutError`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")
    connection: McpServerSettings
    allowed_tools: frozenset[str] | None = None
    retry: ToolRetry | None = None

    @property
    def address(self) -> str:
        """The URL without what may be a credential: user name, password, query."""
        url = urlsplit(self.connection.url)
        return f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}"


@dataclass(frozen=True, slots=True)
class McpTools:
    """The tools that an agent has from servers.

    Attributes:
        servers: Where they come from.
        taken: The names of the agent's own tools.
    """

    servers: tuple[McpServer, ...] = ()
    taken: frozenset[str] = frozenset()

    @classmethod
    def of_agent(cls, agent: SupportsAgentRun) -> Self:
        """Return what an agent declares.

        Raises:
            ValidationError: It declares something else.
            ValueError: The agent holds MCP tools of the framework, whose one connection all its runs would share.
        """
        if getattr(agent, "mcp_tools", ()):
            raise ValueError(
                f"Agent {agent.name!r} holds MCP tools that all its runs would share, which fails when two run at once "
                f"or the server restarts. Declare the server in additional_properties[{MCP_SERVERS!r}] instead."
            )
        properties: dict[str, Any] = getattr(agent, "additional_properties", {})
        options: dict[str, Any] = getattr(agent, "default_options", {})
        servers = tuple(McpServer.model_validate(declared) for declared in properties.get(MCP_SERVERS, ()))
        return cls(servers, frozenset(tool.name for tool in options.get("tools") or ()))

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[list[FunctionTool]]:
        """Connect to the servers and give their tools, which work inside the block.

        Raises:
            TurnFailedError: A server cannot be reached, denies access, or does not answer in time.
        """
        tools: dict[str, FunctionTool] = {}
        async with AsyncExitStack() as stack:
            for server in self.servers:
                connection = await stack.enter_async_context(connect_to_server(server.name, server.connection))
                for tool in _usable(server, connection.tools):
                    name = _choose_name(server, tool.name, self.taken | tools.keys())
                    if name is not None:
                        tools[name] = _create_tool(server, connection, tool, name)
            yield list(tools.values())


def _usable(server: McpServer, tools: Collection["Tool"]) -> Iterator["Tool"]:
    """Yield the tools that are allowed and that a model can be given."""
    for tool in tools:
        if server.allowed_tools is not None and tool.name not in server.allowed_tools:
            continue
        if MCP_TOOL_NAME.fullmatch(tool.name) is None:
            logger.warning("MCP server %s: tool %.80r left out, its name is not possible", server.name, tool.name)
        elif len(json.dumps(tool.input_schema)) > _SCHEMA_BYTES:
            logger.warning("MCP server %s: tool %s left out, its schema is too large", server.name, tool.name)
        else:
            yield tool


def _choose_name(server: McpServer, name: str, taken: Collection[str]) -> str | None:
    """Return the name under which the model gets the tool, or None if there is none left."""
    for candidate in (name, f"{server.name}_{name}"):
        if candidate not in taken and MCP_TOOL_NAME.fullmatch(candidate):
            return candidate
    logger.warning("MCP server %s: tool %s left out, its name is taken", server.name, name)
    return None


def _create_tool(server: McpServer, connection: ServerConnection, tool: "Tool", name: str) -> FunctionTool:
    async def call(invocation: FunctionInvocationContext, **_arguments: Any) -> str:
        # The arguments are taken from the context, where a parameter that the server calls "invocation" is one too.
        meta = {IDEMPOTENCY_KEY: invocation.metadata[IDEMPOTENCY_KEY]}
        return _to_text(await connection.call(tool.name, dict(invocation.arguments), meta))

    return FunctionTool(
        func=call,
        name=name,
        description=trim_text(tool.description or "", _DESCRIPTION_BYTES),
        approval_mode="never_require",
        input_model={"properties": {}, **tool.input_schema},
        additional_properties=None if server.retry is None else {TOOL_RETRY: server.retry},
    )


def _to_text(result: "CallToolResult") -> str:
    """Return what the model reads of a result. An error of the tool is for the model too: it can mend its call."""
    parts = [_block_text(block) for block in result.content]
    if not parts and result.structured_content is not None:
        parts = [json.dumps(result.structured_content)]
    text = "\n".join(parts)
    return f"The tool failed: {text}" if result.is_error else text


def _block_text(block: "ContentBlock") -> str:
    from mcp.types import EmbeddedResource, TextContent, TextResourceContents

    if isinstance(block, TextContent):
        return block.text
    if isinstance(block, EmbeddedResource) and isinstance(block.resource, TextResourceContents):
        return block.resource.text
    return f"[{block.type} left out: only text can be read]"
