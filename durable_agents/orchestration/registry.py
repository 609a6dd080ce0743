"""The orchestrations of the app: what each is, and the registry that finds them by name."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import BaseModel, RootModel

from durable_agents.orchestration.spending import ALLOWANCE_FIELD, Allowance, Budget
from durable_agents.orchestration.story import input_model_of, is_story


class AnyInput(RootModel[Any]):
    """Any JSON: the orchestration gets it exactly as it was sent."""


@dataclass(frozen=True, slots=True)
class Orchestration:
    """One orchestration that can be started over HTTP.

    Attributes:
        function: The generator function. It takes an `OrchestrationContext` and its input; or, as the SDK has it, the
            durable context, and `get_agent` by keyword.
        input_model: What its input must look like; an orchestration with an `OrchestrationContext` says it itself. What
            a root model has read is stored exactly as it was sent.
        defaults: Values for fields the caller leaves out, from the settings of the deployment. They are put into the
            input when a run starts, so that a new deployment does not change a run in flight.
        fixed: Values that only the deployment sets. Neither a caller nor a model can say otherwise.
        has_any_id: Whether callers may choose the ids of its runs.
        is_internal: Whether only the app itself starts it. Its runs are runs like all others in everything else.
        is_decorated: Whether it is written with the SDK's context alone, and so gets events as the task hub has them.
        registered_name: The name under which it is registered, if that is not the one of the function.
        budget: What a run of it may use, with its children, if it has an `OrchestrationContext`. It is put into the
            input when a run starts; neither a caller nor a model can say otherwise.
    """

    function: Callable[..., Any]
    input_model: type[BaseModel] = None  # type: ignore[assignment]  # never None once made
    defaults: Mapping[str, Any] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    has_any_id: bool = False
    is_internal: bool = False
    is_decorated: bool = False
    registered_name: str | None = None
    budget: Budget = field(default_factory=Budget)

    def __post_init__(self) -> None:
        if self.input_model is None:
            object.__setattr__(self, "input_model", input_model_of(self.function))
        if self.budget != Budget() and (not is_story(self.function) or self.stores_as_sent):
            raise ValueError(
                f"Orchestration {self.name!r} cannot have a budget: its first parameter is no OrchestrationContext, or "
                "its input is a root model, with no room for one."
            )

    @classmethod
    def by_decorator(cls, function: Callable[..., Any], registered_name: str) -> "Orchestration":
        """Return what a decorator has registered: runs that any caller may start, under any id and with any JSON."""
        story = is_story(function)
        return cls(
            function,
            input_model_of(function) if story else AnyInput,
            has_any_id=True,
            is_decorated=not story,
            registered_name=registered_name,
        )

    @property
    def name(self) -> str:
        """The name under which it is registered and stored in histories."""
        return self.registered_name or self.function.__name__

    @property
    def allowance(self) -> dict[str, Any]:
        """What the input of a run has of its budget."""
        return {} if self.budget == Budget() else {ALLOWANCE_FIELD: Allowance(budget=self.budget).model_dump()}

    @property
    def stores_as_sent(self) -> bool:
        """Whether the input of a run is what its caller has sent and nothing else, whatever JSON that is."""
        return issubclass(self.input_model, RootModel)


class OrchestrationRegistry:
    """The orchestrations of the app, found by name; as on Azure, case does not matter."""

    def __init__(self, orchestrations: Iterable[Orchestration]) -> None:
        self._by_name: dict[str, Orchestration] = {}
        for orchestration in orchestrations:
            self.add(orchestration)

    def __iter__(self) -> Iterator[Orchestration]:
        return iter(self._by_name.values())

    def add(self, orchestration: Orchestration) -> None:
        """Add an orchestration; one that is there already stays as it is.

        Raises:
            ValueError: There is another one of this name.
        """
        other = self._by_name.setdefault(orchestration.name.casefold(), orchestration)
        if other.function is not orchestration.function:
            raise ValueError(f"There are two orchestrations of the name {orchestration.name!r}. Rename one of them.")

    def rename(self, orchestration: Orchestration, name: str) -> Orchestration:
        """Return the orchestration under another name, by which it is found from now on.

        Raises:
            ValueError: There is one of this name already.
        """
        renamed = replace(orchestration, registered_name=name)
        self.add(renamed)
        del self._by_name[orchestration.name.casefold()]
        return renamed

    def find(self, name: str | None) -> Orchestration | None:
        """Return the orchestration of this name, or None."""
        return None if name is None else self._by_name.get(name.casefold())

    @property
    def startable(self) -> list[Orchestration]:
        """Those that a caller may start, in the order of registration."""
        return [orchestration for orchestration in self if not orchestration.is_internal]

    @property
    def names(self) -> list[str]:
        """The names, in the order of registration."""
        return [orchestration.name for orchestration in self]
