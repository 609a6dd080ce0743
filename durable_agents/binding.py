"""Give activities what they depend on and a parameter that can be bound, in a form the Functions worker accepts.

The worker compares the signature of a function with its bindings, so only the bound parameter may remain. It also
follows `__wrapped__` to the original signature, which is why `functools.partial` and `functools.wraps` do not do here.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from agent_framework_durabletask import run_agent_coroutine
from pydantic import BaseModel

from durable_agents.threads import in_thread

_BINDABLE = re.compile(r"[A-Za-z][A-Za-z0-9]{0,127}")


def bind_activity(function: Callable[..., Any], **dependencies: Any) -> Callable[..., Any]:
    """Return an activity as the worker calls it: plain JSON in, plain JSON out.

    The activity itself takes one pydantic model and returns one. Fields its input model does not know are ignored, so
    that it can run for a payload that another version of the app has stored. An async one runs on the event loop of the
    agents, so it may use what they use, such as a chat client; its thread waits for it.

    Raises:
        TypeError: A dependency is missing or unknown, or the activity is not of this form.
    """
    keywords = check_dependencies(function, dependencies)
    hints = {name: hint for name, hint in get_type_hints(function).items() if name not in keywords}
    result = hints.pop("return", None)
    models = [hint for hint in [*hints.values(), result] if isinstance(hint, type) and issubclass(hint, BaseModel)]
    if len(hints) != 1 or len(models) != 2:
        raise TypeError(
            f"Activity {function.__name__}() cannot be registered: it must take one pydantic model as its only "
            "positional parameter and return one, with annotations."
        )
    name, model = next(iter(hints)), models[0]

    is_async = inspect.iscoroutinefunction(function)

    def run(**arguments: Any) -> Any:
        answer = function(model.model_validate(arguments[name]), **dependencies)
        return (run_agent_coroutine(answer) if is_async else answer).model_dump(mode="json")

    return in_the_place_of(function, run, {name: dict, "return": dict})


def in_own_thread(activity: Callable[..., Any]) -> Callable[..., Any]:
    """Return a bound activity that waits in a thread of the library's, and not in one of the few of the worker."""

    async def run(**arguments: Any) -> Any:
        return await in_thread(activity, **arguments)

    return in_the_place_of(activity, run, activity.__annotations__)


def is_bindable(parameter: str) -> bool:
    """Return whether the Functions host lets an activity have this parameter.

    Measured with host 4.1037 and the Durable Task extension 3.19.0: a name is a letter and then letters and digits, so
    that a function with `order_line` "is in error", and one with `data`, in any case, "can't bind" and is disabled.
    """
    return _BINDABLE.fullmatch(parameter) is not None and parameter.casefold() != "data"


def rename_parameter(function: Callable[..., Any], name: str, bound: str) -> Callable[..., Any]:
    """Return a function that gives its one parameter `bound` to what the function knows as `name`."""

    def run(**arguments: Any) -> Any:
        return function(**{name: arguments[bound]})

    async def run_later(**arguments: Any) -> Any:
        return await function(**{name: arguments[bound]})

    hints = {bound if hint == name else hint: kind for hint, kind in get_type_hints(function).items()}
    return in_the_place_of(function, run_later if inspect.iscoroutinefunction(function) else run, {bound: Any, **hints})


def in_the_place_of(
    function: Callable[..., Any], run: Callable[..., Any], annotations: dict[str, Any]
) -> Callable[..., Any]:
    """Let `run` look like the function to the worker, with annotations of its one parameter and of its result."""
    run.__name__, run.__qualname__ = function.__name__, function.__qualname__
    run.__module__, run.__doc__ = function.__module__, function.__doc__
    run.__annotations__ = annotations
    (name,) = annotations.keys() - {"return"}
    signature = inspect.Signature([inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY)])
    run.__signature__ = signature  # type: ignore[attr-defined]  # inspect reads it; typeshed does not declare it
    return run


def check_dependencies(function: Callable[..., Any], dependencies: Mapping[str, Any]) -> set[str]:
    """Return the names of the keyword-only parameters, which are the dependencies of a function.

    Raises:
        TypeError: One that has no default is missing, or one is unknown.
    """
    parameters = inspect.signature(function).parameters.values()
    keywords = {parameter.name: parameter for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY}
    required = {name for name, parameter in keywords.items() if parameter.default is parameter.empty}
    missing, unknown = sorted(required - dependencies.keys()), sorted(dependencies.keys() - keywords.keys())
    if missing or unknown:
        raise TypeError(
            f"{function.__name__}() cannot be registered: missing dependencies {missing}, unknown dependencies "
            f"{unknown}. Its keyword-only parameters are its dependencies; give them where it is registered."
        )
    return set(keywords)
