"""Give activities what they depend on, in a form the Functions worker accepts.

The worker compares the signature of a function with its bindings, so only the bound parameter may remain. It also
follows `__wrapped__` to the original signature, which is why `functools.partial` and `functools.wraps` do not do here.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from pydantic import BaseModel


def bind_activity(function: Callable[..., BaseModel], **dependencies: Any) -> Callable[..., Any]:
    """Return an activity as the worker calls it: plain JSON in, plain JSON out.

    The activity itself takes one pydantic model and returns one. Fields its input model does not know are ignored, so
    that it can run for a payload that another version of the app has stored.

    Raises:
        TypeError: A dependency is missing or unknown, or the activity is not of this form.
    """
    parameters = inspect.signature(function).parameters
    keywords = {name: parameter for name, parameter in parameters.items() if parameter.kind is parameter.KEYWORD_ONLY}
    _check_dependencies(function, keywords, dependencies)
    hints = {name: hint for name, hint in get_type_hints(function).items() if name not in keywords}
    result = hints.pop("return", None)
    models = [hint for hint in [*hints.values(), result] if isinstance(hint, type) and issubclass(hint, BaseModel)]
    if len(hints) != 1 or len(models) != 2:
        raise TypeError(
            f"Activity {function.__name__}() cannot be registered: it must take one pydantic model as its only "
            "positional parameter and return one, with annotations."
        )
    name, model = next(iter(hints)), models[0]

    def run(**arguments: Any) -> Any:
        return function(model.model_validate(arguments[name]), **dependencies).model_dump(mode="json")

    run.__name__, run.__qualname__ = function.__name__, function.__qualname__
    run.__module__, run.__doc__ = function.__module__, function.__doc__
    run.__annotations__ = {name: dict, "return": dict}
    signature = inspect.Signature([inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY)])
    run.__signature__ = signature  # type: ignore[attr-defined]  # inspect reads it; typeshed does not declare it
    return run


def _check_dependencies(
    function: Callable[..., Any], keywords: Mapping[str, inspect.Parameter], dependencies: Mapping[str, Any]
) -> None:
    required = {name for name, parameter in keywords.items() if parameter.default is parameter.empty}
    missing, unknown = sorted(required - dependencies.keys()), sorted(dependencies.keys() - keywords.keys())
    if missing or unknown:
        raise TypeError(
            f"{function.__name__}() cannot be registered: missing dependencies {missing}, unknown dependencies "
            f"{unknown}. Its keyword-only parameters are its dependencies; give them where it is registered."
        )
