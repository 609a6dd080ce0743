"""The orchestrations of the app: what each is, and the registry that finds them by name."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class Orchestration:
    """One orchestration that can be started over HTTP.

    Attributes:
        function: The generator function. It takes the durable context and `get_agent`.
        input_model: What its input must look like.
        defaults: Values for fields the caller leaves out, from the settings of the deployment. They are put into the
            input when a run starts, so that a new deployment does not change a run in flight.
        fixed: Values that only the deployment sets. Neither a caller nor a model can say otherwise.
        has_any_id: Whether callers may choose the ids of its runs.
        is_internal: Whether only the app itself starts it. Its runs are runs like all others in everything else.
    """

    function: Callable[..., Any]
    input_model: type[BaseModel]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    has_any_id: bool = False
    is_internal: bool = False

    @property
    def name(self) -> str:
        """The name under which it is registered and stored in histories."""
        return self.function.__name__


class OrchestrationRegistry:
    """The orchestrations of the app, found by name; as on Azure, case does not matter."""

    def __init__(self, orchestrations: Iterable[Orchestration]) -> None:
        self._by_name = {orchestration.name.casefold(): orchestration for orchestration in orchestrations}

    def __iter__(self) -> Iterator[Orchestration]:
        return iter(self._by_name.values())

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
