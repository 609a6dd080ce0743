"""The durable entity of an agent session: one message at a time, in order, and the state that goes with it.

It keeps the name, the operations and the state schema of the entity that the durable agents package would register, so
that a session can pass from one to the other. `delete`, `expire`, `ask`, `decide`, `give_up`, `result`, `continue` and
`conclude` are added.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

import azure.durable_functions as df
from agent_framework import AgentResponse
from agent_framework_durabletask import (
    AgentEntityStateProviderMixin,
    DurableAgentStateRequest,
    RunRequest,
    run_agent_coroutine,
)

from durable_agents.ids import check_run_id
from durable_agents.sessions.budget import RunBudget
from durable_agents.sessions.conversation import read_times, told_run
from durable_agents.sessions.correlation import RunIds
from durable_agents.sessions.entity_function import EntityOperation, HubClient
from durable_agents.sessions.forgotten import (
    Forgotten,
    Why,
    forget_late,
    forget_runs,
    keep_forgotten,
    remembered_until,
    runs_of,
)
from durable_agents.sessions.lifetime import SessionLifetime, read_lifetime
from durable_agents.sessions.lost import ASKED_RUN, miss_run
from durable_agents.sessions.pending import decide, give_up, read_pending
from durable_agents.sessions.run_results import (
    RESULTS,
    ResultDesk,
    RunResult,
    begin_conversation,
    conversation_of,
    has_results,
    keep_result,
    take_result,
)
from durable_agents.sessions.segment import check_named_model
from durable_agents.sessions.tool_requests import DecisionMessage, ToolDecision, ToolRequest, UndecidedMessage
from durable_agents.sessions.turn import Turns
from durable_agents.sessions.update_forwarder import ForgettingCallback

logger = logging.getLogger(__name__)

BUDGET_FIELD = "budget"
"""Where a run's own budget stands in the message to the entity; the package ignores it."""

RUN_FIELD = "run"
"""Where the id of a run stands in the message of `delete`, if the session is to go with that run."""

DURABLE_CLIENT = "durable_client"
"""Where a tool finds the `HubClient` of its session: in `metadata` of its `FunctionInvocationContext` parameter."""

SESSION = "session"
"""Where a tool finds who calls it, as `agent/session id`."""


class Approvers(Protocol):
    """Puts the tool calls of a session to humans, who send it `decide` or `give_up`. Both may be repeated."""

    async def ask(self, hub: HubClient, agent: str, session_id: str, request: ToolRequest) -> None:
        """Have humans decide on this request."""

    async def withdraw(self, hub: HubClient, agent: str, session_id: str, request: ToolRequest) -> None:
        """Have nobody decide on this request any more."""


def create_agent_entity(
    turns: Turns, lifetime: SessionLifetime, approvals: Approvers | None = None, run_ids: RunIds | None = None
) -> EntityOperation:
    """Return the entity function: `run` (or `run_agent`) with a run request, `reset`, `delete`, `expire`.

    When a turn waits for humans, the entity sends itself `ask`, so that the wait is stored before anybody is asked.
    `decide` records the decision on a tool call, and `give_up` that nobody made one in time. Once all of a turn are in,
    the entity sends itself `continue`, so that a decision is stored and visible before the turn goes on. `result` keeps
    what came of a run that the agent has started, and `continue` is also the turn in which the agent is told it, as
    soon as no other waits. `delete` may name a run, with which the session is to go if nobody else has spoken in it.
    `expire` ends the session if its time is over. `conclude` asks after a run of which callers have heard nothing.

    A run's result is its response, with an `error` content if it failed. A message that is none of these gets
    `{"error": ..., "status": "error"}` and leaves the session as it is.
    """

    def agent_session(context: df.DurableEntityContext, hub: HubClient) -> None:
        session = _Session(context, turns, lifetime, hub, approvals, run_ids)
        operations = {
            "run": session.run,
            "run_agent": session.run,
            "ask": session.ask,
            "decide": session.decide,
            "give_up": session.give_up,
            "result": session.keep_result,
            "continue": session.resume,
            "conclude": session.conclude,
            "reset": session.clear,
            "delete": session.delete,
            "expire": session.expire,
        }
        operation = operations.get(str(context.operation_name))
        if operation is None:
            session.refuse(f"Unknown operation: {context.operation_name}")
        else:
            operation()

    return agent_session


