"""`GET /openapi.json`: the contract of this API."""

import functools
import json
from collections.abc import Callable
from typing import Any

import azure.functions as func
from pydantic import BaseModel, ConfigDict

from durable_agents.http.contracts import Contract
from durable_agents.http.openapi import build_document
from durable_agents.http.routing import Router, register_route
from durable_agents.sessions.agent_registry import AgentRegistry


class OpenApiDocument(BaseModel):
    """An OpenAPI document."""

    model_config = ConfigDict(extra="allow")

    openapi: str
    info: dict[str, Any]
    servers: list[dict[str, Any]]
    paths: dict[str, Any]


def register(router: Router, agents: AgentRegistry) -> None:
    """Register the route of the document; register it last, for it describes the routes that there are.

    It needs a key as the others do: it names the agents, and what they can be asked for.
    """
    contract = Contract({200: (OpenApiDocument,)})

    @functools.cache
    def document() -> dict[str, Any]:
        # Built with the first request, which keeps a cold start short.
        return build_document(router.routes, {"agent": agents.names})

    @functools.lru_cache(maxsize=8)
    def text(server: str) -> str:
        return json.dumps({**document(), "servers": [{"url": server}]})

    register_route(router, "GET", "openapi.json", get_openapi_document, contract=contract, text=text)


async def get_openapi_document(req: func.HttpRequest, *, text: Callable[[str], str]) -> func.HttpResponse:
    """Return this document, with the URL it was asked for as its server."""
    server = str(req.url).partition("?")[0].rpartition("/")[0]
    return func.HttpResponse(text(server), mimetype="application/json")
