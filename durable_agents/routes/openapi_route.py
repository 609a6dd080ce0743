"""`GET /openapi.json`: the contract of this API."""

from functools import cached_property
from typing import Any

import azure.functions as func
from pydantic import BaseModel, ConfigDict

from durable_agents.http.contracts import Contract
from durable_agents.http.links import Links
from durable_agents.http.openapi import build_document
from durable_agents.http.requests import json_response
from durable_agents.http.routing import Router
from durable_agents.sessions.agent_registry import AgentRegistry


class OpenApiDocument(BaseModel):
    """An OpenAPI document."""

    model_config = ConfigDict(extra="allow")

    openapi: str
    info: dict[str, Any]
    servers: list[dict[str, Any]]
    paths: dict[str, Any]


class OpenApiRoute:
    """The route of the document, which describes all routes of the router.

    It needs a key as the others do: it names the agents, and what they can be asked for.
    """

    def __init__(self, router: Router, agents: AgentRegistry, links: Links) -> None:
        self._router = router
        self._agents = agents
        self._links = links

    def register(self) -> None:
        """Register the route."""
        contract = Contract({200: (OpenApiDocument,)})
        self._router.add("GET", "openapi.json", self.get_openapi_document, contract=contract)

    @cached_property
    def _document(self) -> dict[str, Any]:
        # Built with the first request, which keeps a cold start short.
        return build_document(self._router.routes, {"agent": self._agents.names})

    async def get_openapi_document(self, req: func.HttpRequest) -> func.HttpResponse:
        """Return this document, with the URL under which the caller reaches the app as its server."""
        return json_response(OpenApiDocument(servers=[{"url": self._links.to(req)}], **self._document))
