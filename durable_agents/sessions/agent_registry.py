"""The agents of the app, found by name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent_framework import SupportsAgentRun
from pydantic import BaseModel

from durable_agents.http.problems import ProblemError
from durable_agents.ids import check_agent_name
from durable_agents.sessions.budget import RunBudget
from durable_agents.sessions.mcp import McpServer, McpTools

OUTPUT_MODELS = "output_models"
"""The name in an agent's `additional_properties` under which it declares the models it may be asked to answer with."""


@dataclass(frozen=True, slots=True)
class AgentDescription:
    """What callers may know of an agent.

    Attributes:
        name: As it is registered.
        description: What it is for.
        output_models: The models a run may ask for as `response_format`, by name.
        default_output: The name of the one that a run gets which asks for none, or None for prose.
        tools: The names of its own tools.
        mcp_servers: The servers whose tools it has besides; what these are is known when a run connects.
        budget: What each of its runs may use at most.
    """

    name: str
    description: str | None
    output_models: Mapping[str, type[BaseModel]] = field(default_factory=dict)
    default_output: str | None = None
    tools: tuple[str, ...] = ()
    mcp_servers: tuple[McpServer, ...] = ()
    budget: RunBudget = field(default_factory=RunBudget)


class AgentRegistry:
    """The agents of the app; as in the routes of the Functions host, case does not matter in a name.

    Raises:
        ValueError: The name of an agent is not possible as a function name.
    """

    def __init__(self, agents: Mapping[str, SupportsAgentRun]) -> None:
        self._by_name = {name.casefold(): _describe(check_agent_name(name), agent) for name, agent in agents.items()}

    @property
    def names(self) -> list[str]:
        """The names, in the order of registration."""
        return [agent.name for agent in self._by_name.values()]

    def find(self, name: str) -> AgentDescription:
        """Return the agent of this name.

        Raises:
            ProblemError: 404 that names the agents there are.
        """
        found = self._by_name.get(name.casefold())
        if found is None:
            detail = f"There is no agent {name!r}. Known: {', '.join(self.names)}."
            raise ProblemError(404, "unknown-agent", detail, known=self.names)
        return found

    def describe(self) -> list[AgentDescription]:
        """Return what callers may know of each agent."""
        return list(self._by_name.values())


def _describe(name: str, agent: SupportsAgentRun) -> AgentDescription:
    properties: dict[str, Any] = getattr(agent, "additional_properties", {})
    options: dict[str, Any] = getattr(agent, "default_options", {})
    declared = options.get("response_format")
    default = [declared] if isinstance(declared, type) and issubclass(declared, BaseModel) else []
    models: list[type[BaseModel]] = [*default, *properties.get(OUTPUT_MODELS, ())]
    return AgentDescription(
        name=name,
        description=agent.description,
        output_models={model.__name__: model for model in models},
        default_output=default[0].__name__ if default else None,
        tools=tuple(tool.name for tool in options.get("tools") or ()),
        mcp_servers=McpTools.of_agent(agent).servers,
        budget=RunBudget.of_agent(agent),
    )
