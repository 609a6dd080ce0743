"""A durable client for entities that have no use for one."""

import asyncio
from pathlib import Path

import azure.durable_functions as df

from devhost.protocol.client_binding import ClientBinding
from durable_agents.seal import Seal
from durable_agents.sessions.entity_function import HubClient
from durable_agents.storage.claim_check import ClaimCheck


def unreachable_hub() -> HubClient:
    """Return a client of a task hub that nothing here may need."""
    binding = ClientBinding("http://127.0.0.1:1", "http://127.0.0.1:1", "none", "none").dump()
    loop = asyncio.new_event_loop()
    loop.close()
    return HubClient(df.DurableOrchestrationClient(binding), loop, ClaimCheck(Path("payloads"), Seal(list), None))
