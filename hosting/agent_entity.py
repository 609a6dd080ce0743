"""The durable entity of an agent session: one message at a time, in order, and the state that goes with it.

It keeps the name, the operations and the state schema of the entity that the durable agents package would register, so
that a session can pass from one to the other. `delete` is added.
"""

import logging
from collections.abc import Callable
from typing import Any

import azure.durable_functions as df
from agent_framework_durabletask import AgentEntityStateProviderMixin, RunRequest, run_agent_coroutine

from hosting.agent_turn import Turns
from hosting.run_budget import RunBudget

logger = logging.getLogger(__name__)

BUDGET_FIELD = "budget"
"""Where a run's own budget stands in the message to the entity; the package ignores it."""


def create_agent_entity(turns: Turns) -> Callable[[df.DurableEntityContext], None]:
    """Return the entity function: `run` (or `run_agent`) with a run request, `reset`, `delete`.

    A run's result is its response, with an `error` content if it failed. A message that is none of these gets
    `{"error": ..., "status": "error"}` and leaves the session as it is.
    """

    def agent_session(context: df.DurableEntityContext) -> None:
        session = _Session(context)
        match context.operation_name:
            case "run" | "run_agent":
                _run(context, session, turns)
            case "reset":
                session.reset()
                context.set_result({"status": "reset"})
            case "delete":
                context.set_result({"status": "deleted"})
                # Last, for a result makes the entity exist.
                context.destruct_on_exit()
            case operation:
                logger.error("Session %s: unknown operation %r", context.entity_key, operation)
                context.set_result({"error": f"Unknown operation: {operation}", "status": "error"})

    return agent_session


def _run(context: df.DurableEntityContext, session: "_Session", turns: Turns) -> None:
    try:
        message: Any = context.get_input()
        request = RunRequest.from_dict(message)
        budget = RunBudget.model_validate(message.get(BUDGET_FIELD) or {})
    except (TypeError, ValueError, AttributeError):
        # A signal with another body; the schema says what is missing, the body itself may be private.
        logger.exception("Session %s: a message is not a run request", context.entity_key)
        context.set_result({"error": "The message is not a run request.", "status": "error"})
        return
    # All agents of the process share one event loop, as the clients they share are bound to it.
    response = run_agent_coroutine(turns.take(session.state, session.session_id, request, budget))
    session.persist_state()
    context.set_result(response.to_dict())


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
