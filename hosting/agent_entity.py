"""The durable entity of an agent session: one message at a time, in order, and the state that goes with it.

It keeps the name, the operations and the state schema of the entity that the durable agents package would register, so
that a session can pass from one to the other. `delete`, `decide` and `continue` are added.
"""

import logging
from typing import Any

import azure.durable_functions as df
from agent_framework_durabletask import AgentEntityStateProviderMixin, RunRequest, run_agent_coroutine
from pydantic import BaseModel, StrictBool

from hosting.agent_turn import Turns
from hosting.entity_function import EntityOperation, HubClient
from hosting.pending_turn import decide, read_pending
from hosting.run_budget import RunBudget
from hosting.tool_requests import ToolDecision

logger = logging.getLogger(__name__)

BUDGET_FIELD = "budget"
"""Where a run's own budget stands in the message to the entity; the package ignores it."""

DURABLE_CLIENT = "durable_client"
"""Where a tool finds the `HubClient` of its session: in `metadata` of its `FunctionInvocationContext` parameter."""

SESSION = "session"
"""Where a tool finds who calls it, as `agent/session id`."""


class DecisionMessage(BaseModel):
    """What `decide` is sent: a `ToolDecision` that has no time yet, and the request it is about."""

    request_id: str
    approved: StrictBool
    feedback: str | None = None
    reviewer: str | None = None


def create_agent_entity(turns: Turns) -> EntityOperation:
    """Return the entity function: `run` (or `run_agent`) with a run request, `reset`, `delete`.

    `decide` records the decision on a tool call; once all of a turn are in, the entity sends itself `continue`, so that
    a decision is stored and visible before the turn goes on.

    A run's result is its response, with an `error` content if it failed. A message that is none of these gets
    `{"error": ..., "status": "error"}` and leaves the session as it is.
    """

    def agent_session(context: df.DurableEntityContext, hub: HubClient) -> None:
        session = _Session(context)
        match context.operation_name:
            case "run" | "run_agent":
                _run(context, session, turns, hub)
            case "decide":
                _decide(context, session, turns, hub)
            case "continue":
                _continue(session, turns, hub)
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


def _run(context: df.DurableEntityContext, session: "_Session", turns: Turns, hub: HubClient) -> None:
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
    provided = _provide(turns, session, hub)
    response = run_agent_coroutine(turns.take(session.state, session.session_id, request, budget, provided))
    session.persist_state()
    context.set_result(response.to_dict())


def _decide(context: df.DurableEntityContext, session: "_Session", turns: Turns, hub: HubClient) -> None:
    try:
        message = DecisionMessage.model_validate(context.get_input())
    except (TypeError, ValueError):
        logger.exception("Session %s: a message is not a decision", context.entity_key)
        context.set_result({"error": "The message is not a decision.", "status": "error"})
        return
    fields = message.model_dump(exclude={"request_id"})
    if decide(session.state, message.request_id, ToolDecision(**fields, decided_at=turns.now())):
        entity = df.EntityId(context.entity_name, context.entity_key)
        run_agent_coroutine(hub.call(lambda client: client.signal_entity(entity, "continue")))
    if read_pending(session.state) is not None:
        session.persist_state()


def _continue(session: "_Session", turns: Turns, hub: HubClient) -> None:
    response = run_agent_coroutine(turns.go_on(session.state, session.session_id, _provide(turns, session, hub)))
    # Without a turn to go on with, nothing is stored: a session that was deleted in between must not come back.
    if response is not None:
        session.persist_state()


def _provide(turns: Turns, session: "_Session", hub: HubClient) -> dict[str, Any]:
    return {DURABLE_CLIENT: hub, SESSION: f"{turns.name}/{session.session_id}"}


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
