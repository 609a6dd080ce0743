"""Remove a run with all that belongs to it."""

import asyncio
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

import azure.durable_functions as df
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus

from durable_agents.runs.control import purge
from durable_agents.sessions.entity import RUN_FIELD
from durable_agents.settings.review import DraftSettings
from durable_agents.storage.drafts import forget_drafts

_ENTITY = re.compile(r"@([^@]+)@(.+)")


@dataclass(frozen=True, slots=True)
class RunRemoval:
    """What a run may leave behind, beside its history.

    Attributes:
        agents: The names of the entities of agents, as histories have them.
        drafts: Where its drafts are kept for reviewers.
    """

    agents: Mapping[str, str]
    drafts: DraftSettings

    async def remove(self, client: df.DurableOrchestrationClient, instance_id: str) -> bool:
        """Remove a run that is over, with its history, its agents' sessions and its drafts.

        False says that it is gone already, or not over. The history goes last: it says what belongs to the run, so a
        crash leaves nothing that a repeat would not find. What it has sent or published stays.

        Raises:
            ProblemError: 501, the storage provider of the task hub cannot do that.
            TaskHubError: The task hub answered otherwise.
            OSError: A draft cannot be removed; with drafts in Blob Storage, azure.core.exceptions.AzureError.
        """
        status = await client.get_status(instance_id, show_history=True)
        for entity in self._sessions_of(status) if status else ():
            await client.signal_entity(entity, "delete", {RUN_FIELD: instance_id})
        await asyncio.to_thread(forget_drafts, instance_id, self.drafts)
        return await purge(client, instance_id)

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
