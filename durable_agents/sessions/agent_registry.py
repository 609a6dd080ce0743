"""The agents of the app, found by name."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agent_framework import SupportsAgentRun
from pydantic import BaseModel, Field

from durable_agents.http.problems import ProblemError
from durable_agents.ids import check_agent_name
from durable_agents.sessions.budget import RunBudget
from durable_agents.sessions.mcp import McpServer, McpTools

OUTPUT_MODELS = "output_models"
"""The name in an agent's `additional_properties` under which it declares the models it may be asked to answer with."""


class OutputModel(BaseModel):
    """A model that an agent can be asked to answer with; the default is the one of a run that asks for none."""

    name: str
    default: bool
    json_schema: dict[str, Any] = Field(serialization_alias="schema")


class McpServerSummary(BaseModel):
    """A server whose tools an agent has; no allowed tools mean all of them."""

    name: str
    url: str
    allowed_tools: list[str] | None


class AgentSummary(BaseModel):
    """An agent: what it does, what it can be asked for, what a run of it may use, where to reach it."""

    name: str
    description: str | None
    tools: list[str]
    mcp_servers: list[McpServerSummary]
    output_models: list[OutputModel]
    budget: RunBudget
    links: dict[str, str]


@dataclass(frozen=True, slots=True)
class HostedAgent:
    """An agent that callers can talk to.

    Attributes:
        name: As it is registered.
        summary: What callers may know of it; the links depend on who asks.
        output_models: The models a run may ask for as `response_format`, by name.
        default_output: The name of the one that a run gets which asks for none, or None for prose.
    """

    name: str
    summary: AgentSummary
    output_models: Mapping[str, type[BaseModel]]
    default_output: str | None


class AgentRegistry:
    """The agents of the app; as in the routes of the Functions host, case does not matter in a name."""

    def __init__(self, agents: Mapping[str, SupportsAgentRun] | None = None) -> None:
        self._by_name: dict[str, HostedAgent] = {}
        for name, agent in (agents or {}).items():
            self.add(host_agent(name, agent))

    def add(self, agent: HostedAgent) -> None:
        """Add an agent.

        Raises:
            ValueError: There is another one of this name.
        """
        other = self._by_name.setdefault(agent.name.casefold(), agent)
        if other is not agent:
            raise ValueError(f"There are two agents of the name {agent.name!r}: {other.name!r} is one. Rename it.")

    def __iter__(self) -> Iterator[HostedAgent]:
        """Go through the agents in the order of registration."""
        return iter(self._by_name.values())

    @property
    def names(self) -> list[str]:
        """The names, in the order of registration."""
        return [agent.name for agent in self]

    def find(self, name: str) -> HostedAgent:
        """Return the agent of this name.

        Raises:
            ProblemError: 404 that names the agents there are.
        """
        found = self._by_name.get(name.casefold())
        if found is None:
            detail = f"There is no agent {name!r}. Known: {', '.join(self.names)}."
            raise ProblemError(404, "unknown-agent", detail, known=self.names)
        return found


def host_agent(name: str, agent: SupportsAgentRun, every: RunBudget | None = None) -> HostedAgent:
    """Return what callers may know of an agent that is registered under this name; `every` is the budget of all.

    Raises:
        ValueError: The name is not possible as a function name.
    """
    check_agent_name(name)
    properties: dict[str, Any] = getattr(agent, "additional_properties", {})
    options: dict[str, Any] = getattr(agent, "default_options", {})
    declared = options.get("response_format")
    default = [declared] if isinstance(declared, type) and issubclass(declared, BaseModel) else []
    models: list[type[BaseModel]] = [*default, *properties.get(OUTPUT_MODELS, ())]
    by_name, default_name = {model.__name__: model for model in models}, default[0].__name__ if default else None
    summary = AgentSummary(
        name=name,
        description=agent.description,
        tools=[tool.name for tool in options.get("tools") or ()],
        mcp_servers=[_summarize(server) for server in McpTools.of_agent(agent).servers],
        output_models=[
            OutputModel(name=name, default=name == default_name, json_schema=model.model_json_schema())
            for name, model in by_name.items()
        ],
        # Every limit is shown, set or not.
        budget=RunBudget(**dict(RunBudget.of_agent(agent).tightened(every or RunBudget()))),
        links={},
    )
    return HostedAgent(name, summary, by_name, default_name)


def _summarize(server: McpServer) -> McpServerSummary:
    allowed = None if server.allowed_tools is None else sorted(server.allowed_tools)
    return McpServerSummary(name=server.name, url=server.address, allowed_tools=allowed)
