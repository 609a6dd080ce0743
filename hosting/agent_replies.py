"""Find the answer of one agent run in the state of its session, and wait for it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import azure.durable_functions as df
from agent_framework_durabletask import AgentSessionId, DurableAgentStateResponse, DurableStateFields

from hosting.agent_calls import find_failure

_FIRST_INTERVAL_SECONDS = 0.02
_LONGEST_INTERVAL_SECONDS = 1.0
_GROWTH = 1.5


@dataclass(frozen=True, slots=True)
class Reply:
    """The outcome of one agent run.

    Attributes:
        text: What the agent answered; empty when it failed.
        message_count: Entries of the conversation so far, two for each turn.
        usage: Token counts as the model's provider reported them; empty when it did not.
        error_code: Why the run failed, or None if it did not.
    """

    text: str
    message_count: int
    usage: dict[str, int]
    error_code: str | None


async def wait_for_reply(
    client: df.DurableOrchestrationClient, agent: str, session_id: str, correlation_id: str, timeout_seconds: float
) -> Reply | None:
    """Wait until the run has ended, or return None when the time is over; the run goes on either way.

    The first looks follow each other within milliseconds, later ones after up to a second.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_seconds
    interval = _FIRST_INTERVAL_SECONDS
    while True:
        reply = await read_reply(client, agent, session_id, correlation_id)
        remaining = deadline - loop.time()
        if reply is not None or remaining <= 0:
            return reply
        await asyncio.sleep(min(interval, remaining))
        interval = min(interval * _GROWTH, _LONGEST_INTERVAL_SECONDS)


async def read_reply(
    client: df.DurableOrchestrationClient, agent: str, session_id: str, correlation_id: str
) -> Reply | None:
    """Return the outcome of the run, or None while it has not ended."""
    session = AgentSessionId(agent, session_id)
    answer = await client.read_entity_state(df.EntityId(session.entity_name, session.key))
    state = answer.entity_state if answer.entity_exists else None
    return find_reply(state, correlation_id) if isinstance(state, Mapping) else None


def find_reply(state: Mapping[str, Any], correlation_id: str) -> Reply | None:
    """Return the outcome of the run in the stored state of its session, or None if it is not there.

    Only the one entry is decoded: the state is read at every look, and a conversation may be long.
    """
    entries = state.get(DurableStateFields.DATA, {}).get(DurableStateFields.CONVERSATION_HISTORY, [])
    for entry in entries:
        is_response = entry[DurableStateFields.TYPE_DISCRIMINATOR] == "response"
        if is_response and entry[DurableStateFields.CORRELATION_ID] == correlation_id:
            return _decode(entry, len(entries))
    return None


def _decode(entry: dict[str, Any], message_count: int) -> Reply:
    stored = DurableAgentStateResponse.from_dict(entry)
    response = DurableAgentStateResponse.to_run_response(stored)
    failure = find_failure(response)
    usage = {name: count for name, count in (response.usage_details or {}).items() if isinstance(count, int)}
    error_code = None if failure is None else failure.error_code or "ModelCallFailed"
    return Reply(text=response.text, message_count=message_count, usage=usage, error_code=error_code)
