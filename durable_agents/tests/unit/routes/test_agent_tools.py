from typing import Any, cast

import azure.durable_functions as df
import pytest
from agent_framework import Agent
from agent_framework_azurefunctions import AgentFunctionApp

from durable_agents.chat_clients.offline.client import OfflineChatClient
from durable_agents.http.problems import ProblemError
from durable_agents.routes import mcp_tools as agent_tools
from durable_agents.seal import Seal
from durable_agents.sessions.agent_registry import AgentRegistry
from durable_agents.sessions.correlation import RunIds

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
    agent_tools.register(ours, AgentRegistry(ours.agents), [name], IDS, wait_seconds=1)
    assert describe_tool(ours) == describe_tool(app_with(name, generate_tool=True))


def test_an_agent_that_is_not_registered_stops_the_start() -> None:
    writer = app_with("Writer")
    with pytest.raises(ProblemError, match=r"There is no agent 'Poet'\. Known: Writer\."):
        agent_tools.register(writer, AgentRegistry(writer.agents), ["Poet"], IDS, wait_seconds=1)
