"""Who takes part: devhost in its variants, and the engines people would otherwise choose."""

from __future__ import annotations

from dataclasses import replace

from devhost.bench.peer_process import Contender

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
    DEVHOST: {"replay": False, "fast_timestamps": True},
    SESSIONS_OFF: {"replay": True, "fast_timestamps": True},
    SDK_TIMESTAMPS: {"replay": False, "fast_timestamps": False},
    BOTH_OFF: {"replay": True, "fast_timestamps": False},
}
_MODULES = {IN_MEMORY: "devhost.bench.peers.durabletask_memory", DBOS: "devhost.bench.peers.dbos_sqlite"}


def contender(label: str) -> Contender:
    """Return who stands behind a label."""
    if label in _OPTIONS:
        return Contender(label, "devhost.bench.peers.devhost", _OPTIONS[label])
    return Contender(label, _MODULES[label])


def jittered_contender(label: str) -> Contender:
    """Return who stands behind a label, with the orchestration of jittered steps."""
    one = contender(label)
    return replace(one, options={**one.options, "app": "jittered"}) if label in _OPTIONS else one


def agent_contender(label: str) -> Contender:
    """Return a variant of devhost with the agent app."""
    return Contender(label, "devhost.bench.peers.devhost_agent", _OPTIONS[label])


def host_flags(label: str) -> list[str]:
    """Return the flags with which `devhost start` is this variant."""
    options = _OPTIONS[label]
    flags = ["--replay"] if options["replay"] else []
    return flags if options["fast_timestamps"] else [*flags, "--sdk-timestamps"]
