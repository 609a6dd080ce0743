"""What an orchestrator answers: the actions it asks for, its output, custom status or error.

The SDK returns one JSON text a turn, with all actions since the execution began, or raises an exception whose text
carries the same JSON behind a label.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any

from devhost.protocol.json_text import compact

_LABEL = "\n\n$OutOfProcData$:"


class ProtocolError(Exception):
    """The worker's answer is not one this host understands."""


class ActionType(IntEnum):
    """The SDK's numbers for its actions."""

    CALL_ACTIVITY = 0
    CALL_ACTIVITY_WITH_RETRY = 1
    CALL_SUB_ORCHESTRATOR = 2
    CALL_SUB_ORCHESTRATOR_WITH_RETRY = 3
    CONTINUE_AS_NEW = 4
    CREATE_TIMER = 5
    WAIT_FOR_EXTERNAL_EVENT = 6
    CALL_ENTITY = 7
    CALL_HTTP = 8
    SIGNAL_ENTITY = 9
    WHEN_ANY = 11
    WHEN_ALL = 12


@dataclass(frozen=True, slots=True)
class Retry:
    """A retry policy: milliseconds between attempts, and how many attempts there may be."""

    interval_ms: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Action:
    """One action; which fields are set depends on its type.

    `name` is the function, event or operation; `target` the instance or entity id; `input` the text the SDK made of the
    input, itself JSON.
    """

    kind: ActionType
    name: str = ""
    target: str | None = None
    input: str | None = None
    fire_at: str = ""
    canceled: bool = False
    retry: Retry | None = None
    http: dict[str, Any] | None = None
    children: tuple[Action, ...] = ()

    def leaves(self) -> Iterator[Action]:
        """Yield the actions below, depth first, or the action itself."""
        if self.kind in (ActionType.WHEN_ALL, ActionType.WHEN_ANY):
            for child in self.children:
                yield from child.leaves()
        else:
            yield self


@dataclass(frozen=True, slots=True)
class Answer:
    """One turn's answer. `output` and `custom_status` are JSON texts; None is JSON null.

    `is_known` is False when the worker failed outside the SDK's executor, so that the actions are not known. With
    `canceled` the actions are only those that the answer before had not; it has the places, among all tasks asked for,
    of timers canceled since. `cause` is the exception that an error is of, for the log.
    """

    is_done: bool
    actions: tuple[Action, ...] = ()
    output: str | None = None
    custom_status: str | None = None
    error: str | None = None
    is_known: bool = True
    canceled: frozenset[int] | None = None
    cause: BaseException | None = field(default=None, compare=False)

    @property
    def is_tail(self) -> bool:
        """Whether the answers before it belong to it."""
        return self.canceled is not None


def parse_answer(text: str, canceled: frozenset[int] | None = None) -> Answer:
    """Read the JSON text an orchestrator returned; `canceled` is for a session's, which has the new actions only.

    Raises:
        ProtocolError: The text is not an answer of replay schema 2 or 3.
    """
    try:
        state = json.loads(text)
        batches = state["actions"]
        if len(batches) > 1:
            raise ProtocolError(
                f"The orchestrator answered in replay schema 1, with {len(batches)} batches of actions."
            )
        return Answer(
            is_done=bool(state["isDone"]),
            actions=tuple(_action(raw) for raw in (batches[0] if batches else [])),
            output=_text(state.get("output")),
            custom_status=_text(state.get("customStatus")),
            error=state.get("error"),
            canceled=canceled,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as ex:
        raise ProtocolError(f"The orchestrator's answer cannot be read ({type(ex).__name__}: {ex}).") from ex


def parse_failure(text: str, canceled: frozenset[int] | None = None, raised: BaseException | None = None) -> Answer:
    """Read the text of an exception that an orchestrator `raised`; `canceled` is as for `parse_answer`.

    Where the SDK has raised it, its cause is what the orchestrator did.

    The last label counts: the text before it is the user's, and may hold a label of its own.

    Raises:
        ProtocolError: What follows the label is not an answer.
    """
    message, label, state = text.rpartition(_LABEL)
    if not label:
        return Answer(is_done=False, error=text, is_known=False, canceled=canceled, cause=raised)
    answer = parse_answer(state, canceled)
    if answer.error is None:
        raise ProtocolError(f"The orchestrator failed without saying why: {message!r}.")
    return replace(answer, cause=raised and raised.__cause__)


def _text(value: Any) -> str | None:
    return None if value is None else compact(value)


def _action(raw: dict[str, Any]) -> Action:
    kind = ActionType(raw["actionType"])
    match kind:
        case ActionType.WHEN_ALL | ActionType.WHEN_ANY:
            return Action(kind, children=tuple(_action(child) for child in raw["compoundActions"]))
        case ActionType.CALL_ACTIVITY | ActionType.CALL_ACTIVITY_WITH_RETRY:
            return Action(kind, raw["functionName"], input=raw.get("input"), retry=_retry(raw))
        case ActionType.CALL_SUB_ORCHESTRATOR | ActionType.CALL_SUB_ORCHESTRATOR_WITH_RETRY:
            name, target = raw["functionName"], raw.get("instanceId")
            return Action(kind, name, target, raw.get("input"), retry=_retry(raw))
        case ActionType.CREATE_TIMER:
            return Action(kind, fire_at=raw["fireAt"], canceled=raw["isCanceled"])
        case ActionType.WAIT_FOR_EXTERNAL_EVENT:
            return Action(kind, raw["externalEventName"])
        case ActionType.CALL_ENTITY | ActionType.SIGNAL_ENTITY:
            return Action(kind, raw["operation"], raw["instanceId"], raw.get("input"))
        case ActionType.CALL_HTTP:
            return Action(kind, http=raw["httpRequest"])
        case ActionType.CONTINUE_AS_NEW:
            return Action(kind, input=raw.get("input"))


def _retry(raw: dict[str, Any]) -> Retry | None:
    options = raw.get("retryOptions")
    if options is None:
        return None
    return Retry(int(options["firstRetryIntervalInMilliseconds"]), int(options["maxNumberOfAttempts"]))
