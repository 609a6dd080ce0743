"""Register HTTP functions, and remember what the OpenAPI document says of them."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, cast
from weakref import WeakKeyDictionary

import azure.durable_functions as df
import azure.functions as func
from agent_framework_azurefunctions import AgentFunctionApp

from durable_agents.binding import bind
from durable_agents.http.contracts import Contracts, HttpRoute
from durable_agents.http.problems import answer_problems

# The app is a class of the package's own, which has no place for them.
_routes: WeakKeyDictionary[AgentFunctionApp, list[HttpRoute]] = WeakKeyDictionary()


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
