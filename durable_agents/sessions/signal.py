"""Reach the session of an agent, which is an entity."""

from typing import Literal

import azure.durable_functions as df
from agent_framework_durabletask import AgentSessionId, RunRequest

from durable_agents.sessions.budget import RunBudget
from durable_agents.sessions.entity import BUDGET_FIELD


def entity_of(agent: str, session_id: str) -> df.EntityId:
    """Return the entity of a session, whose id must have been checked: it goes into a URL as it is."""
    session = AgentSessionId(agent, session_id)
    return df.EntityId(session.entity_name, session.key)


async def send_message(
    client: df.DurableOrchestrationClient, agent: str, session_id: str, request: RunRequest, budget: RunBudget
) -> None:
    """Have the session's entity take the turn; `durable_agents.sessions.responses` finds its outcome.

    It is stored when this returns, and taken once, also when it is sent again with the same correlation id.
    """
    message = {**request.to_dict(), BUDGET_FIELD: budget.model_dump()}
    await client.signal_entity(entity_of(agent, session_id), "run", message)


async def signal_session(
    client: df.DurableOrchestrationClient, agent: str, session_id: str, operation: Literal["delete", "reset", "expire"]
) -> None:
    """Have the session ended or cleared, after the messages that came before; `expire` ends it if its time is over."""
    await client.signal_entity(entity_of(agent, session_id), operation)
