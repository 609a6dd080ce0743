"""How an agent takes its turns, by what it says itself and what the app says of all."""

from typing import Any, cast

from agent_framework import FunctionTool, SupportsAgentRun
from agent_framework_durabletask import AgentResponseCallbackProtocol
from pydantic import BaseModel

from durable_agents.limits import TurnLimits
from durable_agents.sessions.budget import RunBudget
from durable_agents.sessions.compaction import summarize_with
from durable_agents.sessions.mcp import McpTools
from durable_agents.sessions.pending import allow_approvals, find_free_tools
from durable_agents.sessions.tool_retries import ToolRetry
from durable_agents.sessions.turn import StreamingAgent, Turns


def create_turns(
    agent: SupportsAgentRun,
    name: str,
    limits: TurnLimits,
    budget: RunBudget,
    callback: AgentResponseCallbackProtocol | None,
) -> Turns:
    """Return the turns of an agent, whose tools may ask for approval from now on. `budget` bounds its own.

    Raises:
        ValueError: What the agent says of its budget, its tools or its MCP servers cannot be read.
    """
    options: dict[str, Any] = getattr(agent, "default_options", {})
    for tool in options.get("tools") or ():
        # A policy that cannot be read would otherwise show at the first call of the tool, as the tool's failure.
        if isinstance(tool, FunctionTool):
            ToolRetry.of_tool(tool)
    declared = options.get("response_format")
    turns = Turns(
        name=name,
        agent=cast(StreamingAgent, agent),
        limits=limits,
        budget=RunBudget.of_agent(agent).tightened(budget),
        mcp=McpTools.of_agent(agent),
        summarize=summarize_with(agent),
        callback=callback,
        default_format=declared if isinstance(declared, type) and issubclass(declared, BaseModel) else None,
        free_tools=find_free_tools(agent),
    )
    allow_approvals(agent)
    return turns
