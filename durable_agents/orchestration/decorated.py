"""What makes an orchestration by decorator, which is written with the context of the SDK, a run like all others.

Its generator is watched: what it yields says which events it waits for, which the custom status then shows, and which
agents have answered. All of that follows from the history, so a replay comes to the same.
"""

import json
from collections.abc import Callable, Generator, Iterator
from inspect import isgenerator
from typing import Any

import azure.durable_functions as df

from durable_agents.orchestration.ask import raise_if_failed

# The task hub takes 16 KB of UTF-16.
_MOST_CHARACTERS = 8_000
_AGENT = "@dafx-"


def watched(function: Callable[..., Any]) -> Callable[[df.DurableOrchestrationContext], Any]:
    """Return the orchestration as the SDK plays it.

    * `waiting_for` in the custom status names the event that it waits for, and `requests` all of them if they are more
      than one: where the orchestration sets no status of its own, or one that is an object without these members.
    * An agent that could not answer raises `AgentError` where its answer is waited for. The framework would hand on an
      answer without a text.
    """

    def run(context: df.DurableOrchestrationContext) -> Any:
        result = function(context)
        return _watch(context, result) if isgenerator(result) else result

    run.__name__, run.__qualname__ = function.__name__, function.__qualname__
    run.__module__, run.__doc__ = function.__module__, function.__doc__
    return run


def _watch(context: df.DurableOrchestrationContext, steps: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    status = _SharedStatus(context)
    resume: Callable[[], Any] = lambda: next(steps)  # noqa: E731  # what happens next, in each turn anew
    while True:
        try:
            task = resume()
        except StopIteration as end:
            status.show([])
            return end.value
        status.show(list(dict.fromkeys(_awaited_events(task))))
        try:
            result = yield task
            _raise_if_an_agent_failed(task)
        except Exception as error:
            resume = _throwing(steps, _reason(task, error))
        else:
            resume = _sending(steps, result)


def _sending(steps: Generator[Any, Any, Any], result: Any) -> Callable[[], Any]:
    return lambda: steps.send(result)


def _throwing(steps: Generator[Any, Any, Any], error: Exception) -> Callable[[], Any]:
    return lambda: steps.throw(error)


class _SharedStatus:
    """The custom status of a run: what its author sets, and beside it what the run waits for."""

    def __init__(self, context: df.DurableOrchestrationContext) -> None:
        self._context = context
        self._author: Any = None
        self._shown: Any = None

    def show(self, events: list[str]) -> None:
        """Show that the run waits for these events, if the status of its author leaves room for that."""
        current = self._context.custom_status
        if current is not self._shown:
            self._author = current
        status = self._merge(events)
        # What was shown before has to be taken back, and the SDK does not send a status that is empty.
        if status is None and self._shown is not None:
            status = {"waiting_for": None}
        if status is not None:
            self._context.set_custom_status(status)
        self._shown = status

    def _merge(self, events: list[str]) -> Any:
        author = {} if self._author is None else self._author
        if not events or not isinstance(author, dict) or {"waiting_for", "requests"} & author.keys():
            return self._author
        waits = [{"kind": "event", "event_name": name} for name in events]
        status = {**author, "waiting_for": waits[0], **({"requests": waits} if len(waits) > 1 else {})}
        return status if len(json.dumps(status)) <= _MOST_CHARACTERS else self._author


def _tasks_in(task: Any) -> Iterator[Any]:
    """Yield the task and all that it waits for."""
    yield task
    for child in getattr(task, "children", ()):
        yield from _tasks_in(child)


def _awaited_events(task: Any) -> Iterator[str]:
    """Yield the names of the events that this task waits for."""
    for one in _tasks_in(task):
        for action in _actions_of(one):
            if not one.is_completed and not hasattr(one, "children") and hasattr(action, "external_event_name"):
                yield action.external_event_name


def _actions_of(task: Any) -> list[Any]:
    actions = task.action_repr
    return actions if isinstance(actions, list) else [actions]


def _raise_if_an_agent_failed(task: Any) -> None:
    """Raise if an agent has ended in this task without an answer.

    Raises:
        AgentError: One has.
    """
    for one in _tasks_in(task):
        for action in _actions_of(one):
            session = str(getattr(action, "instance_id", ""))
            if one.is_completed and session.startswith(_AGENT) and isinstance(one.result, dict):
                raise_if_failed(session.removeprefix(_AGENT).partition("@")[0], one.result)


def _reason(task: Any, error: Exception) -> Exception:
    """Return why the task has failed: the package trips over an answer that has nothing but an error in it."""
    try:
        _raise_if_an_agent_failed(task)
    except Exception as reason:
        return reason
    return error
