"""One turn of an agent: a message goes in, and the session has one more answered or failed turn.

The model is called once for each step of the turn. A failure of the provider that will pass is tried again, but never
once a tool has run or a part of the answer has been shown for good: no tool runs twice and no text is shown twice.
"""

import asyncio
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from agent_framework import AgentResponse, AgentResponseUpdate, Message, ResponseStream
from agent_framework_durabletask import (
    AgentCallbackContext,
    AgentResponseCallbackProtocol,
    DurableAgentState,
    DurableAgentStateResponse,
    RunRequest,
)
from pydantic import BaseModel, ValidationError

from hosting.compaction import Summarize, compact
from hosting.conversation import (
    add_turn,
    failed_response,
    find_response,
    forget_failed_turns,
    replayable_messages,
    stored_bytes,
)
from hosting.mcp_tools import McpTools
from hosting.model_failures import Failure, TurnFailedError, describe_failure
from hosting.run_budget import RunBudget
from hosting.tool_results import trim_text
from hosting.turn_meter import ModelCallMeter, ToolCallMeter, TurnMeter
from settings import AgentSettings

logger = logging.getLogger(__name__)

STATE_LIMIT_BYTES = 900_000
"""What a session may have. The Durable Task Scheduler stores at most 1 MB of an entity, in an envelope of its own."""

_REFUSED_MESSAGE_BYTES = 200
_FIRST_DELAY_SECONDS = 1.0
_LONGEST_DELAY_SECONDS = 20.0


class StreamingAgent(Protocol):
    """What a turn needs of an agent; `agent_framework.Agent` is one."""

    def run(
        self, messages: list[Message], *, stream: Literal[True], options: Any, middleware: Sequence[Any]
    ) -> ResponseStream[AgentResponseUpdate, AgentResponse[Any]]:
        """Begin a run and return the stream of its updates."""
        ...


@runtime_checkable
class RestartableCallback(Protocol):
    """A response callback that can take back what it was shown of an answer."""

    async def on_restart(self, context: AgentCallbackContext) -> None:
        """Forget the updates of this run so far; the answer begins anew."""
        ...


@dataclass(frozen=True, slots=True)
class Turns:
    """How one agent takes its turns.

    Attributes:
        name: The agent's name.
        agent: What answers.
        settings: Retries, time-outs and sizes.
        budget: What each run of this agent may use at most.
        mcp: The tools it has from MCP servers.
        summarize: How its long sessions are summarised, or None where they cannot be.
        callback: What is shown each update as it comes and, once, the whole response or the failure; or None. One that
            is a `RestartableCallback` is also told when an attempt begins anew.
        default_format: The output model of a run that names none, or None for prose.
    """

    name: str
    agent: StreamingAgent
    settings: AgentSettings
    budget: RunBudget = field(default_factory=RunBudget)
    mcp: McpTools = field(default_factory=McpTools)
    summarize: Summarize | None = None
    callback: AgentResponseCallbackProtocol | None = None
    default_format: type[BaseModel] | None = None

    async def take(
        self, state: DurableAgentState, session_id: str, request: RunRequest, budget: RunBudget | None = None
    ) -> AgentResponse:
        """Answer the message and add the turn to the session; a failed turn is added as such and does not raise.

        A run that the session already holds is not repeated: its response is returned.
        """
        earlier = find_response(state, request.correlation_id)
        if earlier is not None:
            return DurableAgentStateResponse.to_run_response(earlier)
        meter = TurnMeter(self.budget.tightened(budget or RunBudget()), self.settings.stall_seconds)
        shown = _Shown(self.callback, AgentCallbackContext(self.name, request.correlation_id, session_id))
        try:
            await self._make_room(state)
            self._check_size(state, len(request.message.encode()))
            response = await self._answer(state, session_id, request, meter, shown)
            add_turn(state, request, response)
            self._check_size(state, 0)
        except Exception as error:
            logger.exception("Agent %s failed in session %s, run %s", self.name, session_id, request.correlation_id)
            response = failed_response(describe_failure(error))
            response.usage_details = meter.usage or None  # type: ignore[assignment]  # a TypedDict of the same counts
            _add_failed_turn(state, request, response)
        await shown.finish(response)
        return response

    async def _make_room(self, state: DurableAgentState) -> None:
        if self.summarize is not None:
            await compact(
                state,
                self.summarize,
                threshold_bytes=self.settings.compaction_bytes,
                keep_turns=self.settings.keep_turns,
                timeout_seconds=self.settings.stall_seconds,
            )

    def _check_size(self, state: DurableAgentState, more_bytes: int) -> None:
        size = stored_bytes(state) + more_bytes
        if size > STATE_LIMIT_BYTES:
            message = (
                f"The session would have {size} bytes, and at most {STATE_LIMIT_BYTES} can be stored. "
                "Reset or delete the session, or go on in a new one."
            )
            raise TurnFailedError(Failure("session_too_large", message))

    async def _answer(
        self, state: DurableAgentState, session_id: str, request: RunRequest, meter: TurnMeter, shown: "_Shown"
    ) -> AgentResponse:
        """Return the answer, within the budget and in the form that was asked for."""
        messages = replayable_messages(state.data.conversation_history)
        messages.append(Message(request.role, [request.message]))
        try:
            async with asyncio.timeout(meter.budget.max_seconds) as deadline:
                response = await self._try(messages, session_id, request, meter, shown)
        except TimeoutError:
            if deadline.expired():
                raise meter.exceeded("max_seconds") from None
            raise
        meter.check_tokens()
        _check_ended(response)
        _check_form(response, request.response_format or self.default_format)
        return response

    async def _try(
        self, messages: list[Message], session_id: str, request: RunRequest, meter: TurnMeter, shown: "_Shown"
    ) -> AgentResponse:
        """Run the agent, again after a passing failure as long as nothing has happened yet that must not happen twice.

        Raises:
            Exception: The last attempt failed.
        """
        attempt = 1
        while True:
            try:
                return await self._attempt(messages, session_id, request, meter, shown)
            except Exception as error:
                delay = self._delay(describe_failure(error), attempt, meter, shown)
                if delay is None:
                    raise
                logger.warning("Agent %s, session %s: attempt %d failed", self.name, session_id, attempt, exc_info=True)
            await shown.restart()
            await asyncio.sleep(delay)
            attempt += 1

    async def _attempt(
        self, messages: list[Message], session_id: str, request: RunRequest, meter: TurnMeter, shown: "_Shown"
    ) -> AgentResponse:
        run = f"{self.name}/{session_id}/{request.correlation_id}"
        middleware = [ModelCallMeter(meter), ToolCallMeter(meter, run, self.settings.tool_result_bytes)]
        mcp = self.mcp if request.enable_tool_calls else McpTools()
        async with mcp.connect() as tools:
            options = _options(request) | ({"tools": tools} if tools else {})
            stream = self.agent.run(messages, stream=True, options=options, middleware=middleware)
            # The stream is closed when an attempt fails, so that nothing goes on behind the next one.
            async with meter.listen(), stream:
                async for update in stream:
                    meter.hear()
                    await shown.show(update)
                return await stream.get_final_response()

    def _delay(self, failure: Failure, attempt: int, meter: TurnMeter, shown: "_Shown") -> float | None:
        """Return the seconds to wait before the next attempt, or None if there is none."""
        if not failure.retryable or attempt >= self.settings.retry_attempts or meter.tool_calls or shown.for_good:
            return None
        delay = failure.retry_after_seconds
        if delay is None:
            delay = min(_FIRST_DELAY_SECONDS * 2 ** (attempt - 1), _LONGEST_DELAY_SECONDS) * random.uniform(0.5, 1)
        return delay if meter.elapsed_seconds + delay <= self.settings.retry_seconds else None


