"""Register HTTP functions on an app, and keep what the OpenAPI document says of them."""

import inspect
from collections.abc import Callable
from typing import Any, cast

import azure.durable_functions as df
import azure.functions as func
from agent_framework_azurefunctions import AgentFunctionApp

from durable_agents.http.contracts import Contracts, HttpRoute
from durable_agents.http.problems import handle_problems


class Router:
    """Registers the routes of one app; `routes` are those registered so far, in order."""

    def __init__(self, app: AgentFunctionApp) -> None:
        self._app = app
        self.routes: list[HttpRoute] = []

    def add(
        self,
        method: str | tuple[str, ...],
        template: str,
        handler: Callable[..., Any],
        *,
        contract: Contracts,
        auth_level: func.AuthLevel | None = None,
    ) -> None:
        """Register an async function or bound method under its own name.

        It answers one method, or each of several. It takes `req`, and `client` where it needs the durable client. What
        it raises is answered with a problem. `contract` and its docstring go into the OpenAPI document. Without
        `auth_level` the level of the app applies.
        """
        function = handle_problems(handler)
        if "client" in inspect.signature(handler).parameters:
            function = self._app.durable_client_input(client_name="client")(function)
        methods = (method,) if isinstance(method, str) else method
        # AgentFunctionApp declares only a part of the signatures it inherits.
        cast(df.DFApp, self._app).route(route=template, methods=methods, auth_level=auth_level)(function)
        description, is_anonymous = inspect.getdoc(handler) or "", auth_level is func.AuthLevel.ANONYMOUS
        route = HttpRoute(methods, template, handler.__name__, description, contract, is_anonymous)
        self.routes.append(route)
