"""What the app reads and changes in the functions that were registered on it; the SDK has no public names for that."""

from collections.abc import Callable, Iterable
from typing import Any

import azure.durable_functions as df

_PREFIX = "durable_agents_"


def orchestration_name(builder: Any) -> str | None:
    """Return the name under which the task hub knows the orchestration in this function, or None if it is none."""
    trigger = builder._function.get_trigger()
    if trigger is None or trigger.type != "orchestrationTrigger":
        return None
    return str(trigger.orchestration or builder._function.get_function_name())


def durable_names(builders: Iterable[Any]) -> dict[str, frozenset[str]]:
    """Return the names of these activities, orchestrations and entities in small letters, by kind.

    One may have two: that of its function, and that by which the task hub knows it.
    """
    found: dict[str, set[str]] = {"activity": set(), "orchestration": set(), "entity": set()}
    for builder in builders:
        trigger = builder._function.get_trigger()
        kind = "" if trigger is None else str(trigger.type).removesuffix("Trigger")
        if kind in found:
            told = trigger.get_dict_repr()
            names = [_name_of(builder), *(told.get(key) for key in ("activity", "orchestration", "entityName"))]
            found[kind].update(str(name).casefold() for name in names if name)
    return {kind: frozenset(names) for kind, names in found.items()}


def is_decorated(builder: Any) -> bool:
    """Return whether the SDK's decorators made the function: it is not a binding written by hand."""
    return hasattr(builder._function._func, "_df_input_type")


def play_instead(builder: Any, function: Callable[..., Any]) -> Any:
    """Have this orchestration played in the place of the one in the function, and return its handle."""
    before = builder._function._func
    handle: Any = df.Orchestrator.create(function)
    handle.__name__, handle._df_input_type = before.__name__, before._df_input_type
    builder._function._func = handle
    return handle


def give_way(own: Iterable[Any], builders: Iterable[Any], activities: Iterable[Callable[..., Any]]) -> None:
    """Rename the functions of the library whose names the app has given to functions of its own.

    Two functions of one name would keep the app from starting, and no author can know the names of the library's. Its
    `activities` are called by their names, so these change with them: an app that names one so cannot go on with runs
    that have called the library's before.

    Raises:
        ValueError: It is an orchestration.
    """
    ours = {id(builder): builder for builder in own}
    taken = {_name_of(builder) for builder in builders if id(builder) not in ours}
    for builder in ours.values():
        name = _name_of(builder)
        if name not in taken:
            continue
        if orchestration_name(builder) is not None:
            raise ValueError(f"The app has a function {name!r}, which is the name of an orchestration. Rename it.")
        builder._function._name = f"{_PREFIX}{name}"
        for activity in activities:
            if activity.__name__ == name:
                activity.__name__ = f"{_PREFIX}{name}"


def _name_of(builder: Any) -> str:
    return str(builder._function.get_function_name())
