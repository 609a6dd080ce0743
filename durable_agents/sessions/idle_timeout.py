"""Remove the sessions whose time is over, some at a time."""

import logging
from collections.abc import Collection
from datetime import UTC, datetime

import azure.durable_functions as df
import azure.functions as func

from durable_agents.sessions.index import SessionIndex
from durable_agents.sessions.signal import signal_session

logger = logging.getLogger(__name__)

BATCH = 200
"""How many sessions of each agent are removed at a time: the next firing of the timer goes on."""


class IdleSessions:
    """The sessions of these agents that nobody has used for too long."""

    def __init__(self, agents: Collection[str], index: SessionIndex) -> None:
        self._agents = agents
        self._index = index

    async def purge_idle_sessions(self, timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
        """Tell the longest expired sessions of each agent to end; one that was used in the meantime does not.

        Each session takes itself out of the index when it ends, so one that a crash kept from it is told again.
        """
        for agent in self._agents:
            expired = await self._index.expired(agent, datetime.now(UTC), BATCH)
            for entry in expired:
                await signal_session(client, agent, entry.session_id, "expire")
            if expired:
                logger.info("Agent %s: %d sessions have expired", agent, len(expired))
