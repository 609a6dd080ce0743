"""Remove runs with all that belongs to them: one that somebody names, and those that ended long ago."""

import asyncio
import logging
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import azure.durable_functions as df
import azure.functions as func
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus

from durable_agents.orchestration.registry import OrchestrationRegistry
from durable_agents.runs.control import purge_instance
from durable_agents.runs.listing import RunQuery, query_runs
from durable_agents.runs.run_metrics import measure_runs
from durable_agents.sessions.entity import RUN_FIELD
from durable_agents.settings.groups import Folder
from durable_agents.storage.claim_check import ClaimCheck
from durable_agents.storage.drafts import forget_drafts
from durable_agents.threads import in_store_thread

logger = logging.getLogger(__name__)

LONGEST_SECONDS = 600.0
"""How long one firing of the timer removes runs at most: the next one goes on."""

_FORGOTTEN_AFTER = timedelta(days=1)
_PAGE = 100
_AT_ONCE = 8
_OVER = ("Completed", "Failed", "Terminated")
_ENTITY = re.compile(r"@([^@]+)@(.+)")


@dataclass(frozen=True, slots=True)
class RunPurge:
    """Removes runs that are over.

    Attributes:
        orchestrations: Whose runs they are.
        agents: The names of agents by those of their entities, as histories have them.
        drafts: Where drafts are kept for reviewers.
        claims: What keeps their large payloads.
        retention: How long runs are kept after their end, None for ever.
        longest_seconds: How long one firing of the timer removes them at most.
    """

    orchestrations: OrchestrationRegistry
    agents: Mapping[str, str]
    drafts: Folder
    claims: ClaimCheck
    retention: timedelta | None
    longest_seconds: float = LONGEST_SECONDS

    async def purge_ended_runs(self, timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
        """Remove runs that ended longer ago than they are kept, if not for ever, and what belongs to them.

        The Durable Task Scheduler removes the runs themselves, later, and with them what tells which drafts, payloads
        and sessions were theirs. A run that cannot be removed is logged, and is no obstacle to the others. A crash
        leaves the rest to the next firing, and so does the end of ten minutes, which is logged. Runs that go on,
        sessions of callers and instances of other apps are never touched; those that go on are counted for the
        operator.
        """
        await measure_runs(client, self.orchestrations)
        if self.retention is None:
            return
        ended_before, deadline = datetime.now(UTC) - self.retention, time.monotonic() + self.longest_seconds
        # A run cannot have ended before then if it was created later, so nothing newer is read.
        query, token, purged, is_over = RunQuery(statuses=_OVER, created_to=ended_before), None, 0, False
        while not is_over and time.monotonic() < deadline:
            page = await query_runs(client, self.orchestrations, query, _PAGE, token)
            ended = [run for run in page.runs if run.last_updated_time and run.last_updated_time <= ended_before]
            for some in (ended[at : at + _AT_ONCE] for at in range(0, len(ended), _AT_ONCE)):
                purged += sum(await asyncio.gather(*(self._try_to_purge(client, str(run.instance_id)) for run in some)))
            token, is_over = page.next_token, page.next_token is None
        if purged:
            logger.info("%d runs that ended before %s are removed", purged, ended_before.isoformat(timespec="seconds"))
        if not is_over:
            logger.warning(
                "More runs have ended than were removed in %.0f seconds; the next firing of the timer goes on. If each "
                "says this, runs are kept for longer than RUN_RETENTION_DAYS.",
                self.longest_seconds,
            )

    async def _try_to_purge(self, client: df.DurableOrchestrationClient, instance_id: str) -> bool:
        try:
            return await self.purge(client, instance_id)
        except Exception:
            logger.exception("%s cannot be removed now, the next firing of the timer tries again", instance_id)
            return False

    async def purge_lost_payloads(self, timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
        """Remove the large payloads of runs that do not exist, a day after the last one was written.

        A crash between a payload and the start of its run leaves some, and an activity that ends after its run was
        deleted. A crash leaves the rest to the next firing.
        """
        removed = 0
        for run in await in_store_thread(self.claims.find_runs, datetime.now(UTC) - _FORGOTTEN_AFTER):
            if not await client.get_status(run):
                await in_store_thread(self.claims.forget, run)
                removed += 1
        if removed:
            logger.info("The payloads of %d runs that do not exist are removed", removed)

    async def purge(self, client: df.DurableOrchestrationClient, instance_id: str) -> bool:
        """Remove a run that is over, with its history, its agents' sessions, its drafts and its large payloads.

        False says that it is gone already, or not over. The history goes last: it says what belongs to the run, so a
        crash leaves nothing that a repeat would not find. What it has sent or published stays.

        Raises:
            ProblemError: 501, the storage provider of the task hub cannot do that.
            TaskHubError: The task hub answered otherwise.
            OSError: A draft or a payload cannot be removed; in Blob Storage, azure.core.exceptions.AzureError.
        """
        status = await client.get_status(instance_id, show_history=True)
        for entity in self._sessions_of(status) if status else ():
            await client.signal_entity(entity, "delete", {RUN_FIELD: instance_id})
        await in_store_thread(forget_drafts, instance_id, self.drafts)
        await in_store_thread(self.claims.forget, instance_id)
        return await purge_instance(client, instance_id)

    def _sessions_of(self, status: DurableOrchestrationStatus) -> Iterator[df.EntityId]:
        """Yield the sessions that the run has made for itself; those that it was told to use outlive it."""
        for target in {event.get("InstanceId") for event in vars(status).get("historyEvents") or ()}:
            found = _ENTITY.fullmatch(str(target))
            if found is not None and found[1].lower() in self.agents and _is_made_by_a_run(found[2]):
                yield df.EntityId(found[1], found[2])


def _is_made_by_a_run(session_id: str) -> bool:
    """Say whether the id is one that orchestrations make: a UUID of version 5, as hardly anybody else does."""
    try:
        return UUID(session_id).version == 5
    except ValueError:
        return False
