import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agent_framework import Agent, FunctionInvocationContext, FunctionTool, MCPStreamableHTTPTool, tool
from pydantic import ValidationError

from durable_agents.chat_clients.offline.client import OfflineChatClient
from durable_agents.sessions.failures import TurnFailedError
from durable_agents.sessions.mcp import McpServer, McpTools
from durable_agents.sessions.mcp_connection import connect_to_server
from durable_agents.sessions.meter import IDEMPOTENCY_KEY
from durable_agents.sessions.tool_retries import ToolRetry, call_with_retries
from durable_agents.settings.agents import McpServerSettings
from durable_agents.tests.support.endless_answer import EndlessAnswer
from durable_agents.tests.support.mcp_server_process import McpServerProcess

NOWHERE = McpServerSettings("http://127.0.0.1:9/mcp", connect_seconds=2)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[McpServerProcess]:
    """A server whose documents go wrong; it also has a tool whose name is not possible."""
    server = McpServerProcess(tmp_path_factory.mktemp("mcp") / "diary")
    server.start()
    yield server
    server.kill()


def server_at(url: str, name: str = "library", call_seconds: float = 20, **fields: Any) -> McpServer:
    return McpServer(name=name, connection=McpServerSettings(url, call_seconds=call_seconds), **fields)


async def invoke(function: FunctionTool, **arguments: Any) -> str:
    """Call the tool as a turn does, with its retries, and return what the model reads."""
    context = FunctionInvocationContext(function, arguments)
    context.metadata[IDEMPOTENCY_KEY] = "key"

    async def call() -> None:
        context.result = await function.invoke(arguments=arguments, context=context)

    await call_with_retries(function, call)
    return "".join(content.text for content in context.result)


async def test_every_tool_with_a_possible_name_is_given(faulty: McpServerProcess) -> None:
    async with McpTools((server_at(faulty.url),)).connect() as tools:
        assert [tool.name for tool in tools] == ["list_documents", "read_document", "burn_documents"]
        assert await invoke(tools[1], document="tea") == "The text of tea."
        assert await invoke(tools[1], document="broken") == "The tool failed: Error executing tool read_document"


async def test_only_allowed_tools_are_given(faulty: McpServerProcess) -> None:
    server = server_at(faulty.url, allowed_tools={"read_document", "no_such_tool"})
    async with McpTools((server,)).connect() as tools:
        assert [tool.name for tool in tools] == ["read_document"]


async def test_a_name_that_is_taken_gets_a_prefix_or_is_left_out(faulty: McpServerProcess) -> None:
    allowed = frozenset({"read_document"})
    servers = tuple(server_at(faulty.url, name, allowed_tools=allowed) for name in ("one", "two", "two"))
    async with McpTools(servers, taken=frozenset({"read_document"})).connect() as tools:
        assert [tool.name for tool in tools] == ["one_read_document", "two_read_document"]
        assert await invoke(tools[1], document="tea") == "The text of tea."


async def test_a_slow_call_is_tried_again_by_the_policy_of_its_server(faulty: McpServerProcess) -> None:
    retry = ToolRetry(on=(TimeoutError,), attempts=2, delay_seconds=0)
    async with McpTools((server_at(faulty.url, call_seconds=0.3, retry=retry),)).connect() as tools:
        began = asyncio.get_running_loop().time()
        with pytest.raises(TimeoutError, match=r"'library': read_document gave no answer in 0\.3 s"):
            await invoke(tools[1], document="slow")
        assert asyncio.get_running_loop().time() - began > 0.6


async def test_a_lost_connection_is_the_error_of_the_call_and_not_of_the_block(tmp_path: Path) -> None:
    server = McpServerProcess(tmp_path / "diary")
    server.start()
    async with McpTools((server_at(server.url),)).connect() as tools:
        server.kill()
        for _ in range(2):
            with pytest.raises(ConnectionError, match="the connection was lost during list_documents"):
                await invoke(tools[0])


async def test_the_error_of_the_block_stays_as_it_is(faulty: McpServerProcess) -> None:
    with pytest.raises(KeyError, match="mine"):
        async with connect_to_server("library", McpServerSettings(faulty.url)):
            raise KeyError("mine")


async def test_the_connection_ends_when_the_run_is_cancelled(faulty: McpServerProcess) -> None:
    connected = asyncio.Event()

    async def run() -> None:
        async with connect_to_server("library", McpServerSettings(faulty.url)):
            connected.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(run())
    await connected.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [other.get_name() for other in asyncio.all_tasks() if other is not asyncio.current_task()] == []


async def test_a_server_that_is_not_there_is_a_failure_worth_another_attempt() -> None:
    with pytest.raises(TurnFailedError, match="The MCP server 'library' cannot be reached") as failed:
        async with connect_to_server("library", NOWHERE):
            raise AssertionError("there is no connection")
    assert (failed.value.failure.code, failed.value.failure.retryable) == ("tool_server_unavailable", True)


async def test_an_answer_without_end_is_broken_off() -> None:
    with EndlessAnswer(200) as server:
        with pytest.raises(TurnFailedError, match="The MCP server 'library'"):
            async with connect_to_server("library", McpServerSettings(server.url, connect_seconds=30)):
                raise AssertionError("there is no connection")
        sent = await asyncio.to_thread(server.wait_until_left)
    assert 16 * 1024 * 1024 < sent < EndlessAnswer.MOST_BYTES


@pytest.mark.parametrize(
    "declared",
    [
        {"connection": NOWHERE},
        {"name": "library"},
        {"name": "Not a prefix", "connection": NOWHERE},
        {"name": "library", "connection": NOWHERE, "url": "https://example.com"},
    ],
)
def test_a_declaration_that_cannot_be_read_stops_the_start(declared: dict[str, Any]) -> None:
    agent = Agent(OfflineChatClient(), "Help.", name="Test", additional_properties={"mcp_servers": [declared]})
    with pytest.raises(ValidationError):
        McpTools.of_agent(agent)


def test_an_agent_that_shares_a_connection_stops_the_start() -> None:
    shared = MCPStreamableHTTPTool("library", NOWHERE.url)
    with pytest.raises(ValueError, match="Declare the server in additional_properties"):
        McpTools.of_agent(Agent(OfflineChatClient(), "Help.", name="Test", tools=[shared]))


def test_the_tools_of_the_agent_take_their_names() -> None:
    own = tool(lambda: "mine", name="read_document", approval_mode="never_require")
    servers = [{"name": "library", "connection": NOWHERE}]
    agent = Agent(
        OfflineChatClient(), "Help.", name="Test", tools=[own], additional_properties={"mcp_servers": servers}
    )
    assert McpTools.of_agent(agent) == McpTools(
        (McpServer(name="library", connection=NOWHERE),), frozenset({"read_document"})
    )


@pytest.mark.parametrize("url", ["https://h.example:8443/mcp", "https://ada:pw@h.example:8443/mcp?code=pw#pw"])
def test_the_address_has_no_credentials(url: str) -> None:
    server = server_at(url)
    assert server.address == "https://h.example:8443/mcp"
    assert "pw" not in repr(server)
