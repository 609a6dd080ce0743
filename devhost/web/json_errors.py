"""What the extension says about a body that is not JSON.

It reads with Newtonsoft.Json, which allows names without quotes and so stumbles elsewhere than Python does. Its words
are given for the fault that comes up in practice, a name without quotes; for all others, Python's.
"""

from __future__ import annotations

import json
import re

_UNQUOTED_NAME = re.compile(r"\{\s*([A-Za-z_$][\w$]*)(\s*)(.?)", re.DOTALL)


def json_error(text: str) -> str | None:
    """Return what is wrong with a JSON text, or None when nothing is."""
    try:
        json.loads(text)
    except ValueError as ex:
        return _in_newtonsofts_words(text) or str(ex)
    return None


def _in_newtonsofts_words(text: str) -> str | None:
    found = _UNQUOTED_NAME.match(text)
    if found is None or found[3] == ":":
        return None
    where = f"Path '', line 1, position {found.start(3)}."
    if not found[3]:
        return f"Unexpected end while parsing unquoted property name. {where}"
    return f"Invalid character after parsing property name. Expected ':' but got: {found[3]}. {where}"
