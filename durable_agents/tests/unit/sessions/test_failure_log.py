"""What the log says when a model or a tool fails."""

import asyncio
import logging
import runpy
from pathlib import Path

import pytest
from agent_framework import FunctionTool, tool
from agent_framework.exceptions import ChatClientException
from agent_framework_durabletask import DurableAgentState, RunRequest

from durable_agents.chat_clients.whole_answer import InvalidAnswerError
from durable_agents.limits import TurnLimits
from durable_agents.sessions.turn import Turns
from durable_agents.testing import ScriptedChatClient
from durable_agents.tests.unit.sessions.scripted_agent import Busy, agent_with, call

# The frames of this library are not those of the tool's author: the tool is in a file of its own.
TOOLS = '''
from agent_framework import tool

@tool(approval_mode="never_require")
def look_up(order: str) -> str:
    """Look an order up."""
    return find_order(order)

def find_order(order: str) -> str:
    raise KeyError(order)
'''


@pytest.fixture
def look_up(tmp_path: Path) -> FunctionTool:
    """A tool that raises."""
    file = tmp_path / "tools.py"
    file.write_text(TOOLS, encoding="utf-8")
    found: FunctionTool = runpy.run_path(str(file))["look_up"]
    return found


async def log_of(caplog: pytest.LogCaptureFixture, client: ScriptedChatClient, *tools: FunctionTool) -> list[str]:
    """Have the agent take a turn, and return what the log has of it, as it is written."""
    agent = agent_with(client, *tools)
    turns = Turns(name="Desk", agent=agent, limits=TurnLimits(retry_attempts=2, retry_seconds=5))
    with caplog.at_level(logging.INFO, logger="durable_agents"):
        await turns.run(DurableAgentState(), "s1", RunRequest("Hello", "r1"))
    written = logging.Formatter("%(levelname)s %(message)s")
    return [written.format(record) for record in caplog.records if record.name.startswith("durable_agents.")]


async def test_a_busy_provider_is_one_line_an_attempt(caplog: pytest.LogCaptureFixture) -> None:
    lines = await log_of(caplog, ScriptedChatClient([wrapped(Busy("Slow\n\x1b[2Jdown"))], [wrapped(Busy("Slow down"))]))
    assert lines == [
        "WARNING Agent Desk, session s1: attempt 1 failed: provider_unavailable. The service failed: Slow \\x1b[2Jdown",
        "ERROR Agent Desk, session s1: run r1 failed: provider_unavailable. The service failed: Slow down",
    ]


async def test_what_is_no_whole_answer_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    cut_off = InvalidAnswerError("The answer is cut off.", retryable=False)
    lines = await log_of(caplog, ScriptedChatClient([cut_off]))
    assert lines == ["ERROR Agent Desk, session s1: run r1 failed: invalid_answer. The answer is cut off."]


async def test_a_failure_of_an_unknown_kind_has_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    (line,) = await log_of(caplog, ScriptedChatClient([RuntimeError("a fault of ours")]))
    assert line.startswith("ERROR Agent Desk, session s1: run r1 failed\nTraceback")
    assert line.endswith("RuntimeError: a fault of ours")


async def test_a_tool_that_raises_is_named_with_the_frames_of_its_author(
    caplog: pytest.LogCaptureFixture, look_up: FunctionTool
) -> None:
    client = ScriptedChatClient([call("look_up", arguments='{"order": "A-17"}')], ["Sorry."])
    (line,) = await log_of(caplog, client, look_up)
    first, *frames = line.splitlines()
    assert first == "ERROR Tool look_up failed for agent Desk, session s1"
    assert [frame.split(", in ")[1] for frame in frames if frame.startswith("  File")] == ["look_up", "find_order"]
    assert line.endswith("KeyError: 'A-17'")


def test_a_cancelled_tool_has_not_failed(caplog: pytest.LogCaptureFixture) -> None:
    @tool(approval_mode="never_require", name="look_up")
    async def wait() -> str:
        """Wait."""
        await asyncio.sleep(60)
        return "never"

    async def cancel() -> None:
        agent = agent_with(ScriptedChatClient([call("look_up")]), wait)
        turn = asyncio.create_task(
            Turns(name="Desk", agent=agent, limits=TurnLimits()).run(
                DurableAgentState(), "s1", RunRequest("Hello", "r1")
            )
        )
        await asyncio.sleep(0.1)
        turn.cancel()
        with pytest.raises(asyncio.CancelledError):
            await turn

    asyncio.run(cancel())
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def wrapped(cause: Exception) -> Exception:
    """Return what a chat client of the framework raises in the place of its provider's exception."""
    error = ChatClientException(f"The service failed: {cause}", inner_exception=cause)
    error.__cause__ = cause
    return error
