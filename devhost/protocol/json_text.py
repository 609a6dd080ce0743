"""JSON texts as the extension writes them."""

from __future__ import annotations

import json
import re
from typing import Any

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_HALF_A_CHARACTER = re.compile("[\ud800-\udfff]")


def compact(value: Any) -> str:
    """Write a value without blanks, and without escapes for letters outside ASCII.

    A text cut in the middle of a character cannot be encoded as UTF-8; it is written with escapes, which keep it.
    """
    text = _encode(value)
    if text.isascii() or not _HALF_A_CHARACTER.search(text):
        return text
    return json.dumps(value, separators=(",", ":"))
