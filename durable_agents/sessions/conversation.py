"""Read and extend the stored state of an agent session, in the schema of the durable agents package.

A session is a list of entries: a request and a response for each turn, with the same correlation id. A failed turn is
kept so that callers can read why, but neither its message nor its error is ever sent to the model again. What the
schema has no place for is in `extensionData`, which the package keeps as it is.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from agent_framework import AgentResponse, Content, Message
from agent_framework_durabletask import (
    DurableAgentState,
    DurableAgentStateEntry,
    DurableAgentStateRequest,
    DurableAgentStateResponse,
    DurableStateFields,
    RunRequest,
)

from durable_agents.ids import CORRELATION_ID
from durable_agents.sessions.correlation import run_key
from durable_agents.sessions.failures import Failure

SUMMARY_AUTHOR = "conversation_summary"
"""The author of the message that stands for the turns a summary has replaced."""

MODEL_CALLS = "model_call_count"
"""The name in a usage of how often the model was called, failed calls included."""

_COMPACTION = "compaction"
_REMEMBERED_RUNS = 200
# The framework's name, and the one the package looks for.
_REASONING = {"text_reasoning", "reasoning"}


def load_state(stored: Mapping[str, Any]) -> DurableAgentState:
    """Return the state of a session from its stored form."""
    return DurableAgentState.from_dict(read_times(stored))


def read_times(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stored form of a session with the times of its conversation as datetimes, which the package takes too.

    The package reads every time with dateutil, and that would be most of what a turn in a long session takes. A text in
    another form than the package writes is left to it.
    """
    data = stored.get(DurableStateFields.DATA)
    if not isinstance(data, Mapping):
        return dict(stored)
    history = [_with_times(entry) for entry in data.get(DurableStateFields.CONVERSATION_HISTORY, [])]
    return {**stored, DurableStateFields.DATA: {**data, DurableStateFields.CONVERSATION_HISTORY: history}}


def find_failure(response: AgentResponse) -> Content | None:
    """Return the `error` content of a response, or None if the model answered."""
    contents = (content for message in response.messages for content in message.contents)
    return next((content for content in contents if content.type == "error"), None)


def is_failed(entry: DurableAgentStateEntry) -> bool:
    """Say whether an entry is the response of a failed turn."""
    return isinstance(entry, DurableAgentStateResponse) and any(
        content.type == "error" for message in entry.messages for content in message.contents
    )


def replayable_messages(entries: Iterable[DurableAgentStateEntry]) -> list[Message]:
    """Return the messages of all turns that succeeded, as the model gets them; its private reasoning is left out.

    Of a failed turn that was told the result of a run, the message stays: nobody says it again.
    """
    entries = list(entries)
    failed = {entry.correlation_id for entry in entries if is_failed(entry)}
    kept = [entry for entry in entries if entry.correlation_id not in failed or told_run(entry) is not None]
    messages = [message.to_chat_message() for entry in kept for message in entry.messages]
    for message in messages:
        message.contents = [content for content in message.contents if content.type not in _REASONING]
    return [message for message in messages if message.contents]


def told_run(entry: DurableAgentStateEntry | RunRequest) -> str | None:
    """Return the run whose result a message is, or None if somebody else speaks.

    What an orchestration asks has an id of the framework's.
    """
    if not isinstance(entry, DurableAgentStateRequest | RunRequest):
        return None
    return entry.orchestration_id if CORRELATION_ID.fullmatch(entry.correlation_id or "") else None


def find_response(state: DurableAgentState, correlation_id: str) -> DurableAgentStateResponse | None:
    """Return the stored response of a run, or None if the run has not ended or is forgotten."""
    key = run_key(correlation_id)
    for entry in state.data.conversation_history:
        if isinstance(entry, DurableAgentStateResponse) and run_key(entry.correlation_id or "") == key:
            return entry
    return None


def add_turn(state: DurableAgentState, request: RunRequest, response: AgentResponse) -> None:
    """Append a finished turn; a response without a time gets the present one."""
    response.created_at = response.created_at or datetime.now(UTC).isoformat()
    history = state.data.conversation_history
    history.append(DurableAgentStateRequest.from_run_request(request))
    history.append(DurableAgentStateResponse.from_run_response(request.correlation_id, response))


