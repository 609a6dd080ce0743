"""The agents of the app, found by name."""

from collections.abc import Mapping
from dataclasses import dataclass

from agent_framework import SupportsAgentRun

from hosting.names import check_agent_name
from hosting.problems import ProblemError


@dataclass(frozen=True, slots=True)
class AgentDescription:
    """What callers may know of an agent."""

    name: str
    description: str | None


class AgentDirectory:
    """The agents of the app; as in the routes of the Functions host, case does not matter in a name.

    Raises:
        ValueError: The name of an agent is not possible as a function name.
    """

    def __init__(self, agents: Mapping[str, SupportsAgentRun]) -> None:
        self._by_name = {check_agent_name(name).casefold(): (name, agent) for name, agent in agents.items()}

    @property
    def names(self) -> list[str]:
        """The names, in the order of registration."""
        return [name for name, _ in self._by_name.values()]

    def find(self, name: str) -> str:
        """Return the name of this agent as it is registered.

        Raises:
            ProblemError: 404 that names the agents there are.
        """
        found = self._by_name.get(name.casefold())
        if found is None:
            detail = f"There is no agent {name!r}. Known: {', '.join(self.names)}."
            raise ProblemError(404, "unknown-agent", detail, known=self.names)
        return found[0]

    def describe(self) -> list[AgentDescription]:
        """Return what callers may know of each agent."""
        return [AgentDescription(name, agent.description) for name, agent in self._by_name.values()]
