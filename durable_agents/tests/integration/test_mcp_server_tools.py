"""An agent whose tools come from an MCP server: a real one, a child process, that comes and goes."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from devhost.testing.host_process import HostProcess
from durable_agents.testing.chat_server import Answer, ChatCompletionsServer, ToolCall
from durable_agents.tests.support.mcp_server_process import McpServerProcess

RUN = "/api/agents/Librarian/run"
READ = 'Read the document "returns.txt"'


@pytest.fixture
def diary(tmp_path: Path) -> Path:
    return tmp_path / "diary"


@pytest.fixture
def server_of() -> Iterator[Callable[..., McpServerProcess]]:
    """Start a server, which keeps a diary of its calls if it is given one."""
    started: list[McpServerProcess] = []

    def start(diary: Path | None = None, token: str | None = None) -> McpServerProcess:
        started.append(McpServerProcess(diary, token))
        started[-1].start()
        return started[-1]

    yield start
    for server in started:
        server.kill()


def read(document: str) -> Answer:
    """Return the step of a model that wants to read a document."""
    return Answer(tool_calls=(ToolCall("c1", "read_document", {"document": document}),))


def tool_result(model: ChatCompletionsServer) -> str:
    """Return what the model was last told by a tool."""
    *_, told = (m["content"] for m in model.requests[-1].body["messages"] if m["role"] == "tool")
    return str(told)


async def ask(host: HostProcess, message: str = "Read.", session: str = "s1", **body: Any) -> httpx.Response:
    async with httpx.AsyncClient(base_url=host.url, timeout=40) as http:
        return await http.post(RUN, json={"message": message, "session_id": session, **body})


async def wait_for_call(diary: Path) -> None:
    while not diary.exists():
        await asyncio.sleep(0.02)


async def test_an_agent_uses_the_tools_of_the_server(start_host: Any, server_of: Any) -> None:
    host = start_host(MCP_SERVER_URL=server_of().url)
    first = await ask(host, "List the documents")
    assert "returns.txt: Returns" in first.json()["response"]
    assert "within 30 days" in (await ask(host, READ)).json()["response"]


async def test_ten_runs_at_once(start_host: Any, server_of: Any) -> None:
    host = start_host(MCP_SERVER_URL=server_of().url)
    answers = await asyncio.gather(*(ask(host, READ, f"s{n}") for n in range(10)))
    assert ["within 30 days" in answer.json()["response"] for answer in answers] == [True] * 10


async def test_a_server_may_restart_between_two_runs(start_host: Any, server_of: Any) -> None:
    server = server_of()
    host = start_host(MCP_SERVER_URL=server.url)
    assert "within 30 days" in (await ask(host, READ)).json()["response"]
    server.kill()
    server.start()
    again = (await ask(host, READ)).json()
    assert ("within 30 days" in again["response"], again["message_count"]) == (True, 4)


async def test_a_server_that_is_down_is_a_failure_and_the_session_goes_on(start_host: Any, server_of: Any) -> None:
    server = server_of()
    host = start_host(MCP_SERVER_URL=server.url, AGENT_RETRY_ATTEMPTS="2")
    server.kill()
    down = await ask(host, READ)
    assert (down.status_code, down.json()["error_code"], down.json()["retryable"]) == (
        502,
        "tool_server_unavailable",
        True,
    )
    assert "Retry-After" in down.headers
    assert (await ask(host, READ, enable_tool_calls=False)).status_code == 200
    server.start()
    assert "within 30 days" in (await ask(host, READ)).json()["response"]


async def test_a_server_that_never_answers_is_a_failure_in_time(start_host: Any) -> None:
    async def ignore(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(ignore, "127.0.0.1", 0) as silent:
        port = silent.sockets[0].getsockname()[1]
        settings = {"MCP_CONNECT_SECONDS": "0.5", "AGENT_RETRY_ATTEMPTS": "1"}
        host = start_host(MCP_SERVER_URL=f"http://127.0.0.1:{port}/mcp", **settings)
        began = time.monotonic()
        failed = await ask(host)
        assert time.monotonic() - began < 20
    assert (failed.status_code, failed.json()["error_code"]) == (502, "tool_server_unavailable")
    assert "0.5 s" in failed.json()["error"]


async def test_access_needs_the_token_which_is_told_to_nobody(start_host: Any, server_of: Any, diary: Path) -> None:
    server = server_of(diary, token="letmein")
    host = start_host(MCP_SERVER_URL=server.url, MCP_SERVER_TOKEN="letmein")
    assert (await ask(host, 'Read the document "tea"')).json()["status"] == "success"
    refused = start_host(MCP_SERVER_URL=server.url, MCP_SERVER_TOKEN="wrong-token")
    answer = await ask(refused)
    assert (answer.status_code, answer.json()["error_code"]) == (502, "tool_server_denied")
    assert not answer.json()["retryable"]
    assert "letmein" not in host.output()
    assert "wrong-token" not in refused.output()


async def test_the_model_gets_what_is_allowed_and_no_more(
    start_host: Any, server_of: Any, diary: Path, model: ChatCompletionsServer
) -> None:
    model.script(read("big"), Answer("Big."))
    host = start_host(MCP_SERVER_URL=server_of(diary).url, TOOL_RESULT_BYTES="1000", **model.settings)
    assert (await ask(host)).json()["response"] == "Big."
    offered = [tool["function"]["name"] for tool in model.requests[0].body["tools"]]
    assert offered == ["list_documents", "read_document"]
    assert tool_result(model).startswith("x" * 1000 + "\n[99000 of 100000 bytes left out.")


async def test_a_budget_counts_the_calls(
    start_host: Any, server_of: Any, diary: Path, model: ChatCompletionsServer
) -> None:
    model.script(read("tea"))
    host = start_host(MCP_SERVER_URL=server_of(diary).url, **model.settings)
    failed = await ask(host, budget={"max_tool_calls": 0})
    assert (failed.status_code, failed.json()["error_code"]) == (422, "budget_exceeded")
    assert not diary.exists()


async def test_a_tool_that_fails_is_told_to_the_model(
    start_host: Any, server_of: Any, diary: Path, model: ChatCompletionsServer
) -> None:
    model.script(read("broken"), Answer("I could not read it."))
    host = start_host(MCP_SERVER_URL=server_of(diary).url, **model.settings)
    assert (await ask(host)).json()["response"] == "I could not read it."
    assert tool_result(model).startswith("The tool failed: ")


async def test_a_call_that_hangs_is_given_up(
    start_host: Any, server_of: Any, diary: Path, model: ChatCompletionsServer
) -> None:
    model.script(read("stuck"), Answer("No answer."), read("tea"), Answer("Tea."))
    host = start_host(MCP_SERVER_URL=server_of(diary).url, MCP_CALL_SECONDS="0.5", **model.settings)
    began = time.monotonic()
    assert (await ask(host)).json()["response"] == "No answer."
    assert time.monotonic() - began < 10
    assert "Error" in tool_result(model)
    assert (await ask(host)).json()["response"] == "Tea."


@pytest.mark.thorough
async def test_a_server_killed_in_the_middle_of_a_call(
    start_host: Any, server_of: Any, diary: Path, model: ChatCompletionsServer
) -> None:
    model.script(read("stuck"), Answer("It went away."), read("tea"), Answer("Tea."))
    server = server_of(diary)
    host = start_host(MCP_SERVER_URL=server.url, **model.settings)
    run = asyncio.create_task(ask(host))
    await wait_for_call(diary)
    killed = time.monotonic()
    server.kill()
    assert (await run).json()["response"] == "It went away."
    assert time.monotonic() - killed < 10
    assert "Error" in tool_result(model)
    server.start()
    assert (await ask(host)).json()["response"] == "Tea."


@pytest.mark.kills
async def test_a_host_killed_in_the_middle_of_a_call_takes_the_turn_once(
    start_host: Any, server_of: Any, diary: Path, model: ChatCompletionsServer
) -> None:
    model.script(read("slow"), read("slow"), Answer("At last."))
    host = start_host(MCP_SERVER_URL=server_of(diary).url, **model.settings)
    accepted = await ask(host, wait_for_response=False)
    await wait_for_call(diary)
    await asyncio.to_thread(host.restart)
    async with httpx.AsyncClient(timeout=40) as http:
        while (answer := await http.get(accepted.headers["Location"])).status_code == 202:
            await asyncio.sleep(0.05)
    assert (answer.json()["response"], answer.json()["message_count"]) == ("At last.", 2)
    calls = [json.loads(line) for line in diary.read_text(encoding="utf-8").splitlines()]
    assert len(calls) == 2
    assert calls[0] == calls[1]
    assert calls[0]["key"]


async def test_the_directory_names_the_server_and_connects_nowhere(start_host: Any, api_of: Any) -> None:
    api = api_of(start_host(MCP_SERVER_URL="https://ada:secret@unreachable.invalid/mcp?code=secret"))
    agent = api.http.get("/api/agents").json()["agents"][-1]
    assert (agent["name"], agent["tools"]) == ("Librarian", [])
    assert agent["mcp_servers"] == [
        {
            "name": "library",
            "url": "https://unreachable.invalid/mcp",
            "allowed_tools": ["list_documents", "read_document"],
        }
    ]


def test_without_a_server_there_is_no_such_agent(api: Any) -> None:
    assert "Librarian" not in [agent["name"] for agent in api.http.get("/api/agents").json()["agents"]]
    assert api.http.post(RUN, json={"message": READ}).status_code == 404
