"""Register plain functions on the app, and keep the table of what can be started.

`function_app.py` lists what is registered; nothing is discovered. The functions stay importable and testable.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from weakref import WeakKeyDictionary

import azure.durable_functions as df
import azure.functions as func
from agent_framework_azurefunctions import AgentFunctionApp
from pydantic import BaseModel

from hosting.binding import bind, bind_activity
from hosting.http.contracts import Contracts, HttpRoute
from hosting.http.problems import answer_problems
from hosting.runs.completion_reports import reporting_end

# The app is a class of the package's own, which has no place for them.
_routes: WeakKeyDictionary[AgentFunctionApp, list[HttpRoute]] = WeakKeyDictionary()


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


class OrchestrationTable:
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


def register_orchestration(app: AgentFunctionApp, orchestration: Orchestration) -> None:
    """Register the generator under its own name, with `get_agent` filled in; at its end it reports to its webhook."""
    function = reporting_end(orchestration.function)
    with_agents = functools.update_wrapper(functools.partial(function, get_agent=app.get_agent), function)
    app.orchestration_trigger(context_name="context")(with_agents)


def register_activity(app: AgentFunctionApp, function: Callable[..., BaseModel], **dependencies: Any) -> None:
    """Register an activity under its own name; `dependencies` fill its keyword-only parameters.

    Raises:
        TypeError: The function or its dependencies do not fit, see `bind_activity`.
    """
    activity = bind_activity(function, **dependencies)
    (parameter,) = (name for name in activity.__annotations__ if name != "return")
    app.activity_trigger(input_name=parameter)(activity)


def register_route(
    app: AgentFunctionApp,
    method: str | tuple[str, ...],
    template: str,
    handler: Callable[..., Any],
    *,
    contract: Contracts,
    auth_level: func.AuthLevel | None = None,
    **dependencies: Any,
) -> None:
    """Register an async HTTP function under its own name; `dependencies` fill its keyword-only parameters.

    It answers one method, or each of several. The handler takes `req`, and `client` where it needs the durable client.
    What it raises is answered with a problem. `contract` and the docstring of the handler go into the OpenAPI document.
    Without `auth_level` the level of the app applies.

    Raises:
        TypeError: The dependencies do not fit, see `bind`.
    """
    bound = bind(handler, **dependencies)
    function = answer_problems(bound)
    if "client" in bound.__annotations__:
        function = app.durable_client_input(client_name="client")(function)
    # AgentFunctionApp declares only a part of the signatures it inherits.
    methods = (method,) if isinstance(method, str) else method
    cast(df.DFApp, app).route(route=template, methods=methods, auth_level=auth_level)(function)
    description, is_anonymous = inspect.getdoc(handler) or "", auth_level is func.AuthLevel.ANONYMOUS
    route = HttpRoute(methods, template, handler.__name__, description, contract, is_anonymous)
    _routes.setdefault(app, []).append(route)


def registered_routes(app: AgentFunctionApp) -> Sequence[HttpRoute]:
    """Return what `register_route` has registered on the app, in order; later routes join the same list."""
    return _routes.setdefault(app, [])


def register_timer(app: AgentFunctionApp, schedule: str, handler: Callable[..., Any], **dependencies: Any) -> None:
    """Register an async function that a timer calls; `dependencies` fill its keyword-only parameters.

    `schedule` is a cron expression with seconds. The handler takes `timer` and `client`.

    Raises:
        TypeError: The dependencies do not fit, see `bind`.
    """
    function = cast(df.DFApp, app).durable_client_input(client_name="client")(bind(handler, **dependencies))
    cast(df.DFApp, app).timer_trigger(arg_name="timer", schedule=schedule)(function)
