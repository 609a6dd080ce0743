"""Remove the runs that ended long ago, some at a time."""

import logging
from datetime import UTC, datetime

import azure.durable_functions as df
import azure.functions as func

from durable_agents.orchestration.registry import OrchestrationRegistry
from durable_agents.runs.listing import RunQuery, query_runs
from durable_agents.runs.purge import RunRemoval
from durable_agents.settings.runs import RunSettings

logger = logging.getLogger(__name__)

BATCH = 200
"""How many runs are removed at a time at most: the next firing of the timer goes on."""

_PAGE = 100
_MOST_PAGES = 20
_OVER = ("Completed", "Failed", "Terminated")


async def sweep_runs(
    timer: func.TimerRequest,
    client: df.DurableOrchestrationClient,
    *,
    orchestrations: OrchestrationRegistry,
    kept: RunSettings,
    removal: RunRemoval,
) -> None:
    """Remove runs that ended longer ago than `kept.retention`, if they are not kept for ever, and what belongs to them.

    A crash leaves the rest to the next firing. Runs that go on, sessions of callers and instances of other apps are
    never touched.
    """
    if kept.retention is None:
        return
    ended_before = datetime.now(UTC) - kept.retention
    # A run cannot have ended before then if it was created later, so nothing newer is read.
    query, token, purged = RunQuery(statuses=_OVER, created_to=ended_before), None, 0
    for _ in range(_MOST_PAGES):
        page = await query_runs(client, orchestrations, query, _PAGE, token)
        for run in page.runs:
            ended_at = run.last_updated_time
            if purged < BATCH and ended_at is not None and ended_at <= ended_before:
                purged += await removal.remove(client, str(run.instance_id))
        token = page.next_token
        if token is None or purged >= BATCH:
            break
    if purged:
        logger.info("%d runs that ended before %s are removed", purged, ended_before.isoformat(timespec="seconds"))
