"""The recordings of the extension 3.14.1 as its newest version, 3.19.0, answers them: what devhost is held to.

`newer.json` names for each case the places where 3.19.0 answers otherwise, with what, and why.
"""

import re
from collections.abc import Mapping
from typing import Any

from .play import Json

_FAILED = re.compile(r"(Activity function '[^']*' failed:)  ")


def as_newest(recorded: Mapping[str, Json], newer: Mapping[str, Any] | None = None) -> dict[str, Json]:
    """Return a recording, or a play, with one blank in an activity's failure, and with what `newer` has for it."""
    answers = {name: one_blank(value) for name, value in recorded.items()}
    for name, change in (newer or {}).items():
        for place, value in change["places"].items():
            _put(answers[name], place, value)
        for place in change.get("left_out", ()):
            _put(answers[name], place)
    return answers


def one_blank(value: Any) -> Any:
    """Return a JSON value with one blank where 3.14.1 has two."""
    if isinstance(value, dict):
        return {name: one_blank(item) for name, item in value.items()}
    if isinstance(value, list):
        return [one_blank(item) for item in value]
    return _FAILED.sub(r"\1 ", value) if isinstance(value, str) else value


def _put(value: Any, place: str, *new: Any) -> None:
    """Put a value at a place such as `[0].body.output`, or take out what is there."""
    *way, last = (int(index) if index else name for index, name in re.findall(r"\[(\d+)\]|\.([^.\[]+)", place))
    for step in way:
        value = value[step]
    if new:
        (value[last],) = new
    else:
        del value[last]
