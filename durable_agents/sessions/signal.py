"""Hand a message to the session of an agent."""

import azure.durable_functions as df
from agent_framework_durabletask import AgentSessionId, RunRequest

from durable_agents.sessions.budget import RunBudget
from durable_agents.sessions.entity import BUDGET_FIELD


async def send_message(
    client: df.DurableOrchestrationClient, agent: str, session_id: str, request: RunRequest, budget: RunBudget
) -> None:
    """Have the session's entity take the turn; `durable_agents.sessions.responses` finds its outcome.

    It is stored when this returns, and taken once, also when it is sent again with the same correlation id. The session
    id must have been checked: it goes into a URL as it is.
    """
    session = AgentSessionId(agent, session_id)
    message = {**request.to_dict(), BUDGET_FIELD: budget.model_dump()}
    await client.signal_entity(df.EntityId(session.entity_name, session.key), "run", message)
