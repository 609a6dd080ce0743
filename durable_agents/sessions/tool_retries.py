"""Try a tool again when it fails for a passing reason that its author has named."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from agent_framework import FunctionTool
from pydantic import BaseModel, ConfigDict, Field

logger = logging.getLogger(__name__)

TOOL_RETRY = "retry"
"""The name in a tool's `additional_properties` under which it declares its policy: a mapping, see `ToolRetry`."""


class ToolRetry(BaseModel):
    """How a tool is tried again; it must be safe to run twice, with the idempotency key of its call.

    Attributes:
        on: The exceptions that are worth another attempt.
        attempts: How often it is called in all.
        delay_seconds: The time before the second attempt; it doubles from one to the next.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    on: tuple[type[Exception], ...]
    attempts: int = Field(default=3, ge=1, le=10)
    delay_seconds: float = Field(default=1.0, ge=0, le=60)

    @classmethod
    def of_tool(cls, tool: FunctionTool) -> "ToolRetry":
        """Return the policy a tool declares; without one it is called once.

        Raises:
            ValidationError: It declares something else.
        """
        declared = (tool.additional_properties or {}).get(TOOL_RETRY)
        return cls(on=(), attempts=1) if declared is None else cls.model_validate(declared)


async def call_with_retries(tool: FunctionTool, call: Callable[[], Awaitable[None]]) -> None:
    """Make the call, again after the exceptions that the tool's policy names.

    Raises:
        Exception: The last attempt failed, or one of them for another reason.
    """
    policy = ToolRetry.of_tool(tool)
    for attempt in range(1, policy.attempts):
        try:
            return await call()
        except policy.on as error:
            logger.warning("Tool %s: attempt %d failed, %s", tool.name, attempt, type(error).__name__)
        await asyncio.sleep(policy.delay_seconds * 2 ** (attempt - 1))
    return await call()
