"""The one place where the app replaces something inside `AgentFunctionApp`: sessions, graph workflows, how payloads are
read.

The packages have no public way to do that. A test fails when one of the methods that are overridden here changes.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

from agent_framework import FunctionTool, SupportsAgentRun, Workflow
from agent_framework_azurefunctions import AgentFunctionApp
from agent_framework_durabletask import AgentResponseCallbackProtocol, AgentSessionId
from pydantic import BaseModel

from durable_agents.orchestration.registry import Orchestration
from durable_agents.payloads import read_payloads_as_plain_json
from durable_agents.runs.tool_approvals import ToolApprovals
from durable_agents.sessions.budget import RunBudget
from durable_agents.sessions.compaction import summarize_with
from durable_agents.sessions.entity import create_agent_entity
from durable_agents.sessions.entity_function import register_entity
from durable_agents.sessions.index import SessionIndex
from durable_agents.sessions.lifetime import SessionLifetime, ttl_of_agent
from durable_agents.sessions.mcp import McpTools
from durable_agents.sessions.pending import allow_approvals, find_free_tools
from durable_agents.sessions.tool_retries import ToolRetry
from durable_agents.sessions.turn import StreamingAgent, Turns
from durable_agents.settings.agents import AgentSettings
from durable_agents.workflows.codec import use_plain_json
from durable_agents.workflows.validation import agents_of, check_workflows


class DurableAgentApp(AgentFunctionApp):
    """An `AgentFunctionApp` whose agents take their turns as `durable_agents.sessions.turn` says.

    It generates no HTTP endpoints for agents and health: routes/ has truthful ones at the same URLs. Sessions live for
    `session_ttl` after their last message, unless an agent says otherwise, and are listed in `session_index`.
    A run of `tool_approval` has humans decide on a tool call, where a tool needs that. Everything else is the
    package's; further arguments go to it as they are.

    The executors of `workflows` are registered as the package does it. Their orchestrations are registered with all
    others, see `durable_agents.workflows.graph`, and their routes are those of `durable_agents.routes.workflow_routes`.

    Raises:
        ValueError: The workflows cannot be hosted, see `check_workflows`; or an agent has a tool that a human has to
            approve, and there is no `tool_approval`.
    """

    def __init__(
        self,
        *,
        agent_settings: AgentSettings,
        session_ttl: timedelta | None = None,
        session_index: SessionIndex | None = None,
        tool_approval: Orchestration | None = None,
        agents: Sequence[SupportsAgentRun] = (),
        workflows: Sequence[Workflow] = (),
        **options: Any,
    ) -> None:
        read_payloads_as_plain_json()
        check_workflows(workflows, [str(agent.name) for agent in agents])
        for workflow in workflows:
            use_plain_json(workflow)
        # Before the package's own __init__, which registers the agents.
        self._agent_settings = agent_settings
        self._session_ttl = session_ttl
        self._session_index = session_index
        self._tool_approvals = None if tool_approval is None else ToolApprovals(tool_approval)
        for agent in agents if tool_approval is None else ():
            _refuse_tools_nobody_can_approve(agent)
        super().__init__(
            agents=list(agents),
            workflows=list(workflows),
            enable_http_endpoints=False,
            enable_health_check=False,
            **options,
        )

    @property
    def agents(self) -> dict[str, SupportsAgentRun]:
        """The agents that callers can talk to, by name. One inside a workflow is none of them.

        Its session belongs to a run; whoever could talk in it would put words into that run.
        """
        inside = {name for workflow in self.workflows.values() for name in agents_of(workflow)}
        return {name: agent for name, agent in super().agents.items() if name not in inside}

    @property
    def names_by_entity(self) -> dict[str, str]:
        """The names of all agents by the names of their entities, as histories have them."""
        return {AgentSessionId.to_entity_name(name).lower(): name for name in super().agents}

    @property
    def agents_with_sessions(self) -> list[str]:
        """The names of all agents, those inside workflows included."""
        return list(super().agents)

    def _setup_workflow_orchestration(self, workflow: Workflow) -> None:
        """Register nothing: `function_app.py` registers the orchestration with all others."""

    def _register_workflow_routes(self, workflow: Workflow) -> None:
        """Register nothing: `durable_agents.routes.workflow_routes` has truthful routes at the same URLs."""

    def _setup_agent_entity(
        self, agent: SupportsAgentRun, agent_name: str, callback: AgentResponseCallbackProtocol | None
    ) -> None:
        options: dict[str, Any] = getattr(agent, "default_options", {})
        for tool in options.get("tools") or ():
            # A policy that cannot be read would otherwise show at the first call of the tool, as the tool's failure.
            if isinstance(tool, FunctionTool):
                ToolRetry.of_tool(tool)
        declared = options.get("response_format")
        turns = Turns(
            name=agent_name,
            agent=cast(StreamingAgent, agent),
            settings=self._agent_settings,
            budget=RunBudget.of_agent(agent),
            mcp=McpTools.of_agent(agent),
            summarize=summarize_with(agent),
            callback=callback,
            default_format=declared if isinstance(declared, type) and issubclass(declared, BaseModel) else None,
            free_tools=find_free_tools(agent),
        )
        allow_approvals(agent)
        lifetime = SessionLifetime(agent_name, ttl_of_agent(agent, self._session_ttl), self._session_index)
        entity = create_agent_entity(turns, lifetime, self._tool_approvals)
        register_entity(self, AgentSessionId.to_entity_name(agent_name), entity)


def _refuse_tools_nobody_can_approve(agent: SupportsAgentRun) -> None:
    options: dict[str, Any] = getattr(agent, "default_options", {})
    for tool in options.get("tools") or ():
        if isinstance(tool, FunctionTool) and tool.approval_mode == "always_require":
            what = (
                f"Agent {agent.name!r} has tool {tool.name!r}, which a human has to approve, and nobody can be asked."
            )
            raise ValueError(f"{what} Give the app the orchestration that asks: tool_approval=...")
