"""Whether a caller wants to wait for the answer: true or false, in a header, in the query or in the body."""

from typing import Annotated

import azure.functions as func
from pydantic import BeforeValidator, Field, WithJsonSchema

from durable_agents.http.contracts import Parameter
from durable_agents.http.problems import invalid_parameter

_WAIT_HEADER = "x-ms-wait-for-response"
_WORDS = {"true": True, "1": True, "false": False, "0": False}


def _read_word(value: object) -> object:
    return _WORDS.get(value.strip().lower(), value) if isinstance(value, str) else value


Flag = Annotated[
    bool, Field(strict=True), BeforeValidator(_read_word), WithJsonSchema({"enum": [True, False, *_WORDS]})
]
"""True or false, in JSON or as a word."""


def wait_parameters(name: str, description: str) -> tuple[Parameter, Parameter]:
    """Return the query parameter of this name, and the header that says the same before it."""
    return (
        Parameter(name, Flag, description),
        Parameter(_WAIT_HEADER, Flag, f"The same as `{name}`, before it.", "header"),
    )


def read_wait(req: func.HttpRequest, *names: str) -> bool | None:
    """Return what the header says, else the first of these query parameters that is there, else None.

    Raises:
        ProblemError: 400, one of them is neither true nor false.
    """
    stated = {_WAIT_HEADER: req.headers.get(_WAIT_HEADER), **{name: req.params.get(name) for name in names}}
    wishes = [_read_flag(name, text) for name, text in stated.items() if text is not None]
    return wishes[0] if wishes else None


def _read_flag(name: str, text: str) -> bool:
    flag = _read_word(text)
    if not isinstance(flag, bool):
        raise invalid_parameter(name, text, "true or false")
    return flag
