"""Who takes part: devhost in its variants, and the engines people would otherwise choose."""

from __future__ import annotations

from bench.peer import Contender
from devhost.sessions import Mode

DEVHOST = "devhost"
IN_MEMORY = "in-memory"
DBOS = "DBOS"
FRAMEWORK = "AgentEntity"

SESSIONS_OFF = "sessions off"
SDK_TIMESTAMPS = "fast timestamps off"
BOTH_OFF = "both off"

VARIANTS = (DEVHOST, SESSIONS_OFF, SDK_TIMESTAMPS, BOTH_OFF)
PEERS = (IN_MEMORY, DBOS)

_OPTIONS = {
    DEVHOST: {"mode": Mode.LIVE, "fast_timestamps": True},
    SESSIONS_OFF: {"mode": Mode.REPLAY, "fast_timestamps": True},
    SDK_TIMESTAMPS: {"mode": Mode.LIVE, "fast_timestamps": False},
    BOTH_OFF: {"mode": Mode.REPLAY, "fast_timestamps": False},
}
_MODULES = {IN_MEMORY: "bench.peers.durabletask_memory", DBOS: "bench.peers.dbos_sqlite"}


def contender(label: str) -> Contender:
    """Return who stands behind a label."""
    if label in _OPTIONS:
        return Contender(label, "bench.peers.devhost", _OPTIONS[label])
    return Contender(label, _MODULES[label])


def agent_contender(label: str) -> Contender:
    """Return a variant of devhost with the agent app."""
    return Contender(label, "bench.peers.devhost_agent", _OPTIONS[label])


def host_flags(label: str) -> list[str]:
    """Return the flags with which `devhost start` is this variant."""
    options = _OPTIONS[label]
    flags = ["--replay"] if options["mode"] is Mode.REPLAY else []
    return flags if options["fast_timestamps"] else [*flags, "--sdk-timestamps"]
