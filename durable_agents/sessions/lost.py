"""Runs of which nothing is left: the platform has ended the worker in the middle of a turn, and does not repeat it.

A session takes one message at a time. So when it is asked after a run, the turn of that run has ended, and is stored,
or is lost, or its message has not come yet: that is why it is asked twice, with a minute in between.
"""

import time
from collections import OrderedDict
from datetime import datetime, timedelta

import azure.durable_functions as df
from agent_framework_durabletask import DurableAgentState

from durable_agents.ids import CORRELATION_ID
from durable_agents.sessions.conversation import was_compacted
from durable_agents.sessions.correlation import run_key
from durable_agents.sessions.forgotten import find_forgotten, forget_lost, runs_of

ASKED_RUN = "correlation_id"
"""Where the id of the run stands in the message of `conclude`."""

_MISSED = "missed"
PATIENCE = timedelta(minutes=1)
"""How long a message may take to come to its session, once it is accepted and the session is free."""

_MOST_MISSED = 100
ASK_EVERY_SECONDS = 20.0
_MOST_ASKED = 1_000


class LostRuns:
    """Has sessions asked after runs for which callers wait in vain; of one run, every 20 seconds at most."""

    def __init__(self) -> None:
        self._asked: OrderedDict[str, float] = OrderedDict()

    async def ask(
        self, client: df.DurableOrchestrationClient, entity: df.EntityId, correlation_id: str, age: timedelta
    ) -> None:
        """Have the session look for this run, if it was issued so long ago that it may be lost; see `miss_run`."""
        now = time.monotonic()
        if age < PATIENCE or now - self._asked.get(correlation_id, -ASK_EVERY_SECONDS) < ASK_EVERY_SECONDS:
            return
        self._asked[correlation_id] = now
        self._asked.move_to_end(correlation_id)
        while len(self._asked) > _MOST_ASKED:
            self._asked.popitem(last=False)
        await client.signal_entity(entity, "conclude", {ASKED_RUN: correlation_id})


def miss_run(state: DurableAgentState, correlation_id: str, now: datetime) -> bool:
    """Note that a session has nothing of a run; the second time, a minute later, the run is lost.

    False says that nothing was noted: the run has ended or waits, or its id is none that this app makes.
    """
    key, stored = run_key(correlation_id), state.to_dict()
    is_known = key in map(run_key, runs_of(state)) or was_compacted(stored, correlation_id)
    if not CORRELATION_ID.fullmatch(correlation_id) or is_known or find_forgotten(stored, correlation_id) is not None:
        return False
    extension = dict(state.data.extension_data or {})
    missed: dict[str, float] = dict(extension.get(_MISSED) or {})
    since = missed.pop(key, None)
    if since is None:
        missed[key] = now.timestamp()
        missed = dict(list(missed.items())[-_MOST_MISSED:])
    elif now.timestamp() - since < PATIENCE.total_seconds():
        return False
    state.data.extension_data = {**extension, _MISSED: missed}
    if since is not None:
        forget_lost(state, correlation_id, now)
    return True
