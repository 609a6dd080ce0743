import json
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import azure.durable_functions as df
import pytest
from agent_framework import Agent
from agent_framework_azurefunctions import AgentFunctionApp
from agent_framework_durabletask import DurableAgentState, RunRequest

from durable_agents.chat_clients.offline.client import OfflineChatClient
from durable_agents.owners import owned, owner_named
from durable_agents.routes.mcp_tools import AgentTool
from durable_agents.seal import Seal
from durable_agents.sessions.agent_registry import AgentRegistry
from durable_agents.sessions.budget import RunBudget, Spent
from durable_agents.sessions.correlation import RunIds
from durable_agents.sessions.pending import PendingTurn, WaitingCall, keep_pending
from durable_agents.sessions.tool_requests import ToolDecision, ToolRequest
from durable_agents.tests.unit.runs.task_hub_server import TaskHubServer

IDS = RunIds(Seal(lambda: [b"key"]))


def app_with(name: str, *, generate_tool: bool = False) -> AgentFunctionApp:
    return AgentFunctionApp(
        agents=[Agent(OfflineChatClient(), "Help.", name=name)],
        enable_http_endpoints=False,
        enable_health_check=False,
        enable_mcp_tool_trigger=generate_tool,
    )


def describe_tool(app: AgentFunctionApp) -> dict[str, Any]:
    """Return what identifies the app's MCP tool to the host and to clients."""
    functions = cast(df.DFApp, app).get_functions()
    bindings = {function.get_function_name(): function.get_bindings() for function in functions}
    (name,) = (name for name in bindings if str(name).startswith("mcptool"))
    return {
        "function": name,
        "tool": [vars(binding)["tool_name"] for binding in bindings[name] if binding.type == "mcpToolTrigger"],
        "bindings": sorted((binding.type, binding.name) for binding in bindings[name]),
    }


@pytest.mark.parametrize("name", ["Writer", "Spam_Detector", "e-mail-assistant", "Trailing_"])
def test_the_tool_is_the_one_that_the_package_would_generate(name: str) -> None:
    ours = app_with(name)
    AgentTool(AgentRegistry(ours.agents).find(name), IDS, wait_seconds=1).register(ours)
    assert describe_tool(ours) == describe_tool(app_with(name, generate_tool=True))


class OneRun(RunIds):
    """Gives every run the same id, under which a session can be scripted beforehand."""

    def new(self, agent: str, session_id: str, now: datetime) -> str:
        return "c1"


@pytest.mark.parametrize(("decided", "status"), [(False, "waiting_for_approval"), (True, "running")])
async def test_a_turn_that_a_human_has_to_decide_on_is_no_answer(decided: bool, status: str) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    decision = ToolDecision(approved=True, decided_at=later) if decided else None
    asked = ToolRequest(
        request_id="r1", correlation_id="c1", tool="pay", arguments={}, expires_at=later, decision=decision
    )
    state = DurableAgentState()
    pending = PendingTurn(
        request=RunRequest("Pay it.", "c1").to_dict(),
        budget=RunBudget(),
        part=1,
        messages=[],
        calls=[WaitingCall(call={}, request=asked)],
        spent=Spent(),
        expires_at=later,
    )
    keep_pending(state, pending)
    tool = AgentTool(AgentRegistry(app_with("Shop").agents).find("Shop"), OneRun(Seal(lambda: [b"key"])), 0)
    async with TaskHubServer() as hub:
        hub.script(202, None)
        hub.script(200, state.to_dict())
        result = json.loads(await tool.call_agent(json.dumps({"arguments": {"query": "Pay it."}}), hub.client))
    content = json.loads(result["content"])
    assert (content["isError"], content["_meta"]["status"]) == (False, status)
    (text,) = (part["text"] for part in content["content"])
    assert "do not send the query again" in text
    assert ("human" in text) is not decided


async def test_a_client_reaches_no_session_that_has_an_owner() -> None:
    async with TaskHubServer() as hub:
        tool = AgentTool(AgentRegistry(app_with("Writer").agents).find("Writer"), IDS, wait_seconds=0)
        arguments = {"query": "What did I say?", "sessionId": owned("s", owner_named("ada"))}
        result = json.loads(await tool.call_agent(json.dumps({"arguments": arguments}), hub.client))
        assert json.loads(result["content"])["isError"]
        assert hub.requests == []
