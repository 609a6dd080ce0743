"""The one gate for ids and names before they reach the task hub."""

from __future__ import annotations

import re

LONGEST = 256
"""How many characters an instance's id, an entity's key or the name of an event may have."""

_HALF_A_CHARACTER = re.compile("[\ud800-\udfff]")


def fault_of(text: str) -> str | None:
    """Return why a text cannot be an entity's key or the name of an event, or None when it can."""
    if len(text) > LONGEST:
        return f"it has {len(text)} characters, and {LONGEST} are the most there may be"
    if _HALF_A_CHARACTER.search(text):
        return "it has half a character, as a text has that was cut in the middle of an emoji"
    return None


def fault_of_instance(text: str) -> str | None:
    """Return why a text cannot be the id of an orchestration instance, or None when it can."""
    if text.startswith("@"):
        return "it begins with '@', as the ids of entities do"
    if not text.strip():
        return "it is blank"
    return fault_of(text)
