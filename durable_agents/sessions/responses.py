"""Find the answer of one agent run in the state of its session, and wait for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import azure.durable_functions as df
from agent_framework_durabletask import AgentSessionId, DurableAgentStateResponse, DurableStateFields

from durable_agents.polling import poll
from durable_agents.sessions.conversation import SUMMARY_AUTHOR, compacted_entries, find_failure, was_compacted
from durable_agents.sessions.correlation import run_key
from durable_agents.sessions.failures import Failure
from durable_agents.sessions.forgotten import find_forgotten
from durable_agents.sessions.pending import APPROVAL_EXPIRED, PendingTurn, find_pending
from durable_agents.sessions.tool_requests import ToolRequest, requests_of_run


@dataclass(frozen=True, slots=True)
class Reply:
    """The outcome of one agent run.

    Attributes:
        correlation_id: The id under which the run is stored.
        text: What the agent answered; empty when it failed.
        message_count: Entries of the conversation up to this answer, two for each turn.
        usage: Token counts as the model's provider reported them; empty when it did not.
        output_model: The name of the model the run asked for, or None if it asked for none.
        failure: Why the run failed, or None if it did not.
        pending: What the run waits with, or goes on with, or None if it has ended.
        tool_requests: What humans were asked about tool calls and have decided, oldest first.
    """

    correlation_id: str
    text: str
    message_count: int
    usage: dict[str, int]
    output_model: str | None
    failure: Failure | None
    pending: PendingTurn | None = None
    tool_requests: Sequence[ToolRequest] = ()

    @property
    def is_at_work(self) -> bool:
        """Whether all was decided that the run has waited for, and it goes on."""
        return self.pending is not None and self.pending.is_decided


async def wait_for_reply(
    client: df.DurableOrchestrationClient, agent: str, session_id: str, correlation_id: str, timeout_seconds: float
) -> Reply | None:
    """Wait until the run has ended or waits for a human, or for the time that is given; the run goes on either way.

    Returns None, or a reply that is at work, when the time is over.
    """
    reply: Reply | None = None

    async def look() -> Reply | None:
        nonlocal reply
        reply = await read_reply(client, agent, session_id, correlation_id)
        return None if reply is None or reply.is_at_work else reply

    await poll(look, timeout_seconds)
    return reply


async def read_reply(
    client: df.DurableOrchestrationClient, agent: str, session_id: str, correlation_id: str
) -> Reply | None:
    """Return the outcome of the run, or None while nothing of it is stored."""
    return find_reply(await read_session(client, agent, session_id), correlation_id)


async def read_session(client: df.DurableOrchestrationClient, agent: str, session_id: str) -> Mapping[str, Any]:
    """Return the stored state of a session, `{}` if there is none."""
    session = AgentSessionId(agent, session_id)
    answer = await client.read_entity_state(df.EntityId(session.entity_name, session.key))
    state = answer.entity_state if answer.entity_exists else None
    return state if isinstance(state, Mapping) else {}


def find_reply(state: Mapping[str, Any], correlation_id: str, now: datetime | None = None) -> Reply | None:
    """Return the outcome of the run in the stored state of its session, or None if it is not there.

    Only the one entry is decoded: the state is read at every look, and a conversation may be long. The answer of a
    run that a summary has replaced is a failure with the code `answer_compacted`; that of a run which its session has
    forgotten is `session_reset`, `session_deleted` or `session_expired`. A run that has waited in vain for a human is
    failed from the moment it expires, although its session stores that only with the next message.
    """
    key = run_key(correlation_id)
    pending = find_pending(state)
    if pending is not None and run_key(pending.correlation_id) == key:
        return _pending_reply(state, pending, now or datetime.now(UTC))
    entries = state.get(DurableStateFields.DATA, {}).get(DurableStateFields.CONVERSATION_HISTORY, [])
    output_model = None
    summaries = 0
    for index, entry in enumerate(entries):
        summaries += _is_summary(entry)
        if run_key(entry[DurableStateFields.CORRELATION_ID] or "") != key:
            continue
        if entry[DurableStateFields.TYPE_DISCRIMINATOR] == "response":
            reply = _decode(entry, compacted_entries(state) + index + 1 - summaries, output_model)
            return replace(reply, tool_requests=requests_of_run(state, correlation_id))
        output_model = (entry.get(DurableStateFields.RESPONSE_SCHEMA) or {}).get("qualname")
    if was_compacted(state, correlation_id):
        message = "The answer is no longer kept: a summary has replaced the older turns of the session."
        return Reply(correlation_id, "", compacted_entries(state), {}, None, Failure("answer_compacted", message))
    forgotten = find_forgotten(state, correlation_id)
    return None if forgotten is None else Reply(correlation_id, "", 0, {}, None, forgotten)


def _pending_reply(state: Mapping[str, Any], pending: PendingTurn, now: datetime) -> Reply:
    earlier = requests_of_run(state, pending.correlation_id)
    expired = pending.is_expired(now)
    return Reply(
        correlation_id=pending.correlation_id,
        text="",
        message_count=0,
        usage=pending.spent.usage,
        output_model=None,
        failure=APPROVAL_EXPIRED if expired else None,
        pending=None if expired else pending,
        tool_requests=[*earlier, *pending.requests] if expired else earlier,
    )


def _decode(entry: dict[str, Any], message_count: int, output_model: str | None) -> Reply:
    stored = DurableAgentStateResponse.from_dict(entry)
    response = DurableAgentStateResponse.to_run_response(stored)
    failure = find_failure(response)
    return Reply(
        correlation_id=stored.correlation_id or "",
        text=response.text,
        message_count=message_count,
        usage={name: count for name, count in (response.usage_details or {}).items() if isinstance(count, int)},
        output_model=output_model,
        failure=None if failure is None else Failure.from_content(failure),
    )


def _is_summary(entry: Mapping[str, Any]) -> bool:
    return any(message.get(DurableStateFields.AUTHOR_NAME) == SUMMARY_AUTHOR for message in entry["messages"])
