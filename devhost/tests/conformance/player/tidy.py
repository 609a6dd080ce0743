"""Makes two plays of one case comparable: what differs from run to run gives way to placeholders."""

import re

from .play import Json, Play

_PLACEHOLDERS = (
    (re.compile(r"http://127\.0\.0\.1:\d+"), "{base}"),
    (re.compile(r" \n (?:\{|Message:).*", re.DOTALL), r" \n {details}"),
    (
        re.compile(
            r"An orchestration with id '[^']*' already exists.*"
            r"|An Orchestration instance with the status \w+ already exists.*"
        ),
        "{already exists}",
    ),
    (re.compile(r"(the known \w+ functions: ).*"), r"\1{names}"),
    (re.compile(r"([?&])code=[^&\"\s]*"), r"\1code={key}"),
    (re.compile(r"taskHub=[^&\"\s]*"), "taskHub={hub}"),
    (re.compile(r"connection=[^&\"\s]*"), "connection={connection}"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(Z|[+-]\d\d:\d\d)?"), r"{time.f\1}"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)?"), r"{time\1}"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "{guid}"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "{guid}"),
)


def tidy(value: Json, play: Play, key: str = "") -> Json:
    """Return a JSON value of a play, found under `key`, with ids, times, URLs and stack traces replaced."""
    if isinstance(value, dict):
        return {name: tidy(item, play, name) for name, item in value.items()}
    if isinstance(value, list):
        return [tidy(item, play) for item in value]
    if not isinstance(value, str):
        return value
    if key in ("StackTrace", "Details"):
        return "{stack}"
    if key == "x-ms-continuation-token":
        return "{token}" if value else ""
    text = value.replace(play.base, "{base}").replace(f"-{play.nonce}", "").replace(play.target, "{target}")
    for pattern, placeholder in _PLACEHOLDERS:
        text = pattern.sub(placeholder, text)
    return text
