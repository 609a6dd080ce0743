"""Keep the result of a tool to a size that a session can hold and a model can read."""

import json
from typing import Any

from agent_framework import Content


def trim_result(result: Any, limit: int) -> Any:
    """Return what a tool call has returned with all its text together in about `limit` bytes of UTF-8.

    The beginning stays and a note tells how much is left out, so that the model can ask for less. What is no text, such
    as an image, stays as it is.
    """
    if isinstance(result, list) and all(isinstance(item, Content) for item in result):
        return _trim_contents(result, limit)
    if isinstance(result, Content):
        return result
    text = result if isinstance(result, str) else json.dumps(result, default=str)
    return result if len(text.encode()) <= limit else trim_text(text, limit)


def trim_text(text: str, limit: int) -> str:
    """Return the text with at most `limit` bytes of it, and a note where that is not all of it."""
    encoded = text.encode()
    if len(encoded) <= limit:
        return text
    kept = encoded[:limit].decode(errors="ignore")
    left_out = len(encoded) - len(kept.encode())
    return f"{kept}\n[{left_out} of {len(encoded)} bytes left out. Ask for a smaller part.]"


def _trim_contents(contents: list[Content], limit: int) -> list[Content]:
    trimmed: list[Content] = []
    remaining = limit
    for content in contents:
        if content.type == "text" and content.text is not None:
            text = trim_text(content.text, remaining)
            remaining = max(remaining - len(content.text.encode()), 0)
            content = content if text == content.text else Content.from_text(text)
        trimmed.append(content)
    return trimmed
