"""What can be asked of the task hub from outside: start, raise, suspend, resume, terminate, restart, purge, signal."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from datetime import datetime

from devhost.clock import Clock
from devhost.engine.commits import Commits
from devhost.engine.endings import Endings
from devhost.engine.execution import Execution
from devhost.engine.rewind import rewind
from devhost.engine.scheduling import start_changes
from devhost.hub.file import HubGoneError
from devhost.hub.rows import OPERATION, Changes, Instance, Message, Status
from devhost.hub.store import TaskHub
from devhost.protocol import history, ids
from devhost.protocol.entities import EntityId, Request
from devhost.protocol.history import Event

_LONGEST_WAIT_SECONDS = 30.0


class InstanceNotFoundError(Exception):
    """There is no instance of this id."""


class InstanceEndedError(Exception):
    """The instance has ended already."""


class InstanceRunningError(Exception):
    """An instance of this id has not ended yet."""


class InstanceStateError(Exception):
    """The instance is in a state in which this cannot be done; the text is the extension's sentence."""


class InvalidIdError(Exception):
    """An id or a name is not one that the task hub takes."""


class HubUnavailableError(Exception):
    """The task hub could not be written for too long; nothing of what was asked for happened."""


class HubClient:
    """Changes the task hub for HTTP callers. Every method returns once what it did is durable.

    Each may raise `InvalidIdError` and `HubUnavailableError` too; then nothing of it happened.
    """

    def __init__(self, hub: TaskHub, commits: Commits, endings: Endings, clock: Clock) -> None:
        self._hub = hub
        self._commits = commits
        self._endings = endings
        self._clock = clock

    async def start(self, name: str, instance_id: str | None, input_text: str | None) -> str:
        """Start an instance and return its id, a new one when none is given. One that has ended is replaced.

        Raises:
            InstanceRunningError: An instance of this id is pending, running or suspended.
        """
        instance_id = instance_id or uuid.uuid4().hex
        _check("The instance id", instance_id, ids.fault_of_instance(instance_id))
        _check("The name", name, ids.fault_of(name))
        present = self._commits.instance(instance_id)
        if present is not None and not present.status.is_final:
            raise InstanceRunningError(
                f"An Orchestration instance with the status {present.status} already exists: '{instance_id}'."
            )
        await self._commit(start_changes(instance_id, name, input_text, self._clock.now()))
        return instance_id

    async def wait(self, instance_id: str, seconds: float) -> bool:
        """Wait until an instance has ended; False when it has not within this many seconds, or is not there."""
        instance = self._hub.instance(instance_id)
        if instance is None or instance.status.is_final:
            return instance is not None
        return await self._endings.wait(instance_id, seconds)

    async def restart(self, instance_id: str, *, new_id: bool) -> str:
        """Start an instance's orchestration again with its input, under a new id or its own; return that id.

        Raises:
            InstanceNotFoundError: There is no such instance.
            InstanceRunningError: It has not ended, and no new id was asked for.
        """
        instance = self._instance(instance_id)
        return await self.start(instance.name, None if new_id else instance_id, instance.input)

    async def raise_event(self, instance_id: str, name: str, input_text: str | None) -> None:
        """Send an external event.

        Raises:
            InstanceNotFoundError: There is no such instance.
            InstanceEndedError: It has ended.
        """
        _check("The name of the event", name, ids.fault_of(name))
        await self._send(self._live_instance(instance_id), history.event_raised(self._clock.now(), name, input_text))

    async def terminate(self, instance_id: str, reason: str | None) -> None:
        """Ask an instance to end at once.

        Raises:
            InstanceNotFoundError: There is no such instance.
            InstanceEndedError: It has ended.
        """
        await self._send(self._live_instance(instance_id), history.execution_terminated(self._clock.now(), reason))

    async def suspend(self, instance_id: str, reason: str | None) -> None:
        """Ask an instance to begin nothing more.

        Raises:
            InstanceNotFoundError: There is no such instance.
            InstanceEndedError: It has ended.
            InstanceStateError: It is suspended.
        """
        instance = self._live_instance(instance_id)
        if instance.status is Status.SUSPENDED:
            raise _wrong_state("suspend", instance)
        await self._send(instance, history.execution_suspended(self._clock.now(), reason))

    async def resume(self, instance_id: str, reason: str | None) -> None:
        """Ask a suspended instance to go on.

        Raises:
            InstanceNotFoundError: There is no such instance.
            InstanceEndedError: It has ended.
            InstanceStateError: It is not suspended.
        """
        instance = self._live_instance(instance_id)
        if instance.status is not Status.SUSPENDED:
            raise _wrong_state("resume", instance)
        await self._send(instance, history.execution_resumed(self._clock.now(), reason))

    async def rewind(self, instance_id: str) -> None:
        """Take a failed instance, and the failed children it waits for, back to before what failed; they go on there.

        Raises:
            InstanceNotFoundError: There is no such instance.
            InstanceStateError: It has not failed, or a child it needs is no longer there.
        """
        changes = Changes()
        self._rewind(self._instance(instance_id), changes)
        await self._commit(changes)

    def _rewind(self, instance: Instance, changes: Changes) -> None:
        instance_id = instance.instance_id
        if instance.status is not Status.FAILED:
            raise _wrong_state("rewind", instance)
        result = rewind(Execution.replay(instance, self._hub.history(instance_id)))
        now = self._clock.now()
        changes.instances.append(replace(instance, status=Status.RUNNING, output=None, updated=now))
        changes.forget_history.append(instance_id)
        changes.history += [(instance_id, n, row) for n, row in enumerate(result.rows)]
        changes.messages += result.messages
        changes.activities += result.activities
        for child_id in result.children.values():
            child = self._commits.instance(child_id)
            if child is None:
                raise InstanceStateError(
                    f"Cannot rewind the orchestration instance {instance_id} because its child {child_id} is gone."
                )
            self._rewind(child, changes)

    async def purge(self, instance_id: str) -> bool:
        """Forget an instance that has ended; False when there is none, or it runs."""
        return await self._purge([instance_id]) == 1

    async def purge_many(
        self, statuses: frozenset[Status] | None, created_from: datetime, created_to: datetime | None
    ) -> int:
        """Forget the instances that have ended, among those of the statuses (None: all) and times; return how many."""
        final = frozenset(status for status in Status if status.is_final)
        wanted = final if statuses is None else statuses & final
        purged = 0
        while found := self._hub.instances(
            statuses=wanted, created_from=created_from, created_to=created_to, limit=500
        ):
            purged += await self._purge([instance.instance_id for instance in found])
        return purged

    async def signal_entity(self, entity: EntityId, operation: str, input_text: str | None) -> None:
        """Send an operation to an entity, which nobody waits for."""
        _check("The entity key", entity.key, ids.fault_of(entity.key))
        request = Request(operation, str(uuid.uuid4()), input_text, is_signal=True)
        body = request.dump(self._clock.now())
        await self._commit(Changes(messages=[Message(str(entity), OPERATION, body)]))

    async def _send(self, instance: Instance, event: Event) -> None:
        await self._commit(Changes(messages=[Message(instance.instance_id, event["EventType"], history.dump(event))]))

    async def _purge(self, instance_ids: list[str]) -> int:
        found = [self._commits.instance(one) for one in instance_ids]
        purged = [one.instance_id for one in found if one is not None and one.status.is_final]
        if purged:
            await self._commit(Changes(purged=purged))
        return len(purged)

    async def _commit(self, changes: Changes) -> None:
        """Commit what was looked at in the same step, so that nothing comes between."""
        try:
            async with asyncio.timeout(_LONGEST_WAIT_SECONDS):
                await self._commits.soon(changes)
        except HubGoneError as ex:
            raise HubUnavailableError(str(ex)) from ex
        except TimeoutError as ex:
            raise HubUnavailableError("The task hub cannot be written at present; see the host's log.") from ex

    def _instance(self, instance_id: str) -> Instance:
        instance = self._commits.instance(instance_id)
        if instance is None:
            raise InstanceNotFoundError(f"There is no instance '{instance_id}'.")
        return instance

    def _live_instance(self, instance_id: str) -> Instance:
        instance = self._instance(instance_id)
        if instance.status.is_final:
            raise InstanceEndedError(f"Instance '{instance_id}' is {instance.status}.")
        return instance


def _wrong_state(what: str, instance: Instance) -> InstanceStateError:
    return InstanceStateError(
        f"Cannot {what} the orchestration instance {instance.instance_id} because instance is in the "
        f"{instance.status} state."
    )


def _check(what: str, text: str, fault: str | None) -> None:
    if fault is not None:
        raise InvalidIdError(f"{what} {text!r} cannot be used: {fault}.")
