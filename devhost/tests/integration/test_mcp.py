"""The app's MCP tools, called by the official MCP client and by hand, on an app that knows neither."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import Client, MCPError
from mcp.types import INVALID_PARAMS, METHOD_NOT_FOUND, TextContent

from devhost.testing.host_process import REPOSITORY, DevhostProcess

pytestmark = pytest.mark.devhost_only("the MCP extension is not in every extension bundle")

APP = REPOSITORY / "devhost" / "tests" / "apps" / "triggers"
ACCEPT = {"Accept": "application/json, text/event-stream"}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevhostProcess]:
    folder: Path = tmp_path_factory.mktemp("mcp")
    with DevhostProcess(folder, APP, DIARY=str(folder / "diary"), TICK="0 0 0 1 1 *") as process:
        yield process


@pytest.fixture
def http(host: DevhostProcess) -> Iterator[httpx.Client]:
    with host.client() as http:
        yield http


def connect(host: DevhostProcess) -> Client:
    return Client(f"{host.url}/runtime/webhooks/mcp")


def post(http: httpx.Client, message: object, **headers: str) -> httpx.Response:
    return http.post("/runtime/webhooks/mcp", json=message, headers=ACCEPT | headers)


def ask(http: httpx.Client, method: str, params: object = None, **headers: str) -> dict[str, Any]:
    """Send a request and return the JSON-RPC answer."""
    message = {"jsonrpc": "2.0", "id": 1, "method": method} | ({} if params is None else {"params": params})
    answer: dict[str, Any] = post(http, message, **headers).json()
    return answer


async def call(client: Client, name: str, **arguments: object) -> tuple[str, bool]:
    """Call a tool and return the text of its answer, and whether it is an error."""
    result = await client.call_tool(name, arguments)
    texts = [block.text for block in result.content if isinstance(block, TextContent)]
    assert len(texts) == len(result.content)
    return "".join(texts), bool(result.is_error)


async def test_the_server_presents_itself_as_host_json_says(host: DevhostProcess) -> None:
    async with connect(host) as client:
        assert client.protocol_version == "2025-11-25"
        assert client.server_info is not None
        assert (client.server_info.name, client.server_info.version) == ("Triggers", "2.1.0")
        assert client.instructions == "Ask the parrot."
        await client.session.send_ping()


async def test_tools_are_listed_with_their_schemas(host: DevhostProcess) -> None:
    async with connect(host) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == {"Parrot", "add", "join", "explode", "nothing", "highest", "Invocation"}
        assert tools["add"].description == "Add two numbers."
        assert tools["add"].input_schema["required"] == ["first"]
        assert tools["add"].input_schema["properties"]["second"] == {"type": "integer", "description": ""}
        assert tools["join"].input_schema["properties"]["words"] == {
            "type": "array",
            "items": {"type": "string"},
            "description": "What to join",
        }
        assert tools["Invocation"].input_schema["properties"]["colour"]["enum"] == ["red", "blue"]
        assert tools["Invocation"].meta == {"author": "nobody"}


async def test_an_agent_is_a_tool_that_keeps_its_session(host: DevhostProcess) -> None:
    async with connect(host) as client:
        tool = next(tool for tool in (await client.list_tools()).tools if tool.name == "Parrot")
        assert tool.description == "Says it again"
        assert tool.input_schema["required"] == ["query"]
        assert await call(client, "Parrot", query="hello", sessionId="mcp-1") == ("hello, hello", False)
        assert await call(client, "Parrot", query="goodbye", sessionId="mcp-1") == ("goodbye, goodbye", False)


async def test_tools_answer_text(host: DevhostProcess) -> None:
    async with connect(host) as client:
        assert await call(client, "add", first=2, second=3) == ("5", False)
        assert await call(client, "add", first=2) == ("3", False)
        assert await call(client, "ADD", first=2) == ("3", False)
        assert await call(client, "join", words=["so", "it", "goes"]) == ("so it goes", False)
        assert await call(client, "nothing") == ("", False)


async def test_a_result_schema_gives_structured_content(host: DevhostProcess) -> None:
    async with connect(host) as client:
        result = await client.call_tool("highest", {})
        assert result.structured_content == {"name": "Everest", "metres": 8849}
        assert result.content == [TextContent(type="text", text='{"name": "Everest", "metres": 8849}')]


async def test_a_failing_tool_is_a_result_and_its_reason_is_in_the_log(host: DevhostProcess) -> None:
    async with connect(host) as client:
        assert await call(client, "explode", secret="no one must know") == (
            "An error occurred invoking 'explode'.",
            True,
        )
        assert "explode failed: ValueError: no one must know" in host.output()


async def test_wrong_calls_are_errors_of_the_protocol(host: DevhostProcess) -> None:
    async with connect(host) as client:
        with pytest.raises(MCPError, match="Unknown tool: 'fly'") as unknown:
            await client.call_tool("fly", {})
        assert unknown.value.error.code == INVALID_PARAMS
        with pytest.raises(MCPError, match=r"missing values\. Please provide: first") as missing:
            await client.call_tool("add", {"second": 1})
        assert missing.value.error.code == INVALID_PARAMS
        with pytest.raises(MCPError, match="not available") as method:
            await client.list_prompts()
        assert method.value.error.code == METHOD_NOT_FOUND


async def test_a_tool_is_given_the_call_as_azures_extension_gives_it(host: DevhostProcess) -> None:
    async with connect(host) as client:
        text, _ = await call(client, "Invocation", colour="red", sizes=[1, 2], extra={"kept": True})
        given = json.loads(text)
        assert given["name"] == "Invocation"
        assert given["arguments"] == {"colour": "red", "sizes": [1, 2], "extra": {"kept": True}}
        assert given["transport"]["name"] == "http-streamable"
        headers = {name.lower(): value for name, value in given["transport"]["properties"]["headers"].items()}
        assert headers["mcp-session-id"] == given["sessionid"] == given["transport"]["sessionId"]


async def test_many_calls_at_once(host: DevhostProcess) -> None:
    async with connect(host) as client:
        answers = await asyncio.gather(*(call(client, "add", first=n) for n in range(50)))
        assert answers == [(str(n + 1), False) for n in range(50)]


def test_a_session_outlives_the_host(host: DevhostProcess) -> None:
    params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    with host.client() as http:
        answer = post(http, {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params})
        session = answer.headers["Mcp-Session-Id"]
    host.restart()
    with host.client() as http:
        called = ask(http, "tools/call", {"name": "add", "arguments": {"first": 1}}, **{"Mcp-Session-Id": session})
    assert called["result"]["content"] == [{"type": "text", "text": "2"}]


@pytest.mark.parametrize(
    ("offered", "agreed"),
    [("2025-03-26", "2025-03-26"), ("2025-11-25", "2025-11-25"), ("1999-01-01", "2025-11-25"), (None, "2025-11-25")],
)
def test_the_protocol_version_is_negotiated(http: httpx.Client, offered: str | None, agreed: str) -> None:
    assert ask(http, "initialize", {"protocolVersion": offered})["result"]["protocolVersion"] == agreed


def test_a_later_request_of_an_unknown_version_is_refused(http: httpx.Client) -> None:
    answer = post(http, {"jsonrpc": "2.0", "id": 7, "method": "ping"}, **{"MCP-Protocol-Version": "2031-01-01"})
    assert answer.status_code == 400
    assert answer.json()["id"] == 7
    assert answer.json()["error"]["data"]["supported"] == ["2025-11-25", "2025-06-18", "2025-03-26"]


def test_notifications_and_answers_are_accepted_without_a_body(http: httpx.Client) -> None:
    for message in (
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "method": "no/such/notification", "params": {}},
        {"jsonrpc": "2.0", "id": 1, "result": {}},
    ):
        answer = post(http, message)
        assert (answer.status_code, answer.content) == (202, b"")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("{", -32700),
        ("\N{LATIN SMALL LETTER E WITH ACUTE}", -32700),
        ("3", -32600),
        ('[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]', -32600),
        ('{"id": 1, "method": "ping"}', -32600),
        ('{"jsonrpc": "2.0", "id": null, "method": "ping"}', -32600),
        ('{"jsonrpc": "2.0", "id": 1}', -32600),
        ('{"jsonrpc": "2.0", "id": 1, "method": 3}', -32600),
        ('{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"n": NaN}}', -32700),
        ('{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"n": "\\ud83d"}}', -32700),
        ('{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": ' + "[" * 990 + "]" * 990 + "}", -32700),
        ("[" * 20_000 + "]" * 20_000, -32700),
    ],
)
def test_what_is_no_message_is_refused(http: httpx.Client, body: str, code: int) -> None:
    answer = http.post("/runtime/webhooks/mcp", content=body.encode("latin-1"), headers=ACCEPT)
    assert (answer.status_code, answer.json()["id"], answer.json()["error"]["code"]) == (400, None, code)


@pytest.mark.parametrize(
    ("method", "params"),
    [("tools/call", [1]), ("tools/call", {"name": "add", "arguments": [1]}), ("tools/call", {}), ("tools/call", None)],
)
def test_parameters_of_the_wrong_shape_are_refused(http: httpx.Client, method: str, params: object) -> None:
    assert ask(http, method, params)["error"]["code"] == -32602


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream", "text/html"])
def test_a_client_must_accept_both_kinds_of_answer(http: httpx.Client, accept: str) -> None:
    answer = post(http, {"jsonrpc": "2.0", "id": 1, "method": "ping"}, Accept=accept)
    assert answer.status_code == 406
    assert "must accept both" in answer.json()["error"]["message"]


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
def test_there_is_no_stream_to_get_and_no_session_to_delete(http: httpx.Client, method: str) -> None:
    answer = http.request(method, "/runtime/webhooks/mcp", headers=ACCEPT)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:6274", 200),
        ("http://127.0.0.1:7071", 200),
        ("http://[::1]:7071", 200),
        ("https://example.com", 403),
        ("http://localhost.example.com", 403),
        ("http://192.168.1.10:7071", 403),
        ("null", 403),
        ("http://[", 403),
    ],
)
def test_only_pages_of_this_machine_may_call(http: httpx.Client, origin: str, status: int) -> None:
    answer = post(http, {"jsonrpc": "2.0", "id": 1, "method": "ping"}, Origin=origin)
    assert answer.status_code == status


def test_the_host_says_where_the_tools_are_and_which_are_not_served(host: DevhostProcess) -> None:
    output = host.output()
    assert f"MCP server: {host.url.replace('127.0.0.1', 'localhost')}/runtime/webhooks/mcp" in output
    assert "NOT SERVED add_again: Tool with name 'ADD' is already registered." in output
    assert "NOT SERVED unreadable: Its toolProperties or metadata cannot be read" in output
