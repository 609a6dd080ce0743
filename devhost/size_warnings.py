"""Warns of payloads that the task hub here takes, and Azure's does not."""

from __future__ import annotations

import logging

logger = logging.getLogger("devhost.engine")

_MOST_BYTES = 1024 * 1024
_MOST_BYTES_OF_A_CHARACTER = 4


class SizeWarnings:
    """Tells of each kind of payload once."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def look(self, target: str, what: str, payload: str | None) -> None:
        """Warn if a payload of an instance or entity is too large; `what` names its kind."""
        if payload is None or len(payload) * _MOST_BYTES_OF_A_CHARACTER <= _MOST_BYTES or what in self._told:
            return
        size = len(payload.encode("utf-8", "surrogatepass"))
        if size > _MOST_BYTES:
            self._told.add(what)
            text = (
                "%s: %s is %.1f MB. The Durable Task Scheduler on Azure takes 1 MB: keep the data elsewhere, and "
                "pass on where it is."
            )
            logger.warning(text, target, what, size / _MOST_BYTES)
