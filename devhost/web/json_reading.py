"""JSON as the extension reads it: what it refuses, in its words, and how it shows what an app has stored.

It reads with Newtonsoft.Json, which stops at a depth of 64, so no payload can be too deep to be written again. Two
things are stricter here: `NaN` and infinite numbers, and texts cut in the middle of a character, are refused. What the
extension stores of them is another value than was sent.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

_MAX_DEPTH = 64
_TOO_DEEP = f"The reader's MaxDepth of {_MAX_DEPTH} has been exceeded."
_UNQUOTED_NAME = re.compile(r"\{\s*([A-Za-z_$][\w$]*)(\s*)(.?)", re.DOTALL)
# Escapes and letters alone: whether they stand in a pair is seen once they are read.
_MAY_BE_HALF = re.compile(r"\\u[dD][89A-Fa-f]|[\ud800-\udfff]")
_HALF = re.compile("[\ud800-\udfff]")


class UnreadableJsonError(ValueError):
    """A text is no JSON that can be stored; the message says why."""


def read_json(text: str) -> Any:
    """Return the value of a JSON text from outside.

    Raises:
        UnreadableJsonError: It is no JSON, too deep, or holds a number or a text that JSON cannot hold.
    """
    try:
        value = _load(text, _refuse)
    except RecursionError as ex:
        raise UnreadableJsonError(_TOO_DEEP) from ex
    except UnreadableJsonError:
        raise
    except ValueError as ex:
        raise UnreadableJsonError(_in_newtonsofts_words(text) or str(ex)) from ex
    if _is_too_deep(text, value):
        raise UnreadableJsonError(_TOO_DEEP)
    if _MAY_BE_HALF.search(text) and _HALF.search(json.dumps(value, ensure_ascii=False)):
        raise UnreadableJsonError("A text in it is cut in the middle of a character: a surrogate stands alone.")
    return value


def shown(text: str | None) -> Any:
    """Return the value of a stored text for an answer: `NaN` as "NaN", and what cannot be read as the text it is."""
    if text is None:
        return None
    try:
        value = _load(text, str)
    except (ValueError, RecursionError):
        return text
    return text if _is_too_deep(text, value) else value


def _load(text: str, not_finite: Callable[[str], Any]) -> Any:
    """Read a text; `not_finite` is given the names of numbers that JSON does not have and says what they are."""

    def number(digits: str) -> Any:
        value = float(digits)
        return value if math.isfinite(value) else not_finite("Infinity" if value > 0 else "-Infinity")

    return json.loads(text, parse_constant=not_finite, parse_float=number)


def _refuse(name: str) -> Any:
    raise UnreadableJsonError(f"It holds the number {name}, which JSON cannot hold.")


def _is_too_deep(text: str, value: Any) -> bool:
    if text.count("[") + text.count("{") <= _MAX_DEPTH:
        return False
    level = [value]
    for _ in range(_MAX_DEPTH):
        inner = (one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list))
        level = [item for items in inner for item in items]
    return any(isinstance(one, dict | list) for one in level)


def _in_newtonsofts_words(text: str) -> str | None:
    """Say what is wrong as the extension says it, for the fault that comes up in practice: a name without quotes."""
    found = _UNQUOTED_NAME.match(text)
    if found is None or found[3] == ":":
        return None
    where = f"Path '', line 1, position {found.start(3)}."
    if not found[3]:
        return f"Unexpected end while parsing unquoted property name. {where}"
    return f"Invalid character after parsing property name. Expected ':' but got: {found[3]}. {where}"
