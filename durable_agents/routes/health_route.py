"""`GET /health` tells that the app is up, and with which agents and model provider; with `deep=1`, what else is."""

from typing import Annotated, Literal

import azure.durable_functions as df
import azure.functions as func
from pydantic import BaseModel, Field

from durable_agents.http.contracts import Contract, Parameter
from durable_agents.http.problems import ProblemError
from durable_agents.http.query import read_whole_number
from durable_agents.http.requests import json_response
from durable_agents.http.routing import Router, register_route
from durable_agents.routes.health_checks import Checks, Dependencies
from durable_agents.sessions.agent_registry import AgentRegistry

_DEEP = Parameter(
    "deep",
    Annotated[int, Field(ge=0, le=1)],
    "1: ask the task hub and the model, at most every 30 seconds; 503 if one of them does not answer.",
)


class AgentName(BaseModel):
    """An agent of the app."""

    name: str


class Health(BaseModel):
    """That the app is up, and with what. `checks` is there if they were asked for."""

    status: Literal["healthy"]
    model_provider: str
    agents: list[AgentName]
    agent_count: int
    checks: Checks | None = None


def register(router: Router, agents: AgentRegistry, model_provider: str, dependencies: Dependencies) -> None:
    """Register the health route; probes call it without a key."""
    fixed = {"agents": agents, "model_provider": model_provider, "dependencies": dependencies}
    contract, anonymous = Contract({200: (Health,)}, parameters=(_DEEP,)), func.AuthLevel.ANONYMOUS
    register_route(router, "GET", "health", check_health, contract=contract, auth_level=anonymous, **fixed)


async def check_health(
    req: func.HttpRequest,
    client: df.DurableOrchestrationClient,
    *,
    agents: AgentRegistry,
    model_provider: str,
    dependencies: Dependencies,
) -> func.HttpResponse:
    """Answer 200 whenever the worker runs; with `deep=1`, only if the task hub and the model answer too."""
    checks = None
    if read_whole_number(req, "deep", default=0, least=0, most=1):
        checks = await dependencies.check(client)
        if checks.failed:
            detail = f"No answer from: {', '.join(checks.failed)}. The log of the app has the errors."
            raise ProblemError(503, "unhealthy", detail, checks=checks.model_dump())
    names = agents.names
    health = Health(
        status="healthy",
        model_provider=model_provider,
        agents=[AgentName(name=name) for name in names],
        agent_count=len(names),
        checks=checks,
    )
    return json_response(health.model_dump(exclude={"checks"} if checks is None else None))
