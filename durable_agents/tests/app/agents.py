"""The agents: plain, with an output model, with tools, with a tool that a human approves, with runs, with MCP."""

import json
import os
import re
from pathlib import Path
from typing import Annotated, Any

from agent_framework import Agent, FunctionInvocationContext, SupportsChatGetResponse, tool
from pydantic import BaseModel, Field

from durable_agents import Orchestration, create_run_tools
from durable_agents.settings.groups import McpServerSettings
from durable_agents.storage.once_files import keyed_path, write_once

LIBRARY = {
    "returns.txt": "Goods can be sent back within 30 days of delivery. Returns are free.",
    "warranty.txt": "Every product has a warranty of 24 months. The invoice is its proof.",
}
_BUDGET = {"max_tool_calls": 10, "max_seconds": 300}
_MCP_TOOLS = ("list_documents", "read_document")

Client = SupportsChatGetResponse[Any]


class Draft(BaseModel):
    title: str
    content: str


class SpamVerdict(BaseModel):
    is_spam: bool
    confidence: Annotated[float, Field(ge=0, le=1)]
    reason: str


class EmailReply(BaseModel):
    subject: str
    body: str


def create_writer(client: Client) -> Agent[Any]:
    properties = {"output_models": (Draft,)}
    return Agent(client, "You write.", name="Writer", description="Writes.", additional_properties=properties)


def create_spam_detector(client: Client) -> Agent[Any]:
    options = {"response_format": SpamVerdict}
    return Agent(client, "Is it spam?", name="SpamDetector", description="Finds spam.", default_options=options)


def create_email_assistant(client: Client) -> Agent[Any]:
    options = {"response_format": EmailReply}
    return Agent(client, "You reply.", name="EmailAssistant", description="Replies.", default_options=options)


def search_library(query: Annotated[str, "The words to look for"]) -> str:
    """Return the documents that have a word of the query."""
    words = set(re.findall(r"\w{4,}", query.casefold()))
    found = [f"{name}: {text}" for name, text in LIBRARY.items() if words & set(re.findall(r"\w+", text.casefold()))]
    return "\n".join(found) or "Nothing."


def count_words(document: Annotated[str, "The name of a document"]) -> str:
    """Return how many words a document has."""
    return f"{document} has {len(LIBRARY.get(document, '').split())} words."


def create_researcher(client: Client) -> Agent[Any]:
    tools = [tool(function, approval_mode="never_require") for function in (search_library, count_words)]
    properties = {"budget": _BUDGET}
    return Agent(
        client,
        "You look it up.",
        name="Researcher",
        description="Looks up.",
        tools=tools,
        additional_properties=properties,
    )


def create_shop_assistant(client: Client, refunds: Path) -> Agent[Any]:
    """Create the agent; its one tool leaves a receipt for each key in the folder."""

    @tool(approval_mode="always_require")
    def refund_order(
        order_id: Annotated[str, Field(max_length=40)],
        amount_cents: Annotated[int, Field(ge=1, le=1_000_000)],
        context: FunctionInvocationContext,
    ) -> str:
        """Pay back an order."""
        key = context.metadata["idempotency_key"]
        receipt = json.dumps({"order_id": order_id, "amount_cents": amount_cents})
        write_once(refunds, key, ".json", receipt.encode())
        number = keyed_path(Path(), key, "").name[:12]
        return f"Refunded {amount_cents / 100:.2f} for order {order_id}. Receipt: {number}."

    return Agent(client, "You refund.", name="ShopAssistant", description="Refunds.", tools=[refund_order])


def create_editor(client: Client, approval: Orchestration) -> Agent[Any]:
    tools = create_run_tools(approval, ["topic"])
    return Agent(client, "You have it written.", name="Editor", description="Edits.", tools=tools)


def create_librarians(client: Client) -> list[Agent[Any]]:
    """Return the agent whose tools a server has, where there is a server for it."""
    if not (url := os.environ.get("MCP_SERVER_URL")):
        return []
    server = McpServerSettings(
        url,
        os.environ.get("MCP_SERVER_TOKEN") or None,
        float(os.environ.get("MCP_CONNECT_SECONDS", "10")),
        float(os.environ.get("MCP_CALL_SECONDS", "60")),
    )
    servers = [{"name": "library", "connection": server, "allowed_tools": _MCP_TOOLS}]
    properties = {"mcp_servers": servers, "budget": _BUDGET}
    return [Agent(client, "You read.", name="Librarian", description="Reads.", additional_properties=properties)]
