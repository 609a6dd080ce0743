"""The machine that is measured on, and whether it had anything else to do."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version

_IDLE_LOAD_PER_CORE = 0.25


def describe() -> str:
    """Return the date, the machine's size and the versions, in one sentence."""
    cores = os.cpu_count() or 1
    packages = ", ".join(f"{name} {version(name)}" for name in ("azure-functions-durable", "durabletask", "dbos"))
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {cores} cores{_memory()}, {platform.system()}, "
        f"Python {platform.python_version()}, {packages}"
    )


def load() -> float:
    """Return the load average of the last minute."""
    return os.getloadavg()[0]


def idleness(load_at_start: float) -> str:
    """Return a sentence on the load before the run."""
    cores = os.cpu_count() or 1
    text = f"Load average at the start: {load_at_start:.2f}."
    if load_at_start <= _IDLE_LOAD_PER_CORE * cores:
        return text
    return f"{text} The machine was not idle: compare the ratios, not the times."


def _memory() -> str:
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return ""
    return f", {size / 2**30:.0f} GiB"
