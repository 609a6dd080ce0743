"""`GET /health` tells that the app is up, and with which agents and model provider."""

from typing import Literal

import azure.functions as func
from agent_framework_azurefunctions import AgentFunctionApp
from pydantic import BaseModel

from hosting.agents.directory import AgentDirectory
from hosting.http.contracts import Contract
from hosting.http.requests import json_response
from hosting.registration import register_route


class AgentName(BaseModel):
    """An agent of the app."""

    name: str


class Health(BaseModel):
    """That the app is up, and with what."""

    status: Literal["healthy"]
    model_provider: str
    agents: list[AgentName]
    agent_count: int


def register(app: AgentFunctionApp, model_provider: str) -> None:
    """Register the health route; probes call it without a key."""
    agents = AgentDirectory(app.agents)
    dependencies = {"agents": agents, "model_provider": model_provider}
    contract, anonymous = Contract({200: (Health,)}), func.AuthLevel.ANONYMOUS
    register_route(app, "GET", "health", check_health, contract=contract, auth_level=anonymous, **dependencies)


async def check_health(req: func.HttpRequest, *, agents: AgentDirectory, model_provider: str) -> func.HttpResponse:
    """Answer 200 whenever the worker runs; neither the task hub nor the model is asked."""
    names = agents.names
    health = Health(
        status="healthy",
        model_provider=model_provider,
        agents=[AgentName(name=name) for name in names],
        agent_count=len(names),
    )
    return json_response(health.model_dump())
