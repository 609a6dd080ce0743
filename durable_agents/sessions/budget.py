"""What one run of an agent may use, and what it has used: tokens, tool calls, seconds."""

from typing import Any, Self

from agent_framework import SupportsAgentRun
from pydantic import BaseModel, ConfigDict, Field

AGENT_BUDGET = "budget"
"""The name in an agent's `additional_properties` under which it declares its own budget: a mapping."""


class Spent(BaseModel):
    """What a run has used so far; the time in which it waits for a human is not counted."""

    usage: dict[str, int] = Field(default_factory=dict)
    tool_calls: int = 0
    seconds: float = 0.0


class RunBudget(BaseModel):
    """The most that a run may use; None is no limit. Tokens are those read and written over all its model calls."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_tokens: int | None = Field(default=None, ge=1, strict=True)
    max_tool_calls: int | None = Field(default=None, ge=0, strict=True)
    max_seconds: float | None = Field(default=None, gt=0, le=86_400, strict=True)

    @classmethod
    def of_agent(cls, agent: SupportsAgentRun) -> Self:
        """Return the budget that an agent declares for each of its runs.

        Raises:
            ValidationError: It declares something else.
        """
        properties: dict[str, Any] = getattr(agent, "additional_properties", {})
        return cls.model_validate(properties.get(AGENT_BUDGET, {}))

    def tightened(self, other: "RunBudget") -> "RunBudget":
        """Return the budget that keeps to both: a request can narrow the budget of an agent, not widen it."""
        limits = {
            name: min((v for v in (getattr(self, name), getattr(other, name)) if v is not None), default=None)
            for name in RunBudget.model_fields
        }
        return RunBudget.model_validate(limits)
