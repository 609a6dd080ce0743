"""Register HTTP functions on an app, and keep what the OpenAPI document says of them."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import azure.durable_functions as df
import azure.functions as func
from agent_framework_azurefunctions import AgentFunctionApp

from durable_agents.http.access import OPERATOR_ACTIONS, Authorize, Resource, resource_of_path
from durable_agents.http.contracts import Contracts, HttpRoute
from durable_agents.http.problems import HttpHandler, handle_problems


class Router:
    """Registers the routes of one app; `routes` are those registered so far, in order.

    Before the function of a route begins, `authorize` is asked, so no route can forget it. What operators do goes
    through `recorded` as well, which is given the function and returns what takes its place.
    """

    def __init__(
        self,
        app: AgentFunctionApp,
        authorize: Authorize,
        recorded: Callable[[HttpHandler], HttpHandler] = lambda handler: handler,
    ) -> None:
        self._app = app
        self._authorize = authorize
        self._recorded = recorded
        self.routes: list[HttpRoute] = []

    def add(
        self,
        method: str | tuple[str, ...],
        template: str,
        handler: Callable[..., Any],
        *,
        contract: Contracts,
        auth_level: func.AuthLevel | None = None,
        resource: Callable[[func.HttpRequest], Resource] = resource_of_path,
    ) -> None:
        """Register an async function or bound method under its own name, which is also its action.

        It answers one method, or each of several. It takes `req`, and `client` where it needs the durable client. What
        it raises is answered with a problem. `contract` and its docstring go into the OpenAPI document. Without
        `auth_level` the level of the app applies. `resource` reads what a request is about, where its path does not
        name all of it.
        """
        is_anonymous = auth_level is func.AuthLevel.ANONYMOUS
        function = handle_problems(self._asking_first(handler, resource, is_anonymous=is_anonymous))
        if "client" in inspect.signature(handler).parameters:
            function = self._app.durable_client_input(client_name="client")(function)
        methods = (method,) if isinstance(method, str) else method
        # AgentFunctionApp declares only a part of the signatures it inherits.
        cast(df.DFApp, self._app).route(route=template, methods=methods, auth_level=auth_level)(function)
        description, name = inspect.getdoc(handler) or "", handler.__name__
        route = HttpRoute(methods, template, name, description, contract, is_anonymous, name in OPERATOR_ACTIONS)
        self.routes.append(route)

    def _asking_first(
        self, handler: HttpHandler, resource: Callable[[func.HttpRequest], Resource], *, is_anonymous: bool
    ) -> HttpHandler:
        """Return the handler with the question before it whether the request may do this."""
        action = handler.__name__
        act = self._recorded(handler) if action in OPERATOR_ACTIONS else handler

        @functools.wraps(handler)
        async def answer(*, req: func.HttpRequest, **bindings: Any) -> func.HttpResponse:
            asked = self._authorize(req, action, replace(resource(req), is_anonymous=is_anonymous))
            if inspect.isawaitable(asked):
                await asked
            return await act(req=req, **bindings)

        return answer
