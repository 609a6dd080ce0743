"""`GET /health` tells that the app is up, and with which agents and model provider; with `deep=1`, what else is."""

from collections.abc import Callable
from typing import Annotated, Literal

import azure.durable_functions as df
import azure.functions as func
from pydantic import BaseModel, Field

from durable_agents.http.contracts import Contract, Parameter
from durable_agents.http.problems import ProblemError
from durable_agents.http.query import read_whole_number
from durable_agents.http.requests import json_response
from durable_agents.http.routing import Router
from durable_agents.routes.health_checks import Checks, Dependencies

_DEEP = Parameter(
    "deep",
    Annotated[int, Field(ge=0, le=1)],
    "1: ask the task hub and the model, at most every 30 seconds; 503 if one does not answer, or links have no key.",
)


class AgentHealth(BaseModel):
    """An agent of the app, and where it can be reached."""

    name: str
    type: str
    http_endpoint_enabled: bool
    mcp_tool_enabled: bool


class Health(BaseModel):
    """That the app is up, and with what. `checks` is there if they were asked for."""

    status: Literal["healthy"]
    model_provider: str
    agents: list[AgentHealth]
    agent_count: int
    checks: Checks | None = None


class HealthRoute:
    """The health route; probes call it without a key."""

    def __init__(
        self, agents: Callable[[], list[AgentHealth]], model_provider: str, dependencies: Dependencies
    ) -> None:
        self._agents = agents
        self._model_provider = model_provider
        self._dependencies = dependencies

    def register(self, router: Router) -> None:
        """Register the route."""
        contract = Contract({200: (Health,)}, parameters=(_DEEP,))
        router.add("GET", "health", self.check_health, contract=contract, auth_level=func.AuthLevel.ANONYMOUS)

    async def check_health(self, req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
        """Answer 200 whenever the worker runs; with `deep=1`, only if all that it depends on does too."""
        agents = self._agents()
        health = Health(status="healthy", model_provider=self._model_provider, agents=agents, agent_count=len(agents))
        if read_whole_number(req, "deep", default=0, least=0, most=1):
            health.checks = checks = await self._dependencies.check(client)
            if checks.failed:
                detail = f"Out of order: {', '.join(checks.failed)}. The log of the app has the errors."
                raise ProblemError(503, "unhealthy", detail, checks=checks.model_dump())
        return json_response(health)
