"""Try an activity again.

The retries of the SDK are not used. It gives the ids of their timers and attempts when a failure comes; the extension
schedules all actions of an answer one after the other, whatever event each is for. Next to other steps the two do not
agree, and a step gets the result of another. Here, pauses and attempts are actions like all others, and what lost a
race tries nothing again.
"""

from datetime import timedelta
from typing import Any

import azure.durable_functions as df
from pydantic import BaseModel

from durable_agents.orchestration.deadline import Deadline
from durable_agents.orchestration.steps import AnyOf, Steps


class Retry(BaseModel):
    """How often a step is tried in all, with a pause in between."""

    attempts: int = 3
    pause: timedelta = timedelta(seconds=5)


DEFAULT_RETRY = Retry()
"""What an activity gets that names no other: it reaches another system, and is safe to run twice."""


def attempt(context: df.DurableOrchestrationContext, activity: str, payload: Any, retry: Retry | None) -> Steps[Any]:
    """Return the result of an activity, or raise the error of its last attempt."""
    for _ in range(0 if retry is None else retry.attempts - 1):
        task: Any = context.call_activity(activity, payload)
        yield AnyOf((task,))
        if task.state.name != "FAILED":
            return task.result
        assert retry is not None
        yield from pause(context, retry.pause)
    return (yield context.call_activity(activity, payload))


def pause(context: df.DurableOrchestrationContext, duration: timedelta) -> Steps[None]:
    """Wait for so long; this ends no earlier, however early its timer fires."""
    with Deadline(context, context.current_utc_datetime + duration) as deadline:
        while not deadline.is_over:
            yield AnyOf(deadline.tasks())
