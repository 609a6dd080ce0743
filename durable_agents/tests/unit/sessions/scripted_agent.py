"""An agent whose model plays a script, and what scripts of sessions are made of."""

from typing import Any

import httpx
from agent_framework import Agent, Content

from durable_agents.testing import ScriptedChatClient


class Busy(Exception):  # noqa: N818  # named for what the provider says
    """The error of a provider that wants to be asked again at once."""

    status_code = 503
    response = httpx.Response(503, headers={"Retry-After": "0"})


def call(name: str, call_id: str = "c1", arguments: str = "{}") -> Content:
    """Return a tool call as the model asks for it, whether there is such a tool or not."""
    return Content.from_function_call(call_id, name, arguments=arguments)


def agent_with(client: ScriptedChatClient, *tools: Any, **options: Any) -> Agent[Any]:
    """Return an agent on this client."""
    return Agent(client, "Help.", name="Test", tools=list(tools), **options)
