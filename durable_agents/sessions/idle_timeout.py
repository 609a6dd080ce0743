"""Remove the sessions whose time is over, some at a time."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime

import azure.durable_functions as df
import azure.functions as func
from agent_framework_durabletask import AgentSessionId

from durable_agents.sessions.index import SessionIndex

logger = logging.getLogger(__name__)

BATCH = 200
"""How many sessions of each agent are removed at a time: the next firing of the timer goes on."""


async def sweep_sessions(
    timer: func.TimerRequest, client: df.DurableOrchestrationClient, *, agents: Sequence[str], index: SessionIndex
) -> None:
    """Tell the longest expired sessions of each agent to end; one that was used in the meantime does not.

    Each session takes itself out of the index when it ends, so one that a crash kept from it is told again.
    """
    for agent in agents:
        expired = await index.expired(agent, datetime.now(UTC), BATCH)
        for entry in expired:
            session = AgentSessionId(agent, entry.session_id)
            await client.signal_entity(df.EntityId(session.entity_name, session.key), "expire")
        if expired:
            logger.info("Agent %s: %d sessions have expired", agent, len(expired))
