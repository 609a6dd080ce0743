"""What tests vary and no deployment does: variables of this app, given to the library as arguments."""

from collections.abc import Mapping
from typing import Any

from durable_agents import PurgeSchedules, StreamLimits, TurnLimits

_TURNS = {
    "TURN_SECONDS": ("turn_seconds", float),
    "AGENT_RETRY_ATTEMPTS": ("retry_attempts", int),
    "AGENT_STALL_SECONDS": ("stall_seconds", float),
    "SESSION_COMPACTION_BYTES": ("compaction_bytes", int),
    "SESSION_KEEP_TURNS": ("keep_turns", int),
    "TOOL_RESULT_BYTES": ("tool_result_bytes", int),
    "TOOL_APPROVAL_HOURS": ("approval_hours", float),
}
_STREAMS = {"STREAM_EXPIRY_SECONDS": ("expiry_seconds", float), "STREAM_WAIT_SECONDS": ("wait_seconds", float)}
_SWEEPS = {"SESSION_SWEEP_SCHEDULE": ("sessions", str), "RUN_SWEEP_SCHEDULE": ("runs", str)}


def read_limits(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the arguments of `AgentFunctionApp` that these variables stand for."""
    return {
        "limits": TurnLimits(**_read(environ, _TURNS)),
        "streaming": StreamLimits(**_read(environ, _STREAMS)),
        "purges": PurgeSchedules(**_read(environ, _SWEEPS)),
    }


def _read(environ: Mapping[str, str], known: Mapping[str, tuple[str, type]]) -> dict[str, Any]:
    return {field: kind(environ[name]) for name, (field, kind) in known.items() if environ.get(name)}
