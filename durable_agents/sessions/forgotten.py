"""Runs of a session that was cleared or ended: who still asks for one of them is told, and does not wait in vain.

Nothing of their text is kept, only their keys, and no longer than somebody may ask for a run without an answer.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from agent_framework_durabletask import DurableAgentState

from durable_agents.ids import CORRELATION_ID
from durable_agents.sessions.conversation import extension_data
from durable_agents.sessions.correlation import LONGEST_RUN, issued_seconds, run_key
from durable_agents.sessions.failures import Failure
from durable_agents.sessions.pending import read_pending
from durable_agents.sessions.run_results import waiting_runs

Why = Literal["reset", "deleted", "expired", "lost"]

Forgotten = dict[str, dict[str, Any]]
"""Why each run was forgotten, and when its id was issued (seconds since 1970), by its run key."""

_FORGOTTEN = "forgotten"
_MOST_RUNS = 500
_LOST = Failure(
    "turn_lost",
    "The turn was lost: the worker that took it has ended in the middle. Its tools may have acted; the session has "
    "nothing of it.",
)
_PARTICIPLES = {"reset": "cleared", "deleted": "deleted", "expired": "ended after its time"}


def runs_of(state: DurableAgentState) -> list[str]:
    """Return the correlation ids of all runs that the session holds, those that wait included."""
    pending = read_pending(state)
    ids = [entry.correlation_id or "" for entry in state.data.conversation_history] + waiting_runs(state)
    return list(dict.fromkeys(ids if pending is None else [*ids, pending.correlation_id]))


def forget_late(state: DurableAgentState, correlation_id: str, now: datetime) -> bool:
    """Remember that a run has come too late for its conversation, like those that were in it.

    False says that nothing was written: the session has nothing, and must not come to be by this.
    """
    forgotten = _read(state.data.extension_data)
    if not state.data.extension_data or not CORRELATION_ID.fullmatch(correlation_id):
        return False
    why = next((entry["why"] for entry in reversed(forgotten.values()) if entry["why"] != "lost"), "reset")
    entry = {"why": why, "issued": min(issued_seconds(correlation_id), int(now.timestamp()))}
    keep_forgotten(state, {**forgotten, run_key(correlation_id): entry})
    return True


def forget_lost(state: DurableAgentState, correlation_id: str, now: datetime) -> None:
    """Remember that the turn of a run was lost. The turn itself, should it come after all, counts."""
    entry = {"why": "lost", "issued": min(issued_seconds(correlation_id), int(now.timestamp()))}
    keep_forgotten(state, _recent({**_read(state.data.extension_data), run_key(correlation_id): entry}, now))


def forget_runs(state: DurableAgentState, why: Why, now: datetime) -> Forgotten:
    """Return what is to be remembered once all turns are removed from the session: the latest runs, in short."""
    return _recent({**_read(state.data.extension_data), **dict(_runs_in(state, why, now))}, now)


def _recent(runs: Forgotten, now: datetime) -> Forgotten:
    oldest = (now - LONGEST_RUN).timestamp()
    recent = {key: entry for key, entry in runs.items() if entry["issued"] > oldest}
    latest = sorted(recent, key=lambda key: float(recent[key]["issued"]))[-_MOST_RUNS:]
    return {key: recent[key] for key in latest}


def keep_forgotten(state: DurableAgentState, forgotten: Forgotten) -> None:
    """Write into the session what it is to remember."""
    if forgotten:
        state.data.extension_data = {**(state.data.extension_data or {}), _FORGOTTEN: forgotten}


def remembered_until(forgotten: Forgotten) -> datetime:
    """Return until when somebody may ask for one of these runs; there must be one."""
    return datetime.fromtimestamp(max(entry["issued"] for entry in forgotten.values()), UTC) + LONGEST_RUN


def find_forgotten(state: Mapping[str, Any], correlation_id: str) -> Failure | None:
    """Return how the run has ended if its session has forgotten it, from the state as it is stored."""
    entry = _read(extension_data(state)).get(run_key(correlation_id))
    if entry is None:
        return None
    why = str(entry["why"])
    if why == "lost":
        return _LOST
    message = f"The answer is no longer kept: the session was {_PARTICIPLES[why]}."
    return Failure(f"session_{why}", message)


def _runs_in(state: DurableAgentState, why: Why, now: datetime) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what is to be remembered of each run that callers may ask for; orchestrations get their answers at once.

    An id that says it is of the future was made up, and is no younger than now.
    """
    for correlation_id in runs_of(state):
        if CORRELATION_ID.fullmatch(correlation_id):
            yield (
                run_key(correlation_id),
                {"why": why, "issued": min(issued_seconds(correlation_id), int(now.timestamp()))},
            )


def _read(extension: Mapping[str, Any] | None) -> Forgotten:
    found = (extension or {}).get(_FORGOTTEN)
    return found if isinstance(found, dict) else {}
