"""One turn of an agent: a message goes in, and the session has one more answered or failed turn.

A turn whose tools a human has to approve ends its segment and waits in the session; decided, it goes on in another.

The model is called once for each step of the turn. A failure of the provider that will pass is tried again, but never
once a tool has run or a part of the answer has been shown for good: no tool runs twice and no text is shown twice.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol

from agent_framework import AgentResponse, AgentResponseUpdate, Message, ResponseStream
from agent_framework_durabletask import (
    AgentCallbackContext,
    AgentResponseCallbackProtocol,
    DurableAgentState,
    DurableAgentStateResponse,
    RunRequest,
)
from pydantic import BaseModel

from durable_agents.limits import TurnLimits
from durable_agents.sessions.budget import RunBudget
from durable_agents.sessions.compaction import Summarize, compact
from durable_agents.sessions.conversation import (
    add_turn,
    failed_response,
    find_response,
    replayable_messages,
)
from durable_agents.sessions.correlation import run_key
from durable_agents.sessions.failure_log import log_failure
from durable_agents.sessions.failures import Failure, describe_failure
from durable_agents.sessions.mcp import McpTools
from durable_agents.sessions.meter import ModelCallMeter, ToolCallMeter, TurnMeter
from durable_agents.sessions.pending import (
    APPROVAL_EXPIRED,
    APPROVAL_PENDING,
    end_pending,
    find_waiting_calls,
    keep_pending,
    next_segment,
    park,
    read_pending,
)
from durable_agents.sessions.room import add_failed_turn, check_room
from durable_agents.sessions.run_results import CHAIN
from durable_agents.sessions.segment import Segment
from durable_agents.sessions.turn_span import TurnSpan, turn_span
from durable_agents.sessions.update_forwarder import UpdateForwarder

_FIRST_DELAY_SECONDS = 1.0
_LONGEST_DELAY_SECONDS = 20.0


class StreamingAgent(Protocol):
    """What a turn needs of an agent; `agent_framework.Agent` is one."""

    def run(
        self, messages: list[Message], *, stream: Literal[True], options: Any, middleware: Sequence[Any]
    ) -> ResponseStream[AgentResponseUpdate, AgentResponse[Any]]:
        """Begin a run and return the stream of its updates."""
        ...


@dataclass(frozen=True, slots=True)
class Turns:
    """How one agent takes its turns.

    Attributes:
        name: The agent's name.
        agent: What answers.
        limits: Retries, time-outs and sizes.
        budget: What each run of this agent may use at most.
        mcp: The tools it has from MCP servers.
        summarize: How its long sessions are summarised, or None where they cannot be.
        callback: What is shown each update as it comes and, once, the whole response or the failure; or None. One that
            is a `RestartableCallback` is also told when an attempt begins anew.
        default_format: The output model of a run that names none, or None for prose.
        free_tools: The names of the tools that run without asking a human.
        now: The time in UTC.
    """

    name: str
    agent: StreamingAgent
    limits: TurnLimits = field(default_factory=TurnLimits)
    budget: RunBudget = field(default_factory=RunBudget)
    mcp: McpTools = field(default_factory=McpTools)
    summarize: Summarize | None = None
    callback: AgentResponseCallbackProtocol | None = None
    default_format: type[BaseModel] | None = None
    free_tools: frozenset[str] = frozenset()
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def run(
        self,
        state: DurableAgentState,
        session_id: str,
        request: RunRequest,
        budget: RunBudget | None = None,
        provided: Mapping[str, Any] | None = None,
        chain: int = 0,
    ) -> AgentResponse:
        """Answer the message and add the turn to the session; a failed turn is added as such and does not raise.

        A run that the session already holds is not repeated: its response is returned. While an earlier turn waits for
        a human, the message fails with `approval_pending`. Tools find what is `provided` in their context, and the
        `chain` of runs that has led to the message.
        """
        earlier = find_response(state, request.correlation_id)
        if earlier is not None:
            return DurableAgentStateResponse.to_run_response(earlier)
        await self.resume(state, session_id, provided)
        pending = read_pending(state)
        if pending is not None and run_key(pending.correlation_id) == run_key(request.correlation_id):
            return pending.response
        if pending is not None:
            return await self._refuse(state, session_id, request, APPROVAL_PENDING, {})
        segment = Segment(request, budget or RunBudget(), provided=provided or {}, chain=chain)
        return await self._work(state, session_id, segment)

    async def resume(
        self, state: DurableAgentState, session_id: str, provided: Mapping[str, Any] | None = None
    ) -> AgentResponse | None:
        """Go on with the turn the session waits with if all is decided, and end it if nobody decided in time.

        Without such a turn nothing happens, so this may be repeated.
        """
        pending = read_pending(state)
        if pending is None:
            return None
        if pending.is_expired(self.now()):
            end_pending(state)
            request = RunRequest.from_dict(pending.request)
            return await self._refuse(state, session_id, request, APPROVAL_EXPIRED, pending.spent.usage)
        if not pending.is_decided:
            return None
        end_pending(state)
        return await self._work(state, session_id, next_segment(pending, provided or {}))

    async def _work(self, state: DurableAgentState, session_id: str, segment: Segment) -> AgentResponse:
        """Bring the turn to its end, or to where it waits; either is added to the session, and has its span."""
        with turn_span(self.name, session_id, segment.request, segment.number) as span:
            budget = self.budget.tightened(segment.budget)
            meter = TurnMeter(budget, self.limits.stall_seconds, segment.spent, span.call_model)
            response = await self._take(state, session_id, segment, meter, span)
            span.use(segment.spent, meter.spent)
            span.end(response, waits=read_pending(state) is not None)
        return response

    async def _refuse(
        self, state: DurableAgentState, session_id: str, request: RunRequest, failure: Failure, usage: Mapping[str, int]
    ) -> AgentResponse:
        """End a turn as failed without any work on it."""
        with turn_span(self.name, session_id, request) as span:
            response = await self._fail(state, session_id, request, failure, usage)
            span.end(response, waits=False)
        return response

    async def _take(
        self, state: DurableAgentState, session_id: str, segment: Segment, meter: TurnMeter, span: TurnSpan
    ) -> AgentResponse:
        request, shown = segment.request, self._shown(session_id, segment.request)
        try:
            if segment.number == 1:
                await self._make_room(state, meter)
                check_room(state, request)
            response = await self._answer(state, session_id, segment, meter, shown, span)
            if find_waiting_calls(response):
                return self._wait(state, segment, response, meter)
            response = segment.complete(response, meter.usage)
            segment.check_form(response, self.default_format)
            add_turn(state, request, response)
            check_room(state)
        except Exception as error:
            what = f"Agent {self.name}, session {session_id}: run {request.correlation_id}"
            log_failure(logging.ERROR, what, error)
            end_pending(state)
            return await self._fail(state, session_id, request, describe_failure(error), meter.usage)
        await shown.finish(response)
        return response

    async def _fail(
        self, state: DurableAgentState, session_id: str, request: RunRequest, failure: Failure, usage: Mapping[str, int]
    ) -> AgentResponse:
        """Add the turn as a failed one and return the response that says so."""
        response = failed_response(failure)
        response.usage_details = dict(usage) or None  # type: ignore[assignment]  # a TypedDict of the same counts
        add_failed_turn(state, request, response)
        await self._shown(session_id, request).finish(response)
        return response

    def _shown(self, session_id: str, request: RunRequest) -> UpdateForwarder:
        return UpdateForwarder(self.callback, AgentCallbackContext(self.name, request.correlation_id, session_id))

    def _wait(
        self, state: DurableAgentState, segment: Segment, response: AgentResponse, meter: TurnMeter
    ) -> AgentResponse:
        expires_at = self.now() + timedelta(hours=self.limits.approval_hours)
        pending = park(segment, response, self.free_tools, meter.spent, expires_at)
        keep_pending(state, pending)
        check_room(state, decisions=len(pending.requests))
        return pending.response

    async def _make_room(self, state: DurableAgentState, meter: TurnMeter) -> None:
        """Have the session summarised if it is too long: in half of the turn's time at most, and at its cost."""
        if self.summarize is None:
            return
        stall, remaining = self.limits.stall_seconds, meter.remaining_seconds
        used = await compact(
            state,
            self.summarize,
            threshold_bytes=self.limits.compaction_bytes,
            keep_turns=self.limits.keep_turns,
            timeout_seconds=stall if remaining is None else min(stall, remaining / 2),
        )
        meter.add(used)

    async def _answer(
        self,
        state: DurableAgentState,
        session_id: str,
        segment: Segment,
        meter: TurnMeter,
        shown: UpdateForwarder,
        span: TurnSpan,
    ) -> AgentResponse:
        """Return what the agent answers within the budget; it may end with tool calls that need an approval."""
        messages = [*replayable_messages(state.data.conversation_history), *segment.messages]
        try:
            async with asyncio.timeout(meter.remaining_seconds) as deadline:
                response = await self._try(messages, session_id, segment, meter, shown, span)
        except TimeoutError:
            if deadline.expired():
                raise meter.exceeded("max_seconds") from None
            raise
        meter.check_tokens()
        return response

    async def _try(
        self,
        messages: list[Message],
        session_id: str,
        segment: Segment,
        meter: TurnMeter,
        shown: UpdateForwarder,
        span: TurnSpan,
    ) -> AgentResponse:
        """Run the agent, again after a passing failure as long as nothing has happened yet that must not happen twice.

        Raises:
            Exception: The last attempt failed.
        """
        attempt = 1
        while True:
            span.begin_attempt()
            try:
                return await self._attempt(messages, session_id, segment, meter, shown)
            except Exception as error:
                failure = describe_failure(error)
                span.fail_attempt(failure)
                delay = self._delay(failure, attempt, meter, shown)
                if delay is None:
                    raise
                log_failure(logging.WARNING, f"Agent {self.name}, session {session_id}: attempt {attempt}", error)
            await shown.restart()
            await asyncio.sleep(delay)
            attempt += 1

    async def _attempt(
        self, messages: list[Message], session_id: str, segment: Segment, meter: TurnMeter, shown: UpdateForwarder
    ) -> AgentResponse:
        key, limit = f"{self.name}/{session_id}/{segment.key}", self.limits.tool_result_bytes
        provided = {**segment.provided, CHAIN: segment.chain}
        middleware = [ModelCallMeter(meter), ToolCallMeter(meter, key, limit, provided)]
        mcp = self.mcp if segment.request.enable_tool_calls else McpTools()
        async with mcp.connect() as tools:
            options = segment.options | ({"tools": tools} if tools else {})
            stream = self.agent.run(messages, stream=True, options=options, middleware=middleware)
            # The stream is closed when an attempt fails, so that nothing goes on behind the next one.
            async with meter.listen(), stream:
                async for update in stream:
                    meter.hear()
                    await shown.show(update)
                return await stream.get_final_response()

    def _delay(self, failure: Failure, attempt: int, meter: TurnMeter, shown: UpdateForwarder) -> float | None:
        """Return the seconds to wait before the next attempt, or None if there is none."""
        if not failure.retryable or attempt >= self.limits.retry_attempts or meter.has_run_tools or shown.for_good:
            return None
        delay = failure.retry_after_seconds
        if delay is None:
            delay = min(_FIRST_DELAY_SECONDS * 2 ** (attempt - 1), _LONGEST_DELAY_SECONDS) * random.uniform(0.5, 1)
        return delay if meter.elapsed_seconds + delay <= self.limits.retry_seconds else None
