"""What a run uses and may use: model calls and tokens, of its agents and of its children.

All is read from answers in the history, so a replay comes to the same. What lost a race is counted once its answer has
come; what nobody ever hears of is not: an answer that comes after the end, and a child that was cancelled.
"""

import functools
import re
from collections.abc import Callable, Generator
from typing import Any, Self

import azure.durable_functions as df
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from durable_agents.sessions.conversation import MODEL_CALLS

ALLOWANCE_FIELD = "_allowance"
"""The field of a stored input with the `Allowance` of its run; no orchestration reads it."""

_TRAILER = re.compile(r"\[usage (\{[^{}]*\})\]")


class Usage(BaseModel):
    """What a run has used, with its children, as the answers of its agents say."""

    model_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0

    @property
    def tokens(self) -> int:
        """The tokens read and written."""
        return self.input_tokens + self.output_tokens

    def plus(self, other: "Usage") -> "Usage":
        """Return both together."""
        return Usage(
            model_calls=self.model_calls + other.model_calls,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
        )


class Budget(BaseModel):
    """The most that a run may use, with its children; None is no limit. `tokens` are those read and written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tokens: int | None = Field(default=None, ge=0)
    model_calls: int | None = Field(default=None, ge=0)

    def left(self, used: Usage) -> "Budget":
        """Return what of it is not used yet."""
        return Budget(
            tokens=None if self.tokens is None else max(self.tokens - used.tokens, 0),
            model_calls=None if self.model_calls is None else max(self.model_calls - used.model_calls, 0),
        )

    def tightened(self, other: "Budget") -> "Budget":
        """Return the budget that keeps to both."""
        limits = {
            name: min((v for v in (getattr(self, name), getattr(other, name)) if v is not None), default=None)
            for name in Budget.model_fields
        }
        return Budget(**limits)

    def check(self, used: Usage) -> None:
        """Let a run go on.

        Raises:
            BudgetError: Nothing of a limit is left.
        """
        left = self.left(used)
        if 0 in (left.tokens, left.model_calls):
            raise BudgetError(used, self)


class BudgetError(Exception):
    """A run may ask no agent any more: its budget is used up. Catch it to give what there is.

    Attributes:
        used: What the run has used, with its children.
        allowed: What it may use.
    """

    def __init__(self, used: Usage, allowed: Budget) -> None:
        limits = {"tokens": allowed.tokens, "model calls": allowed.model_calls}
        may = " and ".join(f"{limit} {name}" for name, limit in limits.items() if limit is not None)
        super().__init__(
            f"The budget of the run is used up: it has used {used.tokens} tokens in {used.model_calls} model calls, "
            f"and may use {may}."
        )
        self.used = used
        self.allowed = allowed


class Allowance(BaseModel):
    """What stands in the input of a run: its budget, and what it had used before it began anew.

    `is_counted` says that the run is a child whose parent wants to know what it uses.
    """

    budget: Budget = Budget()
    used: Usage = Usage()
    is_counted: bool = False


class ChildEnd(BaseModel):
    """What a child that is counted completes with."""

    model_config = ConfigDict(extra="forbid")

    child_output: Any
    child_usage: Usage

    @classmethod
    def read(cls, result: object) -> Self:
        """Return what a child has completed with; one that is not counted has used nothing that is known."""
        try:
            return cls.model_validate(result)
        except ValidationError:
            return cls(child_output=result, child_usage=Usage())


def counting_end(orchestration: Callable[..., Any]) -> Callable[..., Any]:
    """Return the orchestration that tells its parent what it has used, if it is a child that is counted.

    It completes with a `ChildEnd`, or fails with an error of which callers see the first line and the parent the last.
    """

    @functools.wraps(orchestration)
    def run(context: df.DurableOrchestrationContext, **dependencies: Any) -> Generator[Any, Any, Any]:
        stored = context.get_input()
        stated = stored.get(ALLOWANCE_FIELD) if isinstance(stored, dict) else None
        is_counted = Allowance.model_validate(stated or {}).is_counted
        try:
            output = yield from orchestration(context, **dependencies)
        except Exception as error:
            usage = read_usage(context.custom_status)
            if not is_counted or usage is None:
                raise
            raise Exception(f"{error}\n[usage {usage.model_dump_json()}]") from error
        if not is_counted or context.will_continue_as_new:
            return output
        end = ChildEnd(child_output=output, child_usage=read_usage(context.custom_status) or Usage())
        return end.model_dump(mode="json")

    return run


def read_usage(custom_status: object) -> Usage | None:
    """Return what a run has used according to its custom status, or None if that does not say."""
    shown = custom_status.get("usage") if isinstance(custom_status, dict) else None
    try:
        return None if shown is None else Usage.model_validate(shown)
    except ValidationError:
        return None


class Spending:
    """Counts what a run uses, and keeps it to its budget."""

    def __init__(self, allowance: Allowance) -> None:
        self.budget = allowance.budget
        self._used = allowance.used
        self._open: list[Any] = []

    def watch(self, task: Any) -> None:
        """Count what the task says when it has ended: the call of an agent's entity, or a child."""
        self._open.append(task)

    def used(self) -> Usage:
        """Return what was used up to now."""
        ended = [task for task in self._open if task.is_completed]
        for task in ended:
            self._open.remove(task)
            self._used = self._used.plus(_usage_in(task.result))
        return self._used

    def check(self) -> None:
        """Let an agent be asked.

        Raises:
            BudgetError: The budget is used up.
        """
        self.budget.check(self.used())


def _usage_in(result: object) -> Usage:
    if isinstance(result, Exception):
        said = _TRAILER.findall(str(result))
        return Usage.model_validate_json(said[-1]) if said else Usage()
    if isinstance(result, dict) and "messages" in result:
        details = result.get("usage_details") or {}
        return Usage(
            model_calls=details.get(MODEL_CALLS) or 0,
            input_tokens=details.get("input_token_count") or 0,
            output_tokens=details.get("output_token_count") or 0,
        )
    return ChildEnd.read(result).child_usage
