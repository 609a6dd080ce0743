"""Watch one turn of an agent: count its tokens and tool calls, keep it to its budget, notice when the model is silent.

The middleware sits around every single model call and every single tool call of the run.
"""

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from agent_framework import (
    ChatContext,
    ChatMiddleware,
    ChatResponse,
    FunctionInvocationContext,
    FunctionMiddleware,
    MiddlewareFailure,
)

from durable_agents.chat_clients.whole_answer import check_whole
from durable_agents.sessions.budget import RunBudget, Spent
from durable_agents.sessions.conversation import MODEL_CALLS, add_usage
from durable_agents.sessions.failure_log import log_tool_failure
from durable_agents.sessions.failures import Failure, TurnFailedError
from durable_agents.sessions.tool_results import trim_result
from durable_agents.sessions.tool_retries import call_with_retries

IDEMPOTENCY_KEY = "idempotency_key"
"""Where a tool finds the key of its call: in `metadata` of its `FunctionInvocationContext` parameter."""


class TurnMeter:
    """The counters of one turn, and the deadline that moves with every sign of life of the model.

    A turn that waited for a human goes on with what it has used in its `earlier` parts. `on_call` is told the name of
    the model before each call.
    """

    def __init__(
        self,
        budget: RunBudget,
        stall_seconds: float,
        earlier: Spent | None = None,
        on_call: Callable[[str], None] = lambda model: None,
    ) -> None:
        earlier = earlier or Spent()
        self.on_call = on_call
        self.budget = budget
        self.usage = dict(earlier.usage)
        self.tool_calls = earlier.tool_calls
        self._earlier_calls = earlier.tool_calls
        self._stall_seconds = stall_seconds
        self._started = asyncio.get_running_loop().time() - earlier.seconds
        self._running_tools = 0
        self._silence: asyncio.Timeout | None = None

    @property
    def elapsed_seconds(self) -> float:
        """The seconds the turn has taken, without those in which it waited for a human."""
        return asyncio.get_running_loop().time() - self._started

    @property
    def remaining_seconds(self) -> float | None:
        """The seconds the turn may still take, or None for no limit."""
        limit = self.budget.max_seconds
        return None if limit is None else max(limit - self.elapsed_seconds, 0.0)

    @property
    def spent(self) -> Spent:
        """What the turn has used, over all its parts."""
        return Spent(usage=self.usage, tool_calls=self.tool_calls, seconds=self.elapsed_seconds)

    @property
    def has_run_tools(self) -> bool:
        """Whether a tool was called in this part of the turn."""
        return self.tool_calls > self._earlier_calls

    @property
    def tokens(self) -> int:
        """The tokens read and written so far, as the provider has reported them."""
        usage = self.usage
        return usage.get("total_token_count") or usage.get("input_token_count", 0) + usage.get("output_token_count", 0)

    def begin_model_call(self) -> None:
        """Count a call of the model.

        Raises:
            TurnFailedError: The turn has used more tokens than it may.
        """
        self.check_tokens()
        self.usage = add_usage([self.usage, {MODEL_CALLS: 1}])

    def record(self, response: ChatResponse[Any]) -> None:
        """Count what one model call has used."""
        self.usage = add_usage([self.usage, response.usage_details or {}])

    def add(self, usage: Mapping[str, Any]) -> None:
        """Count what else the turn has used."""
        self.usage = add_usage([self.usage, usage])

    def check_tokens(self) -> None:
        """Let the turn go on.

        Raises:
            TurnFailedError: It has used more tokens than it may.
        """
        if self.budget.max_tokens is not None and self.tokens > self.budget.max_tokens:
            raise self.exceeded("max_tokens")

    def exceeded(self, limit: str) -> TurnFailedError:
        """Return the error that ends the turn because of this field of its budget."""
        used = {
            "tokens": self.tokens,
            "tool_calls": self.tool_calls,
            "seconds": round(self.elapsed_seconds, 3),
        }
        allowed = getattr(self.budget, limit)
        message = f"The run was ended because it exceeded its budget: {limit} is {allowed:g}."
        return TurnFailedError(Failure("budget_exceeded", message, used=used))

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[None]:
        """Expect signs of life of the model inside this block; the time in which tools run does not count.

        Raises:
            TimeoutError: There were none for too long.
        """
        async with asyncio.timeout(self._stall_seconds) as silence:
            self._silence = silence
            try:
                yield
            finally:
                self._silence = None

    def hear(self) -> None:
        """Note a sign of life of the model."""
        if self._running_tools == 0:
            self._expect_life(asyncio.get_running_loop().time() + self._stall_seconds)

    def begin_tool(self) -> None:
        """Count a tool call and stop waiting for the model while it lasts.

        Raises:
            TurnFailedError: The turn may not call another tool.
        """
        if self.budget.max_tool_calls is not None and self.tool_calls >= self.budget.max_tool_calls:
            raise self.exceeded("max_tool_calls")
        self.tool_calls += 1
        self._running_tools += 1
        self._expect_life(None)

    def end_tool(self) -> None:
        """Wait for the model again when the last of the tool calls has ended."""
        self._running_tools -= 1
        self.hear()

    def _expect_life(self, deadline: float | None) -> None:
        if self._silence is not None and not self._silence.expired():
            self._silence.reschedule(deadline)


class ModelCallMeter(ChatMiddleware):
    """Counts the model calls and the tokens of each, and makes none once the budget is used up.

    An answer that is not whole is paid for, and refused before a tool is called for it.
    """

    def __init__(self, meter: TurnMeter) -> None:
        self._meter = meter

    async def process(self, context: ChatContext, call_next: Callable[[], Awaitable[None]]) -> None:
        self._meter.begin_model_call()
        # As the framework's own spans have it: the option of the call, or what the client was made with.
        model = (context.options or {}).get("model") or getattr(context.client, "model", None)
        self._meter.on_call(str(model or "unknown"))
        context.stream_result_transforms.append(self._record)
        await call_next()

    def _record(self, response: ChatResponse[Any]) -> None:
        self._meter.record(response)
        check_whole(response)


class ToolCallMeter(FunctionMiddleware):
    """Counts tool calls, gives each its idempotency key, retries them by their policy, trims what they return.

    The key is made of the part of the run, the tool, its arguments and how often it was called with them in that part.
    It does not hold the id of the call, which the model makes up anew when a crash has it repeat the turn. A tool finds
    what is `provided` in the `metadata` of its context too.
    """

    def __init__(
        self, meter: TurnMeter, run: str, result_bytes: int, provided: Mapping[str, Any] | None = None
    ) -> None:
        self._meter = meter
        self._run = run
        self._result_bytes = result_bytes
        self._provided = dict(provided or {})
        self._calls: Counter[str] = Counter()

    async def process(self, context: FunctionInvocationContext, call_next: Callable[[], Awaitable[None]]) -> None:
        self._meter.check_tokens()
        self._meter.begin_tool()
        try:
            context.metadata.update(self._provided, **{IDEMPOTENCY_KEY: self._key(context)})
            await call_with_retries(context.function, call_next)
        except MiddlewareFailure:
            raise
        except Exception as error:
            agent, session_id, _ = self._run.split("/", 2)
            log_tool_failure(context.function.name, f"agent {agent}, session {session_id}", error)
            raise
        finally:
            self._meter.end_tool()
        context.result = trim_result(context.result, self._result_bytes)

    def _key(self, context: FunctionInvocationContext) -> str:
        call = json.dumps([self._run, context.function.name, context.arguments], sort_keys=True, default=str)
        self._calls[call] += 1
        return hashlib.sha256(f"{call}{self._calls[call]}".encode()).hexdigest()
