"""Keep a session to what the task hub can store, measured in the form in which it is stored.

That form is JSON text in ASCII: a Chinese character takes 6 bytes of it, an emoji 12, a control character 6. So nothing
is measured in characters or in UTF-8, and there is one measure, `stored_bytes`.
"""

from agent_framework import AgentResponse
from agent_framework_durabletask import DurableAgentState, DurableAgentStateRequest, RunRequest

from durable_agents.sessions.conversation import add_turn, forget_failed_turns, stored_bytes
from durable_agents.sessions.failures import Failure, TurnFailedError

STATE_LIMIT_BYTES = 900_000
"""What a session may have. The Durable Task Scheduler stores at most 1 MB of an entity, in an envelope of its own."""

USABLE_BYTES = 830_000
"""What messages and answers may fill of it. The rest is for what is written in any case, all of it limited: turns that
failed, without their messages, the last decisions on tool calls, the ids of runs that a summary has replaced."""

DECISION_BYTES = 27_000
"""The most that a decision on a tool call takes: 2,000 characters of feedback, 200 of a name, 12 bytes each."""

_FAILED_TURNS_BYTES = 850_000
_FAILURE_BYTES = 3_000


def check_room(state: DurableAgentState, request: RunRequest | None = None, *, decisions: int = 0) -> None:
    """Accept the session as it is, or with the message of the request, with room for as many decisions.

    Failed turns are forgotten if that makes the room.

    Raises:
        TurnFailedError: It is too large.
    """
    size = _size(state, request, decisions)
    if size <= USABLE_BYTES:
        return
    smaller = DurableAgentState.from_dict(state.to_dict())
    forget_failed_turns(smaller)
    if _size(smaller, request, decisions) <= USABLE_BYTES:
        state.data = smaller.data
        return
    message = (
        f"The session would have {size} bytes as it is stored, and at most {USABLE_BYTES} can be. "
        "Reset or delete the session, or go on in a new one."
    )
    raise TurnFailedError(Failure("session_too_large", message))


def add_failed_turn(state: DurableAgentState, request: RunRequest, response: AgentResponse) -> None:
    """Add the turn in the place of an answer that was too large, and keep the message only if there is room for it."""
    history = state.data.conversation_history
    state.data.conversation_history = [e for e in history if e.correlation_id != request.correlation_id]
    if _size(state, request) > USABLE_BYTES:
        message = f"[A message of {len(request.message)} characters, which is not kept.]"
        request = RunRequest.from_dict({**request.to_dict(), "message": message, "response_format": None})
    if _size(state, request) + _FAILURE_BYTES > _FAILED_TURNS_BYTES:
        forget_failed_turns(state)
    add_turn(state, request, response)


def _size(state: DurableAgentState, request: RunRequest | None, decisions: int = 0) -> int:
    entries = () if request is None else (DurableAgentStateRequest.from_run_request(request),)
    return stored_bytes(state, *entries) + decisions * DECISION_BYTES
