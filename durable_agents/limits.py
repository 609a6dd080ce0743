"""What an app may say about its turns, streams and purges in its own code; the defaults suit nearly every app."""

from dataclasses import dataclass

LARGEST_PAYLOAD_BYTES = 48_000
"""What a payload in a history may have: all stores take a few times as much, and read it again at every step."""


@dataclass(frozen=True, slots=True)
class TurnLimits:
    """What one turn of an agent may do, and how much of a session is kept.

    Attributes:
        turn_seconds: How long a turn may take in all, without the time in which it waits for a human. It ends in any
            case before the host would end the function, with every other turn of the worker.
        retry_attempts: How often a model call is tried in all when the provider fails for a passing reason.
        retry_seconds: The time after which no further attempt begins.
        stall_seconds: How long the model may be silent before the attempt counts as timed out.
        compaction_bytes: The stored size above which the older turns of a session are replaced by a summary.
        keep_turns: How many recent turns stay as they are when that happens.
        tool_result_bytes: What one tool result may have; the rest is left out with a note.
        approval_hours: How long a turn waits for a human who has to approve a tool call.
        chained_runs: How many runs may follow one another, each started in the turn that is told the result of the one
            before; then a person has to speak.
    """

    turn_seconds: float = 1_500.0
    retry_attempts: int = 3
    retry_seconds: float = 30.0
    stall_seconds: float = 120.0
    compaction_bytes: int = 50_000
    keep_turns: int = 6
    tool_result_bytes: int = 16_384
    approval_hours: float = 24.0
    chained_runs: int = 3


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """How long a stream is kept after its last event, and how long a response of it waits for its first one."""

    expiry_seconds: float = 3_600.0
    wait_seconds: float = 15.0


@dataclass(frozen=True, slots=True)
class PurgeSchedules:
    """When what is over is removed, sessions, runs and payloads without a run: cron expressions with seconds."""

    sessions: str = "0 */5 * * * *"
    runs: str = "0 */15 * * * *"
    payloads: str = "0 45 */6 * * *"
