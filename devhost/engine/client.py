"""What can be asked of the task hub from outside: start, raise, suspend, resume, terminate, restart, purge, signal."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from devhost.clock import Clock
from devhost.engine.dispatcher import Dispatcher
from devhost.engine.execution import Execution
from devhost.engine.rewind import rewind
from devhost.engine.scheduling import start_changes
from devhost.hub.rows import OPERATION, Changes, Instance, Message, Status
from devhost.hub.store import TaskHub
from devhost.protocol import history
from devhost.protocol.entities import EntityId, Request
from devhost.protocol.history import Event


class InstanceNotFoundError(Exception):
    """There is no instance of this id."""


class InstanceEndedError(Exception):
    """The instance has ended already."""


class InstanceRunningError(Exception):
    """An instance of this id has not ended yet."""


class InstanceStateError(Exception):
    """The instance is in a state in which this cannot be done; the text is the extension's sentence."""


class HubClient:
    """Changes the task hub for HTTP callers. Every method returns once what it did is durable."""

    def __init__(self, hub: TaskHub, dispatcher: Dispatcher, clock: Clock, forget: Callable[[str], None]) -> None:
        self._hub = hub
        self._dispatcher = dispatcher
        self._clock = clock
        self._forget = forget

    async def start(self, name: str, instance_id: str | None, input_text: str | None) -> str:
        """Start an instance and return its id, a new one when none is given. One that has ended is replaced.

        Raises:
            InstanceRunningError: An instance of this id is pending, running or suspended.
        """
        instance_id = instance_id or uuid.uuid4().hex
        present = self._dispatcher.instance(instance_id)
        if present is not None and not present.status.is_final:
            raise InstanceRunningError(
                f"An Orchestration instance with the status {present.status} already exists: '{instance_id}'."
            )
        self._forget(instance_id)
        await self._dispatcher.commit_soon(start_changes(instance_id, name, input_text, self._clock.now()))
        return instance_id

    async def restart(self, instance_id: str, *, new_id: bool) -> str:
        """Start an instance's orchestration again with its input, under a new id or its own; return that id.

        Raises:
            InstanceNotFoundError: There is no such instance.
            InstanceRunningError: It has not ended, and no new id was asked for.
        """
        instance = self._instance(instance_id)
        return await self.start(instance.name, None if new_id else instance_id, instance.input)

    def raise_event(self, instance_id: str, name: str, input_text: str | None) -> None:
        """Send an external event.

        Raises:
            InstanceNotFoundError: There is no such instance.
            InstanceEndedError: It has ended.
        """
        self._send(self._live_instance(instance_id), history.event_raised(self._clock.now(), name, input_text))

    def terminate(self, instance_id: str, reason: str | None) -> None:
        """Ask an instance to end at once.

        Raises:
            InstanceNotFoundError: There is no such instance.
            InstanceEndedError: It has ended.
        """
        self._send(self._live_instance(instance_id), history.execution_terminated(self._clock.now(), reason))

    def suspend(self, instance_id: str, reason: str | None) -> None:
        """Ask an instance to hold all its messages.

        Raises:
            InstanceNotFoundError: There is no such instance.
            InstanceEndedError: It has ended.
            InstanceStateError: It is suspended.
        """
        instance = self._live_instance(instance_id)
        if instance.status is Status.SUSPENDED:
            raise InstanceStateError(
                f"Cannot suspend the orchestration instance {instance_id} because instance is in the Suspended state."
            )
        self._send(instance, history.execution_suspended(self._clock.now(), reason))

    def resume(self, instance_id: str, reason: str | None) -> None:
        """Ask a suspended instance to go on.

        Raises:
            InstanceNotFoundError: There is no such instance.
            InstanceEndedError: It has ended.
            InstanceStateError: It is not suspended.
        """
        instance = self._live_instance(instance_id)
        if instance.status is not Status.SUSPENDED:
            raise InstanceStateError(
                f"Cannot resume the orchestration instance {instance_id} because instance is in the "
                f"{instance.status} state."
            )
        self._send(instance, history.execution_resumed(self._clock.now(), reason))

    def rewind(self, instance_id: str) -> None:
        """Take a failed instance, and the failed children it waits for, back to before what failed; they go on there.

        Raises:
            InstanceNotFoundError: There is no such instance.
            InstanceEndedError: It has ended in another way than by failing.
            InstanceStateError: It has not ended, or a child it needs is no longer there.
        """
        instance = self._instance(instance_id)
        if instance.status.is_final and instance.status is not Status.FAILED:
            raise InstanceEndedError(f"Instance '{instance_id}' is {instance.status}.")
        changes = Changes()
        self._rewind(instance, changes)
        for one in changes.instances:
            self._forget(one.instance_id)
        self._dispatcher.commit(changes)

    def _rewind(self, instance: Instance, changes: Changes) -> None:
        instance_id = instance.instance_id
        if instance.status is not Status.FAILED:
            raise InstanceStateError(
                f"Cannot rewind the orchestration instance {instance_id} because instance is in the "
                f"{instance.status} state."
            )
        result = rewind(Execution.replay(instance, self._hub.history(instance_id)))
        now = self._clock.now()
        changes.instances.append(replace(instance, status=Status.RUNNING, output=None, updated=now))
        changes.forget_history.append(instance_id)
        changes.history += [(instance_id, n, row) for n, row in enumerate(result.rows)]
        changes.messages += result.messages
        changes.activities += result.activities
        for child_id in result.children.values():
            child = self._hub.instance(child_id)
            if child is None:
                raise InstanceStateError(
                    f"Cannot rewind the orchestration instance {instance_id} because its child {child_id} is gone."
                )
            self._rewind(child, changes)

    def purge(self, instance_id: str) -> bool:
        """Forget an instance that has ended; False when there is none, or it runs."""
        instance = self._hub.instance(instance_id)
        if instance is None or not instance.status.is_final:
            return False
        self._dispatcher.flush()
        self._hub.purge(instance_id)
        self._forget(instance_id)
        return True

    def purge_many(
        self, statuses: frozenset[Status] | None, created_from: datetime, created_to: datetime | None
    ) -> int:
        """Forget the instances that have ended, among those of the statuses (None: all) and times; return how many."""
        final = frozenset(status for status in Status if status.is_final)
        wanted = final if statuses is None else statuses & final
        purged = 0
        while found := self._hub.instances(
            statuses=wanted, created_from=created_from, created_to=created_to, limit=500
        ):
            purged += sum(self.purge(instance.instance_id) for instance in found)
        return purged

    def signal_entity(self, entity: EntityId, operation: str, input_text: str | None) -> None:
        """Send an operation to an entity, which nobody waits for."""
        request = Request(operation, str(uuid.uuid4()), input_text, is_signal=True)
        body = request.dump(self._clock.now())
        self._dispatcher.commit(Changes(messages=[Message(str(entity), OPERATION, body)]))

    def _send(self, instance: Instance, event: Event) -> None:
        message = Message(instance.instance_id, event["EventType"], history.dump(event))
        self._dispatcher.commit(Changes(messages=[message]))

    def _instance(self, instance_id: str) -> Instance:
        instance = self._hub.instance(instance_id)
        if instance is None:
            raise InstanceNotFoundError(f"There is no instance '{instance_id}'.")
        return instance

    def _live_instance(self, instance_id: str) -> Instance:
        instance = self._instance(instance_id)
        if instance.status.is_final:
            raise InstanceEndedError(f"Instance '{instance_id}' is {instance.status}.")
        return instance
