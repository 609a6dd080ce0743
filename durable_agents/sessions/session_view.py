"""Read a session and show it to callers: its conversation turn by turn, its times, what it has cost."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import azure.durable_functions as df
from agent_framework import AgentResponse
from agent_framework_durabletask import (
    DurableAgentStateEntry,
    DurableAgentStateRequest,
    DurableAgentStateResponse,
    RunRequest,
)

from durable_agents.sessions.conversation import (
    add_usage,
    extension_data,
    find_failure,
    is_summary,
    load_state,
    session_usage,
)
from durable_agents.sessions.failures import Failure
from durable_agents.sessions.lifetime import read_lifetime
from durable_agents.sessions.pending import PendingTurn, find_pending
from durable_agents.sessions.responses import read_session

StoredSession = Mapping[str, Any]
"""The state of a session's entity, as it is stored."""


async def find_session(
    client: df.DurableOrchestrationClient, agent: str, session_id: str, now: datetime
) -> StoredSession | None:
    """Return the state of a session, or None if there is none, or only one whose time is over."""
    state = await read_session(client, agent, session_id)
    entry = read_lifetime(extension_data(state), session_id)
    return None if not state or (entry is not None and entry.is_expired(now)) else state


def has_turns(session: StoredSession) -> bool:
    """Say whether there is anything in the conversation, be it a turn that waits for a human."""
    return bool(load_state(session).data.conversation_history) or find_pending(session) is not None


def describe_session(session: StoredSession, session_id: str) -> dict[str, Any]:
    """Return what a caller sees of a session, as plain JSON; times are ISO 8601 in UTC.

    `summary` stands for the turns before the first of `turns`; null if there are none. `usage` counts those too, but
    not a turn that still waits for a human.
    """
    history = load_state(session).data.conversation_history
    entry = read_lifetime(extension_data(session), session_id)
    summary = next((message.text for one in history if is_summary(one) for message in one.messages), None)
    return {
        "session_id": session_id,
        "used_at": None if entry is None else utc_text(entry.used_at),
        "expires_at": None if entry is None else utc_text(entry.expires_at),
        "usage": session_usage(session),
        "summary": summary,
        "turns": [*map(_describe_turn, _turns(history)), *_describe_pending(find_pending(session))],
    }


def utc_text(moment: datetime | None) -> str | None:
    """Return an aware datetime in ISO 8601 with a `Z`."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _turns(history: list[DurableAgentStateEntry]) -> Iterator[list[DurableAgentStateEntry]]:
    entries = [entry for entry in history if not is_summary(entry)]
    for _, turn in groupby(entries, key=lambda entry: entry.correlation_id):
        yield list(turn)


def _describe_turn(turn: list[DurableAgentStateEntry]) -> dict[str, Any]:
    requests = [entry for entry in turn if isinstance(entry, DurableAgentStateRequest)]
    responses = [entry for entry in turn if isinstance(entry, DurableAgentStateResponse)]
    usages = [entry.usage.to_usage_details() for entry in responses if entry.usage is not None]
    described: dict[str, Any] = {
        "correlation_id": turn[0].correlation_id,
        "message": "\n".join(message.text for entry in requests for message in entry.messages),
        "started_at": utc_text(next((entry.created_at for entry in requests), None)),
        "ended_at": utc_text(next((entry.created_at for entry in responses), None)),
        "usage": add_usage(usages),
        "response": None,
        "tool_calls": [],
        "status": "unknown",
    }
    for entry in responses:
        described |= _describe_response(DurableAgentStateResponse.to_run_response(entry))
    return described


def _describe_pending(pending: PendingTurn | None) -> Iterator[dict[str, Any]]:
    """Yield the turn that waits, as far as it has come."""
    if pending is not None:
        request = RunRequest.from_dict(pending.request)
        yield {
            "correlation_id": pending.correlation_id,
            "message": request.message,
            "started_at": utc_text(request.created_at),
            "ended_at": None,
            "usage": add_usage([pending.spent.usage]),
            "response": None,
            "tool_calls": [],
            "status": "waiting_for_approval",
        }


def _describe_response(response: AgentResponse) -> dict[str, Any]:
    content = find_failure(response)
    if content is not None:
        failure = Failure.from_content(content)
        return {"status": "failed", "error_code": failure.code, "error": failure.message}
    return {"status": "success", "response": response.text, "tool_calls": _tool_calls(response)}


def _tool_calls(response: AgentResponse) -> list[dict[str, Any]]:
    contents = [content for message in response.messages for content in message.contents]
    results = {content.call_id: content.result for content in contents if content.type == "function_result"}
    return [
        {"name": content.name, "arguments": content.parse_arguments(), "result": results.get(content.call_id)}
        for content in contents
        if content.type == "function_call"
    ]
