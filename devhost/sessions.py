"""Extended sessions: an orchestrator stays alive between turns and is given only its new events.

Azure replays a Python orchestrator from its first event on every turn, so a step costs more the longer a run has lived.
Here the SDK's own executor, with the user's generator in it, is kept, and a step costs the same at step 10 and at step
400. The history in the task hub stays the truth: a session may be dropped at any time, and replay builds it anew.

The only module that drives the SDK's executor (azure-functions-durable 1.7.0); `Mode.REPLAY` does without it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import replace
from enum import Enum
from typing import Any

from azure.durable_functions.models import DurableOrchestrationContext
from azure.durable_functions.models.actions.CompoundAction import CompoundAction
from azure.durable_functions.models.actions.CreateTimerAction import CreateTimerAction
from azure.durable_functions.models.actions.WaitForExternalEventAction import WaitForExternalEventAction
from azure.durable_functions.models.history.HistoryEvent import HistoryEvent
from azure.durable_functions.models.TaskOrchestrationExecutor import TaskOrchestrationExecutor

from devhost.protocol.answer import Action, ActionType, Answer, parse_answer, parse_failure
from devhost.protocol.history import Event

# To be copied: a new one makes a class of its own, which takes a fifth of a millisecond.
_EXECUTOR: Any = TaskOrchestrationExecutor()  # type: ignore[no-untyped-call]  # the SDK has no types here


class Mode(Enum):
    """How orchestrators are run."""

    REPLAY = "replay"
    """From the first event on every turn, as on Azure."""

    LIVE = "live"
    """Kept alive between turns; replayed on every turn too in the first runs of each orchestration."""

    VERIFY = "verify"
    """Kept alive, and replayed on every turn too: both must answer the same."""


class ReplayDiffersError(Exception):
    """An orchestrator answered differently when it was replayed: it is not deterministic."""


class Session:
    """One live orchestrator. Used by one turn at a time, from whichever thread runs it."""

    def __init__(self, handle: Any, request: str) -> None:
        self._context = DurableOrchestrationContext.from_json(request)
        self._context._input_expected_type = getattr(handle, "_df_input_type", None)
        self._function = handle.orchestrator_function
        self._executor = copy(_EXECUTOR)
        self._executor.initialize()
        self._answered = 0
        self._tasks = 0
        self._timers: dict[int, CreateTimerAction] = {}

    def begin(self) -> Answer:
        """Play the whole history and answer with all actions."""
        try:
            text = self._executor.execute(self._context, self._context.histories, self._function)
            answer = parse_answer(text)
        except Exception as ex:  # how the SDK reports the failure of an orchestrator
            answer = parse_failure(f"{type(ex).__name__}: {ex}", raised=ex)
        self._note_answered()
        return answer

    def go_on(self, events: Iterable[Event]) -> Answer:
        """Process new events and answer with the new actions alone."""
        for fields in events:
            if self._executor.has_execution_completed:
                break
            event = HistoryEvent(**fields, IsPlayed=False)
            self._context._histories.append(event)
            self._executor.process_event(event)
        canceled = frozenset(n for n, timer in self._timers.items() if timer.is_cancelled)
        for n in canceled:
            del self._timers[n]
        actions = self._context._action_payload_v2
        self._context._action_payload_v2 = actions[self._answered :]
        try:
            answer = parse_answer(self._executor.get_orchestrator_state_str(), canceled)
        except Exception as ex:  # how the SDK reports the failure of an orchestrator
            answer = parse_failure(f"{type(ex).__name__}: {ex}", canceled, ex)
        finally:
            self._context._action_payload_v2 = actions
        self._note_answered()
        return answer

    def _note_answered(self) -> None:
        """Remember how far the actions are answered, and the timers not canceled, by the places of their tasks."""
        actions = self._context._action_payload_v2
        for leaf in _leaves(actions[self._answered :]):
            if isinstance(leaf, WaitForExternalEventAction):
                continue
            if isinstance(leaf, CreateTimerAction) and not leaf.is_cancelled:
                self._timers[self._tasks] = leaf
            self._tasks += 1
        self._answered = len(actions)


def check_same(orchestrator: str, live: Answer, replayed: Answer) -> None:
    """Compare what a session answered with what a replay answers, inputs included.

    Azure uses an input once, the first that it was given. A clock or a random number in it goes unnoticed there, until
    the host dies between two steps that should have got the same value.

    Raises:
        ReplayDiffersError: They are not the same.
    """
    if live.is_tail:
        new = len(live.actions)
        actions = tuple(replayed.actions[len(replayed.actions) - new :]) if new else ()
        replayed = replace(replayed, actions=actions)
    seen, again = _comparable(live), _comparable(replayed)
    if seen != again:
        raise ReplayDiffersError(
            f"The orchestrator '{orchestrator}' is not deterministic: it answered {seen}, and {again} when it was "
            "replayed. Take time, randomness and everything from outside from the context, an activity or the input."
        )


def _comparable(answer: Answer) -> tuple[Any, ...]:
    actions = tuple(_without_time_of_request(action) for action in answer.actions)
    return answer.is_done, answer.error, answer.output, answer.custom_status, actions


def _without_time_of_request(action: Action) -> Action:
    """Leave out when an agent was asked, which Microsoft's package takes from the machine's clock."""
    if action.children:
        return replace(action, children=tuple(_without_time_of_request(child) for child in action.children))
    if action.kind not in (ActionType.CALL_ENTITY, ActionType.SIGNAL_ENTITY) or not action.input:
        return action
    request = json.loads(action.input)
    if not isinstance(request, dict):
        return action
    return replace(action, input=json.dumps({name: one for name, one in request.items() if name != "created_at"}))


def _leaves(actions: Iterable[Any]) -> Iterator[Any]:
    for action in actions:
        if isinstance(action, CompoundAction):
            yield from _leaves(action.compound_tasks)
        else:
            yield action
