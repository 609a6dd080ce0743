"""An agent whose tool holds up everything, so that no deadline of its turn is seen and the host ends the function."""

import os
import time
from datetime import timedelta

from agent_framework import Agent, tool

from durable_agents import AgentFunctionApp, HostingSettings, create_chat_client
from durable_agents.limits import StreamLimits
from durable_agents.sessions import lost

# A test does not wait for minutes.
lost.PATIENCE = timedelta(seconds=1)
lost.ASK_EVERY_SECONDS = 0.2

settings = HostingSettings.from_environ(os.environ)


@tool(approval_mode="never_require")
async def hold() -> str:
    """Hold the loop of all agents."""
    time.sleep(6)
    return "held"


holder = Agent(create_chat_client(settings.model), "You hold.", name="Holder", tools=[hold])
app = AgentFunctionApp([holder], settings=settings, streaming=StreamLimits(wait_seconds=0.5))
