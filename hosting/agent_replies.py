"""Find the answer of one agent run in the state of its session, and wait for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import azure.durable_functions as df
from agent_framework_durabletask import AgentSessionId, DurableAgentStateResponse, DurableStateFields

from hosting.conversation import SUMMARY_AUTHOR, compacted_entries, find_failure, was_compacted
from hosting.correlation import run_key
from hosting.model_failures import Failure
from hosting.polling import poll


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
    """

    correlation_id: str
    text: str
    message_count: int
    usage: dict[str, int]
    output_model: str | None
    failure: Failure | None


async def wait_for_reply(
    client: df.DurableOrchestrationClient, agent: str, session_id: str, correlation_id: str, timeout_seconds: float
) -> Reply | None:
    """Wait until the run has ended, or return None when the time is over; the run goes on either way."""
    return await poll(lambda: read_reply(client, agent, session_id, correlation_id), timeout_seconds)


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

    Only the one entry is decoded: the state is read at every look, and a conversation may be long. The answer of a
    run that a summary has replaced is a failure with the code `answer_compacted`.
    """
    key = run_key(correlation_id)
    entries = state.get(DurableStateFields.DATA, {}).get(DurableStateFields.CONVERSATION_HISTORY, [])
    output_model = None
    summaries = 0
    for index, entry in enumerate(entries):
        summaries += _is_summary(entry)
        if run_key(entry[DurableStateFields.CORRELATION_ID] or "") != key:
            continue
        if entry[DurableStateFields.TYPE_DISCRIMINATOR] == "response":
            return _decode(entry, compacted_entries(state) + index + 1 - summaries, output_model)
        output_model = (entry.get(DurableStateFields.RESPONSE_SCHEMA) or {}).get("qualname")
    if was_compacted(state, correlation_id):
        message = "The answer is no longer kept: a summary has replaced the older turns of the session."
        return Reply(correlation_id, "", compacted_entries(state), {}, None, Failure("answer_compacted", message))
    return None


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
