"""The app's functions as the host sees them, and the host's own rules for their names and routes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

_NAME = re.compile(r"[a-z][a-z0-9_\-]{0,127}", re.IGNORECASE)
_BINDING_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{0,127}")
_RESERVED_ROUTES = ("admin", "runtime")


class TriggerType(StrEnum):
    """The triggers devhost serves, by their binding type."""

    HTTP = "httpTrigger"
    ORCHESTRATION = "orchestrationTrigger"
    ACTIVITY = "activityTrigger"
    ENTITY = "entityTrigger"
    TIMER = "timerTrigger"
    MCP_TOOL = "mcpToolTrigger"


_NAMED_BY = {
    TriggerType.ORCHESTRATION: "orchestration",
    TriggerType.ACTIVITY: "activity",
    TriggerType.ENTITY: "entityName",
}


@dataclass(frozen=True, slots=True)
class Function:
    """One function of the app.

    `trigger_type` is the binding type as the app declares it; `parameter` and `client_parameters` name the function's
    parameters for its trigger and its durable clients; `trigger` holds the trigger's other properties. `is_plain` says
    that it is not a coroutine function.
    """

    name: str
    worker_id: str
    trigger_type: str
    parameter: str
    trigger: dict[str, Any]
    client_parameters: tuple[str, ...] = ()
    is_plain: bool = True

    @property
    def registered_name(self) -> str:
        """The name under which orchestrations reach the function."""
        named_by = _NAMED_BY.get(self.trigger_type)  # type: ignore[call-overload]  # a StrEnum key equals its text
        return str(self.trigger.get(named_by) or self.name) if named_by else self.name

    @property
    def route(self) -> str:
        """The route template of an HTTP function, without the prefix; the name when it declares none."""
        return str(self.trigger.get("route") or self.name)

    @property
    def methods(self) -> frozenset[str] | None:
        """The HTTP methods the function answers, in capitals; None for all."""
        methods = self.trigger.get("methods")
        return None if not methods else frozenset(str(method).upper() for method in methods)

    @property
    def auth_level(self) -> str:
        """Who may call an HTTP function on Azure; not enforced here, as by Core Tools."""
        return str(self.trigger.get("authLevel", "FUNCTION")).lower()


@dataclass(frozen=True, slots=True)
class Refused:
    """A function that is not served, and why."""

    name: str
    reason: str
    works_on_azure: bool = False


class FunctionTable:
    """Looks functions up by trigger and registered name, ignoring case, as the extension does."""

    def __init__(self, functions: Iterable[Function]) -> None:
        self.all = tuple(functions)
        self._by_name = {(one.trigger_type, one.registered_name.casefold()): one for one in self.all}

    def find(self, trigger: TriggerType, name: str) -> Function | None:
        """Return the function of this trigger and name, or None."""
        return self._by_name.get((trigger, name.casefold()))

    def of(self, trigger: TriggerType) -> list[Function]:
        """Return all functions of a trigger in the app's order."""
        return [one for one in self.all if one.trigger_type == trigger]

    def names(self, trigger: TriggerType) -> list[str]:
        """Return the registered names of all functions of a trigger."""
        return [one.registered_name for one in self.of(trigger)]


def host_rules(functions: Iterable[Function]) -> tuple[list[Function], list[Refused]]:
    """Separate the functions the Functions host would load from those it would refuse.

    The rules are the host's: names of up to 128 letters, digits, `_` and `-` that begin with a letter, unique without
    regard to case; no route under `admin` or `runtime`; no bound parameter with an underscore, nor an activity's
    that is called `data`. Triggers devhost does not know are refused with a reason too.
    """
    served: list[Function] = []
    refused: list[Refused] = []
    seen: set[str] = set()
    for function in functions:
        reason = _objection(function, seen)
        seen.add(function.name.casefold())
        if reason is None:
            served.append(function)
        else:
            refused.append(Refused(function.name, reason, function.trigger_type not in set(TriggerType)))
    return served, refused


def _objection(function: Function, seen: set[str]) -> str | None:
    if _NAME.fullmatch(function.name) is None or function.name.casefold() == "host":
        return f"The function name '{function.name}' is invalid: it must match {_NAME.pattern} and not be 'host'."
    if function.name.casefold() in seen:
        return f"Another function is named '{function.name}' too; names are compared without regard to case."
    if function.trigger_type not in set(TriggerType):
        return f"Triggers of type '{function.trigger_type}' are not served by devhost; they work on Azure."
    for name in (function.parameter, *function.client_parameters):
        if _BINDING_NAME.fullmatch(name) is None:
            return f"The binding name '{name}' is invalid: it must match {_BINDING_NAME.pattern}."
    if function.trigger_type == TriggerType.ACTIVITY and function.parameter.casefold() == "data":
        # The host's words are "Can't bind parameter 'data' to type 'System.String'".
        return (
            f"The trigger of activities keeps the name '{function.parameter}' for itself: name the parameter otherwise."
        )
    if function.trigger_type == TriggerType.HTTP:
        route = function.route.strip().lower()
        for prefix in _RESERVED_ROUTES:
            if route.startswith(prefix):
                return f"The route '{function.route}' conflicts with the host's own '{prefix}' routes."
    return None
