"""`GET /health` tells that the app is up, and with which agents and model provider."""

import azure.functions as func
from agent_framework_azurefunctions import AgentFunctionApp

from hosting.agent_directory import AgentDirectory
from hosting.registration import register_route
from hosting.requests import json_response


def register(app: AgentFunctionApp, model_provider: str) -> None:
    """Register the health route; probes call it without a key."""
    agents = AgentDirectory(app.agents)
    dependencies = {"agents": agents, "model_provider": model_provider}
    register_route(app, "GET", "health", check_health, auth_level=func.AuthLevel.ANONYMOUS, **dependencies)


async def check_health(req: func.HttpRequest, *, agents: AgentDirectory, model_provider: str) -> func.HttpResponse:
    """Answer 200 whenever the worker runs; neither the task hub nor the model is asked."""
    names = agents.names
    body = {
        "status": "healthy",
        "model_provider": model_provider,
        "agents": [{"name": name} for name in names],
        "agent_count": len(names),
    }
    return json_response(body)
