"""Read a session and show it to callers: its conversation turn by turn, its times, what it has cost."""

from collections.abc import Iterator, Mapping
from datetime import datetime
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
    told_run,
)
from durable_agents.sessions.failures import Failure
from durable_agents.sessions.lifetime import read_lifetime
from durable_agents.sessions.pending import PendingTurn, find_pending
from durable_agents.sessions.responses import read_session
from durable_agents.sessions.session_models import Session, ToolCall, Turn

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


def view_session(session: StoredSession, agent: str, session_id: str, links: dict[str, str]) -> Session:
    """Return what a caller sees of a session."""
    history = load_state(session).data.conversation_history
    entry, pending = read_lifetime(extension_data(session), session_id), find_pending(session)
    turns = [_view_turn(turn) for turn in _turns(history)]
    return Session(
        agent=agent,
        session_id=session_id,
        used_at=None if entry is None else entry.used_at,
        expires_at=None if entry is None else entry.expires_at,
        usage=session_usage(session),
        summary=next((message.text for one in history if is_summary(one) for message in one.messages), None),
        turns=turns if pending is None else [*turns, _view_pending(pending)],
        links=links,
    )


def _turns(history: list[DurableAgentStateEntry]) -> Iterator[list[DurableAgentStateEntry]]:
    entries = [entry for entry in history if not is_summary(entry)]
    for _, turn in groupby(entries, key=lambda entry: entry.correlation_id):
        yield list(turn)


def _view_turn(entries: list[DurableAgentStateEntry]) -> Turn:
    requests = [entry for entry in entries if isinstance(entry, DurableAgentStateRequest)]
    responses = [entry for entry in entries if isinstance(entry, DurableAgentStateResponse)]
    turn = Turn(
        correlation_id=entries[0].correlation_id,
        run_id=next(filter(None, map(told_run, requests)), None),
        message="\n".join(message.text for entry in requests for message in entry.messages),
        started_at=next((entry.created_at for entry in requests), None),
        ended_at=next((entry.created_at for entry in responses), None),
        usage=add_usage(entry.usage.to_usage_details() for entry in responses if entry.usage is not None),
        response=None,
        tool_calls=[],
        status="unknown",
    )
    for entry in responses:
        _add_response(turn, DurableAgentStateResponse.to_run_response(entry))
    return turn


def _view_pending(pending: PendingTurn) -> Turn:
    """Return the turn that waits, as far as it has come."""
    request = RunRequest.from_dict(pending.request)
    return Turn(
        correlation_id=pending.correlation_id,
        run_id=told_run(request),
        message=request.message,
        started_at=request.created_at,
        ended_at=None,
        usage=add_usage([pending.spent.usage]),
        response=None,
        tool_calls=[],
        status="waiting_for_approval",
    )


def _add_response(turn: Turn, response: AgentResponse) -> None:
    content = find_failure(response)
    if content is None:
        turn.status, turn.response, turn.tool_calls = "success", response.text, _tool_calls(response)
    else:
        failure = Failure.from_content(content)
        turn.status, turn.error_code, turn.error = "failed", failure.code, failure.message


def _tool_calls(response: AgentResponse) -> list[ToolCall]:
    contents = [content for message in response.messages for content in message.contents]
    results = {content.call_id: content.result for content in contents if content.type == "function_result"}
    return [
        ToolCall(name=content.name or "", arguments=content.parse_arguments(), result=results.get(content.call_id))
        for content in contents
        if content.type == "function_call"
    ]
