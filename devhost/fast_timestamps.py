"""Reads the timestamps of history events with `datetime.fromisoformat` where the SDK takes `dateutil`.

The extension writes one format only, which both read alike; `dateutil`, which guesses the format, takes most of the
time of a replay. Made for azure-functions-durable 1.7.0. Without `install` the SDK is as it is on Azure.
"""

from __future__ import annotations

import sys
from datetime import datetime

from azure.durable_functions.models.history.HistoryEvent import HistoryEvent
from dateutil import parser, tz


def parse(text: str) -> datetime:
    """Read a time as `dateutil` does: digits after the sixth of a second's fraction are cut off.

    Raises:
        ValueError: The text is not a time.
    """
    if text.endswith("Z"):
        return datetime.fromisoformat(text).replace(tzinfo=tz.UTC)
    return parser.parse(text)


def install() -> None:
    """Have the SDK read timestamps this way from now on. Safe to call again."""
    sys.modules[HistoryEvent.__module__].dt_parse = parse  # type: ignore[attr-defined]  # a name the module imports
