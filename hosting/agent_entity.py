"""The durable entity of an agent session: one message at a time, in order, and the state that goes with it.

It keeps the name, the operations and the state schema of the entity that the durable agents package would register, so
that a session can pass from one to the other. `delete` and `expire` are added.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import azure.durable_functions as df
from agent_framework import AgentResponse
from agent_framework_durabletask import AgentEntityStateProviderMixin, RunRequest, run_agent_coroutine

from hosting.agent_turn import Turns
from hosting.run_budget import RunBudget
from hosting.session_lifetime import SessionLifetime, read_lifetime

logger = logging.getLogger(__name__)

BUDGET_FIELD = "budget"
"""Where a run's own budget stands in the message to the entity; the package ignores it."""


def create_agent_entity(turns: Turns, lifetime: SessionLifetime) -> Callable[[df.DurableEntityContext], None]:
    """Return the entity function: `run` (or `run_agent`) with a run request, `reset`, `delete`, `expire`.

    A run's result is its response, with an `error` content if it failed. A message that is none of these gets
    `{"error": ..., "status": "error"}` and leaves the session as it is. `expire` ends the session if its time is over.
    """

    def agent_session(context: df.DurableEntityContext) -> None:
        session = _Session(context)
        match context.operation_name:
            case "run" | "run_agent":
                _run(context, session, turns, lifetime)
            case "reset":
                session.reset()
                entry = lifetime.renew(session.state, session.session_id, datetime.now(UTC))
                run_agent_coroutine(lifetime.enter(entry))
                session.persist_state()
                context.set_result({"status": "reset"})
            case "delete":
                _end(context, session, lifetime, "deleted")
            case "expire":
                _expire(context, session, lifetime)
            case operation:
                logger.error("Session %s: unknown operation %r", context.entity_key, operation)
                context.set_result({"error": f"Unknown operation: {operation}", "status": "error"})

    return agent_session


def _run(context: df.DurableEntityContext, session: "_Session", turns: Turns, lifetime: SessionLifetime) -> None:
    try:
        message: Any = context.get_input()
        request = RunRequest.from_dict(message)
        budget = RunBudget.model_validate(message.get(BUDGET_FIELD) or {})
    except (TypeError, ValueError, AttributeError):
        # A signal with another body; the schema says what is missing, the body itself may be private.
        logger.exception("Session %s: a message is not a run request", context.entity_key)
        context.set_result({"error": "The message is not a run request.", "status": "error"})
        return
    now = datetime.now(UTC)
    if lifetime.is_over(session.state, now):
        session.reset()
    entry = lifetime.renew(session.state, session.session_id, now)

    async def take() -> AgentResponse:
        # Side by side with the model, but before the state is stored.
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(lifetime.enter(entry))
            turn = tasks.create_task(turns.take(session.state, session.session_id, request, budget))
        return turn.result()

    # All agents of the process share one event loop, as the clients they share are bound to it.
    response = run_agent_coroutine(take())
    session.persist_state()
    context.set_result(response.to_dict())


def _expire(context: df.DurableEntityContext, session: "_Session", lifetime: SessionLifetime) -> None:
    """End the session, unless it was used since somebody found it in the index; then put the index right."""
    entry = read_lifetime(session.state.data.extension_data, session.session_id)
    if entry is None or entry.is_expired(datetime.now(UTC)):
        _end(context, session, lifetime, "expired")
    else:
        run_agent_coroutine(lifetime.enter(entry))
        context.set_result({"status": "in use"})


def _end(context: df.DurableEntityContext, session: "_Session", lifetime: SessionLifetime, status: str) -> None:
    run_agent_coroutine(lifetime.leave(session.session_id))
    context.set_result({"status": status})
    # Last, for a result makes the entity exist.
    context.destruct_on_exit()


class _Session(AgentEntityStateProviderMixin):
    """The state of a session, kept in its entity."""

    def __init__(self, context: df.DurableEntityContext) -> None:
        self._context = context

    def _get_state_dict(self) -> dict[str, Any]:
        state = self._context.get_state()
        return state if isinstance(state, dict) else {}

    def _set_state_dict(self, state: dict[str, Any]) -> None:
        self._context.set_state(state)

    def _get_session_id_from_entity(self) -> str:
        return str(self._context.entity_key)