class _Shown:
    """Passes each update to the callback once, and knows whether any text was among them."""

    def __init__(self, callback: AgentResponseCallbackProtocol | None, context: AgentCallbackContext) -> None:
        self._text = False
        self._callback = callback
        self._context = context

    @property
    def for_good(self) -> bool:
        """Whether a part of the answer was shown that cannot be taken back."""
        return self._text and not isinstance(self._callback, RestartableCallback)

    async def show(self, update: AgentResponseUpdate) -> None:
        if self._callback is not None:
            self._text = self._text or bool(update.contents)
            await self._call(self._callback.on_streaming_response_update(update, self._context))

    async def restart(self) -> None:
        if self._text and isinstance(self._callback, RestartableCallback):
            self._text = False
            await self._call(self._callback.on_restart(self._context))

    async def finish(self, response: AgentResponse) -> None:
        if self._callback is not None:
            await self._call(self._callback.on_agent_response(response, self._context))

    async def _call(self, call: Any) -> None:
        try:
            await call
        except Exception:
            # A stream that cannot be written must not cost the answer, which is still stored with the session.
            logger.warning("Run %s: the response callback failed", self._context.correlation_id, exc_info=True)


def _options(request: RunRequest) -> dict[str, Any]:
    options = dict(request.options)
    if request.response_format is not None:
        options["response_format"] = request.response_format
    if not request.enable_tool_calls:
        options["tool_choice"] = "none"
    return options


def _check_ended(response: AgentResponse) -> None:
    """Refuse a response that waits for a human, for there is no way yet to give it a decision."""
    contents = (content for message in response.messages for content in message.contents)
    if any(content.type == "function_approval_request" for content in contents):
        message = "The agent wants to call a tool that a human has to approve first, which is not possible here."
        raise TurnFailedError(Failure("approval_required", message))


def _check_form(response: AgentResponse, output_model: type[BaseModel] | None) -> None:
    if output_model is None:
        return
    try:
        output_model.model_validate_json(response.text)
    except ValidationError as error:
        message = f"The model's answer is not a valid {output_model.__name__}."
        raise TurnFailedError(Failure("invalid_answer", message, retryable=True)) from error


def _add_failed_turn(state: DurableAgentState, request: RunRequest, response: AgentResponse) -> None:
    """Add the turn in the place of an answer that was too large, and keep the message only if there is room for it."""
    history = state.data.conversation_history
    state.data.conversation_history = [e for e in history if e.correlation_id != request.correlation_id]
    if stored_bytes(state) + len(request.message) > STATE_LIMIT_BYTES:
        shortened = trim_text(request.message, _REFUSED_MESSAGE_BYTES)
        request = RunRequest.from_dict({**request.to_dict(), "message": shortened})
    if stored_bytes(state) > STATE_LIMIT_BYTES:
        forget_failed_turns(state)
    add_turn(state, request, response)
