"""Count the runs that end, for the operator."""

import functools
from collections.abc import Callable, Generator
from inspect import isgenerator
from typing import Any

import azure.durable_functions as df
from opentelemetry import metrics

_ended = metrics.get_meter("durable_agents").create_counter(
    "durable_agents.runs.ended", "{run}", "Runs that completed or failed, by orchestration."
)


def counted_at_end(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Return the orchestration, a generator that has no step of its own, counted when it completes or fails.

    A replay counts nothing; a crash between the last step and its storage counts the run twice. One that begins anew
    has not ended, and one that is terminated is not told of it.
    """

    @functools.wraps(function)
    def run(context: df.DurableOrchestrationContext, **dependencies: Any) -> Generator[Any, Any, Any]:
        try:
            output = function(context, **dependencies)
            if isgenerator(output):
                output = yield from output
        except Exception:
            _count(context, name, "Failed")
            raise
        if not context.will_continue_as_new:
            _count(context, name, "Completed")
        return output

    return run


def _count(context: df.DurableOrchestrationContext, name: str, state: str) -> None:
    if not context.is_replaying:
        _ended.add(1, {"orchestration": name, "state": state})
