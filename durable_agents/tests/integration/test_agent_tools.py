"""Agents as MCP tools, called by the official MCP client."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from mcp import Client, MCPError
from mcp.types import INVALID_PARAMS, CallToolResult, TextContent

from durable_agents.sessions.mcp_connection import connect_to_server
from durable_agents.settings.groups import McpServerSettings
from durable_agents.testing.chat_server import Answer, ChatCompletionsServer, Failure

pytestmark = pytest.mark.devhost_only("the MCP extension is not in every extension bundle")


def connect(host: Any) -> Client:
    return Client(f"{host.url}/runtime/webhooks/mcp")


def text_of(result: CallToolResult) -> str:
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text


async def test_the_agents_are_listed_as_tools(host: Any) -> None:
    async with connect(host) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert list(tools) == ["Writer", "SpamDetector", "Researcher"]
    assert tools["Writer"].description == "Writes."
    schema = tools["Writer"].input_schema
    assert (list(schema["properties"]), schema["required"]) == (["query", "sessionId"], ["query"])


async def test_two_calls_in_one_session(host: Any) -> None:
    async with connect(host) as client:
        first = await client.call_tool("Writer", {"query": "My name is Ada."})
        assert first.meta is not None
        session = first.meta["session_id"]
        second = await client.call_tool("Writer", {"query": "Who am I?", "sessionId": session})
        apart = await client.call_tool("Writer", {"query": "Who am I?"})
    assert "My name is Ada." in text_of(second)
    assert second.meta is not None
    assert (second.meta["session_id"], second.meta["status"], second.is_error) == (session, "success", False)
    assert "Ada" not in text_of(apart)


async def test_a_structured_answer_is_json(host: Any) -> None:
    async with connect(host) as client:
        result = await client.call_tool("SpamDetector", {"query": "Subject: You won the lottery! Click here."})
    assert set(json.loads(text_of(result))) == {"is_spam", "confidence", "reason"}


async def test_a_tool_and_the_http_route_share_their_sessions(host: Any, api: Any) -> None:
    api.http.post("/api/agents/Writer/run", json={"message": "My name is Ada.", "session_id": "tool-1"})
    async with connect(host) as client:
        assert "Ada" in text_of(await client.call_tool("Writer", {"query": "Who am I?", "sessionId": "tool-1"}))
        await client.call_tool("Writer", {"query": "And now?", "threadId": "tool-1"})
    last = api.http.post("/api/agents/Writer/run", json={"message": "Bye", "session_id": "tool-1"}).json()
    assert last["message_count"] == 8


async def test_an_agents_connection_to_mcp_servers_works_with_the_host_too(host: Any) -> None:
    settings = McpServerSettings(f"{host.url}/runtime/webhooks/mcp")
    async with connect_to_server("agents", settings) as connection:
        assert [tool.name for tool in connection.tools] == ["Writer", "SpamDetector", "Researcher"]
        assert "Hello" in text_of(await connection.call("Writer", {"query": "Hello"}, {}))


async def test_concurrent_calls(host: Any) -> None:
    async with connect(host) as client:
        results = await asyncio.gather(*(client.call_tool("Writer", {"query": f"Number {n}."}) for n in range(10)))
    assert [f"Number {n}." in text_of(result) for n, result in enumerate(results)] == [True] * 10
    assert len({result.meta["session_id"] for result in results if result.meta}) == 10


async def test_concurrent_calls_in_one_session_are_answered_in_turn(host: Any, api: Any) -> None:
    async with connect(host) as client:
        arguments = [{"query": f"Number {n}.", "sessionId": "tool-queue"} for n in range(5)]
        results = await asyncio.gather(*(client.call_tool("Writer", one) for one in arguments))
    assert not any(result.is_error for result in results)
    last = api.http.post("/api/agents/Writer/run", json={"message": "Bye", "session_id": "tool-queue"}).json()
    assert last["message_count"] == 12


@pytest.mark.parametrize(
    ("arguments", "mistake"),
    [
        ({"query": "Hello", "sessionId": "x?op=reset&"}, "Session id 'x?op=reset&' is not possible."),
        ({"query": "Hello", "sessionId": "q#frag"}, "is not possible"),
        ({"query": "Hello", "sessionId": "a/b"}, "is not possible"),
        ({"query": "Hello", "sessionId": ".."}, "is not possible"),
        ({"query": "Hello", "sessionId": "@dafx-writer@victim"}, "is not possible"),
        ({"query": "Hello", "sessionId": 5}, "sessionId: "),
        ({"query": "  "}, "query: "),
        ({"query": {"text": "Hello"}}, "query: "),
        ({"query": "Hello", "role": "system"}, "role: Extra inputs are not permitted"),
        ({"query": "x" * 300_000}, "at most 262144 are accepted"),
    ],
)
async def test_bad_arguments_are_a_clear_error(host: Any, arguments: dict[str, Any], mistake: str) -> None:
    async with connect(host) as client:
        result = await client.call_tool("Writer", arguments)
    assert result.is_error
    assert text_of(result).startswith("Nothing was done. ")
    assert mistake in text_of(result)


async def test_text_that_is_no_text_is_refused(host: Any) -> None:
    """Before it reaches a tool: half a character is no text that could be written again."""
    params = '{"name": "Writer", "arguments": {"query": "half \\ud800"}}'
    body = f'{{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {params}}}'
    async with httpx.AsyncClient(base_url=host.url, headers={"Accept": "*/*"}) as http:
        answer = await http.post("/runtime/webhooks/mcp", content=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32700)


async def test_a_missing_query_is_refused_by_the_host(host: Any) -> None:
    async with connect(host) as client:
        with pytest.raises(MCPError) as refused:
            await client.call_tool("Writer", {})
    assert refused.value.error.code == INVALID_PARAMS


async def test_a_failure_names_its_code_and_whether_to_retry(start_host: Any, model: ChatCompletionsServer) -> None:
    model.script(*[Failure(429, "Slow down", "rate_limit_exceeded", retry_after=0.3)] * 3)
    model.script(Failure(400, "No, my secret", "bad"), Answer("You are Ada."))
    async with connect(start_host(AGENT_RETRY_ATTEMPTS="1", **model.settings)) as client:
        busy = await client.call_tool("Writer", {"query": "Hello", "sessionId": "s1"})
        assert busy.is_error
        assert "(rate_limited)" in text_of(busy)
        assert text_of(busy).endswith("It may succeed when called again in 1 seconds.")
        refused = await client.call_tool("Writer", {"query": "Hello", "sessionId": "s1"})
        assert refused.is_error
        assert "(provider_rejected)" in text_of(refused)
        assert text_of(refused).endswith("Calling again without a change will fail again.")
        assert "secret" not in text_of(refused)
        assert refused.meta is not None
        assert refused.meta["error_code"] == "provider_rejected"
        assert text_of(await client.call_tool("Writer", {"query": "Who am I?", "sessionId": "s1"})) == "You are Ada."


async def test_a_wait_that_runs_out_says_where_the_answer_will_be(start_host: Any, api_of: Any) -> None:
    host = start_host(OFFLINE_MODEL_LATENCY_SECONDS="1.5", AGENT_WAIT_SECONDS="0.2")
    async with connect(host) as client:
        slow = await client.call_tool("Writer", {"query": "Hello", "sessionId": "slow"})
    assert slow.meta is not None
    assert (slow.is_error, slow.meta["status"]) == (False, "running")
    route = f"agents/Writer/sessions/slow/responses/{slow.meta['correlation_id']}"
    assert "still working" in text_of(slow)
    assert f"GET {route}," in text_of(slow)
    api = api_of(host)
    while (answer := api.http.get(f"/api/{route}")).status_code == 202:
        await asyncio.sleep(0.1)
    assert (answer.status_code, answer.json()["status"]) == (200, "success")