class _Session(AgentEntityStateProviderMixin):
    """A session while its entity handles one message. All agents of the process share one event loop."""

    def __init__(
        self,
        context: df.DurableEntityContext,
        turns: Turns,
        lifetime: SessionLifetime,
        hub: HubClient,
        approvals: Approvers | None,
        run_ids: RunIds | None,
    ) -> None:
        self._context = context
        self._turns = turns
        self._lifetime = lifetime
        self._hub = hub
        self._approvals = approvals
        self._run_ids = run_ids

    def run(self) -> None:
        try:
            message: Any = self._context.get_input()
            check_named_model(message)
            request = RunRequest.from_dict(message)
            budget = RunBudget.model_validate(message.get(BUDGET_FIELD) or {})
            check_run_id(request.correlation_id)
        except (TypeError, ValueError, AttributeError):
            # A signal with another body; the schema says what is missing, the body itself may be private.
            self.refuse("The message is not a run request.", exc_info=True)
            return
        now = datetime.now(UTC)
        if self._lifetime.is_over(self.state, now):
            self._forget("expired")
        entry = self._lifetime.renew(self.state, self.session_id, now)
        begin_conversation(self.state, request.correlation_id)
        # What an orchestration has started is awaited by it, or by nobody.
        is_awaited = request.orchestration_id is None or told_run(request) is not None
        provided = self._provided if is_awaited else {**self._provided, RESULTS: None}

        async def take() -> AgentResponse:
            # Side by side with the model, but before the state is stored.
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._lifetime.enter(entry))
                turn = tasks.create_task(self._turns.run(self.state, self.session_id, request, budget, provided))
            return turn.result()

        response = run_agent_coroutine(take())
        self._store_waiting()
        self._store()
        self._context.set_result(response.to_dict())

    def ask(self) -> None:
        """Have humans asked about what the session waits with."""
        pending, approvals = read_pending(self.state), self._approvals
        if pending is None or approvals is None:
            return
        for request in pending.open_requests:
            run_agent_coroutine(approvals.ask(self._hub, self._turns.name, self.session_id, request))

    def decide(self) -> None:
        try:
            message = DecisionMessage.model_validate(self._context.get_input())
        except (TypeError, ValueError):
            self.refuse("The message is not a decision.", exc_info=True)
            return
        fields = message.model_dump(exclude={"request_id"})
        if decide(self.state, message.request_id, ToolDecision(**fields)):
            self._send_myself("continue")
        if read_pending(self.state) is not None:
            self.persist_state()

    def give_up(self) -> None:
        try:
            message = UndecidedMessage.model_validate(self._context.get_input())
        except (TypeError, ValueError):
            self.refuse("The message names no request.", exc_info=True)
            return
        if read_pending(self.state) is not None:
            give_up(self.state, message.request_id)
            self._store()

    def keep_result(self) -> None:
        """Keep what came of a run until it is its turn; a conversation that has not started the run is not told."""
        try:
            result = RunResult.model_validate(self._context.get_input())
        except (TypeError, ValueError):
            self.refuse("The message is not the result of a run.", exc_info=True)
            return
        now, run = datetime.now(UTC), result.run_id
        if conversation_of(self.state) != result.to.conversation:
            logger.info("Session %s: the result of run %s is for an earlier conversation", self.session_id, run)
            is_changed = forget_late(self.state, result.to.correlation_id, now)
        else:
            is_changed = not self._lifetime.is_over(self.state, now) and keep_result(self.state, result)
        if is_changed:
            self._store()

    def resume(self) -> None:
        """Go on with the turn that waits, or else with the result that has waited longest."""
        response = run_agent_coroutine(self._turns.resume(self.state, self.session_id, self._provided))
        if response is None and read_pending(self.state) is None and (result := take_result(self.state)) is not None:
            turn = self._turns.run(
                self.state, self.session_id, result.request, provided=self._provided, chain=result.to.chain
            )
            response = run_agent_coroutine(turn)
        # Without a turn to go on with, nothing is stored: a session that was deleted in between must not come back.
        if response is not None:
            self._renew()
            self._store_waiting()
            self._store()

    def conclude(self) -> None:
        """Find out whether a run was lost, which its caller is then told."""
        message: Any = self._context.get_input()
        correlation_id, now = str(message.get(ASKED_RUN)) if isinstance(message, Mapping) else "", datetime.now(UTC)
        if self._lifetime.is_over(self.state, now) or not miss_run(self.state, correlation_id, now):
            return
        if read_lifetime(self.state.data.extension_data, self.session_id) is None:
            # The first turn of the session, and nothing else is there to say when this goes.
            self._renew()
        self.persist_state()

    def clear(self) -> None:
        self._forget("reset")
        self._renew()
        self.persist_state()
        self._context.set_result({"status": "reset"})

    def delete(self) -> None:
        """End the session; with a run in the message, only if nobody but this run has spoken in it."""
        try:
            message = self._context.get_input()
        except (TypeError, ValueError):
            # The signal has no content, for which the SDK has no value.
            message = None
        run = message.get(RUN_FIELD) if isinstance(message, Mapping) else None
        if run is not None and self._has_others_than(run):
            self._context.set_result({"status": "in use"})
        else:
            self.end("deleted")

    def expire(self) -> None:
        """End the session, unless it was used since somebody found it in the index; then put the index right."""
        entry = read_lifetime(self.state.data.extension_data, self.session_id)
        if entry is None or entry.is_expired(datetime.now(UTC)):
            self.end("expired")
        else:
            run_agent_coroutine(self._lifetime.enter(entry))
            self._context.set_result({"status": "in use"})

    def end(self, status: Literal["deleted", "expired"]) -> None:
        """Leave nothing, or, as long as somebody may ask for one of its runs, their keys alone."""
        forgotten = self._forget(status)
        now = datetime.now(UTC)
        if forgotten and (entry := self._lifetime.end(self.state, self.session_id, now, remembered_until(forgotten))):
            run_agent_coroutine(self._lifetime.enter(entry))
            self.persist_state()
            self._context.set_result({"status": status})
            return
        run_agent_coroutine(self._lifetime.leave(self.session_id))
        self._context.set_result({"status": status})
        # Last, for a result makes the entity exist.
        self._context.destruct_on_exit()

    def refuse(self, problem: str, *, exc_info: bool = False) -> None:
        logger.error("Session %s: %s", self.session_id, problem, exc_info=exc_info)
        self._context.set_result({"error": problem, "status": "error"})

    @property
    def _provided(self) -> dict[str, Any]:
        name, conversation, ids = self._turns.name, conversation_of(self.state), self._run_ids
        desk = None
        if conversation is not None and ids is not None:
            desk = ResultDesk(name, self.session_id, conversation, ids, self._turns.limits.chained_runs)
        return {DURABLE_CLIENT: self._hub, SESSION: f"{name}/{self.session_id}", RESULTS: desk}

    def _forget(self, why: Why) -> Forgotten:
        """Remove all turns, and return what is remembered of them."""
        self._withdraw()
        runs, forgotten = runs_of(self.state), forget_runs(self.state, why, datetime.now(UTC))
        if runs and isinstance(self._turns.callback, ForgettingCallback):
            run_agent_coroutine(self._drop_shown(self._turns.callback, runs))
        self.reset()
        keep_forgotten(self.state, forgotten)
        return forgotten

    async def _drop_shown(self, callback: ForgettingCallback, runs: Sequence[str]) -> None:
        try:
            await callback.on_forgotten(self._turns.name, self.session_id, runs)
        except Exception:
            # Of whatever kind: a store may be any database. It drops by itself what is old.
            logger.warning("Session %s: its streams could not be removed", self.session_id, exc_info=True)

    def _has_others_than(self, run: str) -> bool:
        """Say whether anybody but this run has spoken in the session."""
        pending = read_pending(self.state)
        waiting = [] if pending is None else [pending.request.get("orchestrationId")]
        requests = [e for e in self.state.data.conversation_history if isinstance(e, DurableAgentStateRequest)]
        return any(speaker != run for speaker in (*waiting, *(request.orchestration_id for request in requests)))

    def _renew(self) -> None:
        entry = self._lifetime.renew(self.state, self.session_id, datetime.now(UTC))
        run_agent_coroutine(self._lifetime.enter(entry))

    def _store(self) -> None:
        """Store the session; if a result waits and no turn before it, go on with that."""
        pending = read_pending(self.state)
        is_free = pending is None or pending.is_decided or pending.is_expired(datetime.now(UTC))
        if is_free and has_results(self.state):
            self._send_myself("continue")
        self.persist_state()

    def _store_waiting(self) -> None:
        """Let a session live at least as long as its turn waits for a human."""
        pending = read_pending(self.state)
        if pending is not None:
            entry = self._lifetime.renew(self.state, self.session_id, datetime.now(UTC), at_least=pending.expires_at)
            run_agent_coroutine(self._lifetime.enter(entry))
            self._send_myself("ask")

    def _withdraw(self) -> None:
        """Have nobody asked any more about what the session has waited with."""
        pending, approvals = read_pending(self.state), self._approvals
        if pending is None or approvals is None:
            return
        for request in pending.open_requests:
            run_agent_coroutine(approvals.withdraw(self._hub, self._turns.name, self.session_id, request))

    def _send_myself(self, operation: str) -> None:
        entity = df.EntityId(self._context.entity_name, self._context.entity_key)
        run_agent_coroutine(self._hub.call(lambda client: client.signal_entity(entity, operation)))

    def _get_state_dict(self) -> dict[str, Any]:
        state = self._context.get_state()
        return read_times(state) if isinstance(state, dict) else {}

    def _set_state_dict(self, state: dict[str, Any]) -> None:
        self._context.set_state(state)

    def _get_session_id_from_entity(self) -> str:
        return str(self._context.entity_key)