def failed_response(failure: Failure) -> AgentResponse:
    """Return the response that reports a failure."""
    message = Message("assistant", [failure.to_content()])
    return AgentResponse(messages=[message], created_at=datetime.now(UTC).isoformat())


def stored_bytes(state: DurableAgentState, *more: DurableAgentStateEntry) -> int:
    """Return the size of the session as the task hub stores it, JSON text in ASCII, with `more` entries added."""
    return len(state.to_json()) + sum(len(json.dumps(entry.to_dict())) + len(", ") for entry in more)


def record_compaction(state: DurableAgentState, removed: Iterable[DurableAgentStateEntry]) -> None:
    """Remember of removed entries how many there were, what they cost, and the ids of the latest runs.

    The turn that has made room counts what the summary has cost. The ids keep a late repeat of a run from being a new
    one.
    """
    entries = list(removed)
    data = _read_compaction(state.data.extension_data)
    responses = [entry for entry in entries if isinstance(entry, DurableAgentStateResponse)]
    usages = [entry.usage.to_usage_details() for entry in responses if entry.usage is not None]
    runs = [*data.get("runs", []), *(run_key(entry.correlation_id or "") for entry in responses)]
    summaries = sum(1 for entry in entries if is_summary(entry))
    changed = {
        "entries": data.get("entries", 0) + len(entries) - summaries,
        "usage": add_usage([data.get("usage", {}), *usages]),
        "runs": runs[-_REMEMBERED_RUNS:],
    }
    state.data.extension_data = {**(state.data.extension_data or {}), _COMPACTION: changed}


def forget_failed_turns(state: DurableAgentState) -> None:
    """Remove the failed turns to make room: the model never sees them, and their callers get to know they are gone."""
    history = state.data.conversation_history
    failed = {entry.correlation_id for entry in history if is_failed(entry)}
    record_compaction(state, [entry for entry in history if entry.correlation_id in failed])
    state.data.conversation_history = [entry for entry in history if entry.correlation_id not in failed]


def is_summary(entry: DurableAgentStateEntry) -> bool:
    """Say whether an entry is the summary that stands for removed turns."""
    return any(message.author_name == SUMMARY_AUTHOR for message in entry.messages)


def was_compacted(state: Mapping[str, Any], correlation_id: str) -> bool:
    """Say whether a run is known to be among those a summary has replaced, in the state as it is stored."""
    return run_key(correlation_id) in _read_compaction(extension_data(state)).get("runs", [])


def compacted_entries(state: Mapping[str, Any]) -> int:
    """Return how many entries summaries have replaced, from the state as it is stored."""
    removed: int = _read_compaction(extension_data(state)).get("entries", 0)
    return removed


def session_usage(state: Mapping[str, Any]) -> dict[str, int]:
    """Return the tokens of all turns of a session and of its summaries, from the state as it is stored."""
    restored = load_state(state)
    entries = [e for e in restored.data.conversation_history if isinstance(e, DurableAgentStateResponse)]
    kept = [entry.usage.to_usage_details() for entry in entries if entry.usage is not None]
    return add_usage([_read_compaction(restored.data.extension_data).get("usage", {}), *kept])


def add_usage(usages: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return the sums of token counts by name; what is no number is left out."""
    total: dict[str, int] = {}
    for usage in usages:
        for name, count in usage.items():
            if isinstance(count, int):
                total[name] = total.get(name, 0) + count
    return total


def extension_data(state: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return what the session keeps beside its conversation, from the state as it is stored."""
    data = state.get(DurableStateFields.DATA, {})
    extension: Mapping[str, Any] | None = data.get(DurableStateFields.EXTENSION_DATA)
    return extension


def _read_compaction(extension: Mapping[str, Any] | None) -> dict[str, Any]:
    found = (extension or {}).get(_COMPACTION)
    return found if isinstance(found, dict) else {}


def _with_times(entry: Mapping[str, Any]) -> dict[str, Any]:
    messages = [_with_time(message) for message in entry.get(DurableStateFields.MESSAGES, [])]
    return {**_with_time(entry), DurableStateFields.MESSAGES: messages}


def _with_time(fields: Mapping[str, Any]) -> dict[str, Any]:
    written = fields.get(DurableStateFields.CREATED_AT)
    try:
        moment = datetime.fromisoformat(written) if isinstance(written, str) else written
    except ValueError:
        return dict(fields)
    return {**fields, DurableStateFields.CREATED_AT: moment}
