"""What to do about mistakes that the SDK reports in words about itself."""

from __future__ import annotations

import re

_DUMP = (
    "only plain JSON goes in and out of orchestrations and activities, and that is no {0}. Dump a pydantic model with "
    '`.model_dump(mode="json")`, a dataclass with `dataclasses.asdict()`, make a set a list.'
)
_FORGOT_YIELD = "what a call of the context returns is a task, not yet its result: write `yield` in front of the call."
_HINTS = (
    (
        r"AttributeError: '(?:async_)?generator' object has no attribute '_is_scheduled'",
        "the orchestrator yields a generator: write `yield from` in the place of `yield`.",
    ),
    (
        r"AttributeError: '(\w+)' object has no attribute '_is_scheduled'",
        "the orchestrator yields a {0}: only what a call of the context returns can be yielded.",
    ),
    (
        r"TypeError: 'generator' object is not subscriptable|AttributeError: 'generator' object has no attribute ",
        "a generator was called, not run: write `yield from` in front of the call.",
    ),
    (
        r"(?:TypeError|AttributeError): .*'\w*Task' object|.*\b\w*Task\b.* (?:JSON serializable|`to_json`)",
        _FORGOT_YIELD,
    ),
    (r"TypeError: Object of type (\w+) is not JSON serializable", _DUMP),
    (r"\w+: class <class '(?:[\w<>]+\.)*(\w+)'> does not expose a `to_json` function", _DUMP),
)


def hint(text: str) -> str | None:
    """Return what to do about an exception, told as `Type: message`, where it says that badly itself."""
    for pattern, sentence in _HINTS:
        if found := re.match(pattern, text):
            return sentence.format(*found.groups())
    return None
