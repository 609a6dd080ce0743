"""The triggers of orchestrations: those of the registry, and those that the app has registered by decorator."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from durable_agents.determinism.durable_calls import Registered
from durable_agents.determinism.start_up import check_functions
from durable_agents.indexing import is_decorated, orchestration_name, play_instead
from durable_agents.orchestration.ask import GetAgent
from durable_agents.orchestration.registry import Orchestration, OrchestrationRegistry
from durable_agents.orchestration.spending import Budget
from durable_agents.runs.playable import playable
from durable_agents.storage.claim_check import ClaimCheck


class OrchestrationTriggers:
    """Lets each orchestration be played with what belongs around it, and be in the registry.

    `result_bytes` is what an agent is told at most of a run that it has started.
    """

    def __init__(
        self, orchestrations: OrchestrationRegistry, get_agent: GetAgent, claims: ClaimCheck, result_bytes: int
    ) -> None:
        self._orchestrations = orchestrations
        self._get_agent = get_agent
        self._claims = claims
        self._result_bytes = result_bytes
        # What each handle of the SDK plays.
        self._handles: dict[Any, Orchestration] = {}
        self._trigger_types: dict[str, str] = {}

    def add(self, orchestration: Orchestration, trigger: Callable[..., Any]) -> None:
        """Register an orchestration of the registry by a decorator of the SDK."""
        register = trigger("context", orchestration.registered_name)
        self._handles[register(self._playable(orchestration))._function._func] = orchestration

    def join(self, builder: Any) -> None:
        """Let what the app itself has registered be one of the registry, if it is an orchestration. Safe to repeat.

        Raises:
            ValueError: There is another one of its name.
        """
        name = orchestration_name(builder)
        if name is None or not is_decorated(builder):
            return
        handle = builder._function._func
        known = self._handles.get(handle)
        if known is None:
            known = Orchestration.by_decorator(handle.orchestrator_function, name)
            self._orchestrations.add(known)
            handle = play_instead(builder, self._playable(known))
        elif known.name != name:
            known = self._orchestrations.rename(known, name)
        self._handles[handle] = known

    def check(self, functions: Iterable[Any], names: Mapping[str, frozenset[str]], agents: Iterable[str]) -> None:
        """Refuse to start with an orchestration that is not deterministic, or that calls what the app does not have.

        Args:
            functions: All functions of the app.
            names: Those of its activities, orchestrations and entities.
            agents: The names of its agents.

        Raises:
            DeterminismError: There is one.
        """
        triggers = {str(function.get_function_name()).casefold(): function.get_trigger() for function in functions}
        self._trigger_types = {name: str(trigger.type) for name, trigger in triggers.items() if trigger}
        known = frozenset(name.casefold() for name in agents)
        registered = Registered(names["activity"], known, names["orchestration"], names["entity"])
        check_functions([(one.function, one.fixed) for one in self._orchestrations], registered)

    def is_registered(self, kind: str, name: str) -> bool:
        """Say whether there is an activity or an orchestration of this name. Without one, Azure waits for ever."""
        return self._trigger_types.get(name.casefold()) == f"{kind}Trigger"

    def _budget_of(self, orchestration: str) -> Budget:
        """Return what a run of this orchestration may use."""
        found = self._orchestrations.find(orchestration)
        return Budget() if found is None else found.budget

    def _playable(self, orchestration: Orchestration) -> Callable[..., Any]:
        return playable(
            orchestration,
            get_agent=self._get_agent,
            is_registered=self.is_registered,
            budget_of=self._budget_of,
            claims=self._claims,
            result_bytes=self._result_bytes,
        )
