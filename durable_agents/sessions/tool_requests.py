"""What humans were asked about tool calls, and what they decided; a session remembers it beside its conversation.

The record is in the session's state under `extensionData`, oldest first. It is only added to; when it takes more than
`_RECORD_BYTES`, its oldest entries are forgotten.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from agent_framework_durabletask import DurableAgentState
from pydantic import BaseModel, Field, StrictBool

from durable_agents.sessions.conversation import extension_data
from durable_agents.sessions.correlation import run_key

_RECORD = "toolRequests"
_RECORD_BYTES = 20_000


class ToolDecision(BaseModel):
    """What a human decided on a tool call, and when."""

    approved: StrictBool
    feedback: str | None = None
    reviewer: str | None = None
    decided_at: datetime


class DecisionMessage(ToolDecision):
    """A decision on its way to the session: with the request it is about.

    Its texts are as long as the route lets them be. The session has room for that, whoever sends the message.
    """

    request_id: str
    feedback: str | None = Field(default=None, max_length=2_000)
    reviewer: str | None = Field(default=None, max_length=200)


class UndecidedMessage(BaseModel):
    """Word to the session that nobody has decided in time on this request."""

    request_id: str


class ToolRequest(BaseModel):
    """A tool call a human is asked about, with the arguments it will have. Without a decision it waits or expired."""

    request_id: str
    correlation_id: str
    tool: str
    arguments: dict[str, Any]
    expires_at: datetime
    decision: ToolDecision | None = None


def record_requests(state: DurableAgentState, requests: Iterable[ToolRequest]) -> None:
    """Remember requests a turn waits for no more."""
    extension = state.data.extension_data or {}
    record = [*extension.get(_RECORD, []), *(request.model_dump(mode="json") for request in requests)]
    while len(json.dumps(record)) > _RECORD_BYTES:
        del record[0]
    state.data.extension_data = {**extension, _RECORD: record}


def recorded_requests(state: Mapping[str, Any]) -> list[ToolRequest]:
    """Return the requests a session remembers, oldest first, from the state as it is stored."""
    return [ToolRequest.model_validate(stored) for stored in (extension_data(state) or {}).get(_RECORD, [])]


def requests_of_run(state: Mapping[str, Any], correlation_id: str) -> list[ToolRequest]:
    """Return those of one run: decided, or never decided because its turn is over."""
    key = run_key(correlation_id)
    return [request for request in recorded_requests(state) if run_key(request.correlation_id) == key]
