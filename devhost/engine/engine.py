"""Everything that runs on one task hub, put together."""

from __future__ import annotations

from devhost.app_settings import HostSettings
from devhost.clock import Clock
from devhost.engine.activities import Activities
from devhost.engine.builtin_http import HttpActivity
from devhost.engine.client import HubClient
from devhost.engine.dispatcher import Dispatcher, Processor
from devhost.engine.entities import Entities
from devhost.engine.orchestrations import Orchestrations
from devhost.functions import FunctionTable
from devhost.hub.store import TaskHub
from devhost.sessions import Mode
from devhost.worker import Worker


class Engine:
    """Runs the orchestrations, activities and entities of one app; `client` asks it for more, `hub` tells what is.

    Entity functions are bound to the durable client that `client_binding` describes, as JSON.
    """

    def __init__(
        self,
        hub: TaskHub,
        worker: Worker,
        functions: FunctionTable,
        clock: Clock,
        settings: HostSettings,
        mode: Mode = Mode.REPLAY,
        client_binding: str = "",
    ) -> None:
        self.hub = hub
        self.dispatcher = Dispatcher(hub, clock)
        self._orchestrations = Orchestrations(
            hub,
            self.dispatcher,
            worker,
            functions,
            clock,
            max_concurrent=settings.max_concurrent_orchestrators,
            mode=mode,
        )
        self._entities = Entities(
            hub,
            self.dispatcher,
            worker,
            functions,
            clock,
            max_batch=settings.max_entity_batch,
            client=client_binding,
        )
        self._http = HttpActivity()
        self._activities = Activities(
            worker,
            functions,
            clock,
            self._http,
            self.dispatcher,
            max_concurrent=settings.max_concurrent_activities,
            go_on=self._orchestrations.go_on_here,
        )
        self.client = HubClient(hub, self.dispatcher, clock, self._orchestrations.forget)

    def start(self) -> int:
        """Go on with all that the task hub holds and return how many messages and activities that was."""
        return self.dispatcher.start(self._processor_of, self._activities.run)

    async def stop(self, grace_seconds: float) -> None:
        """Start nothing more and give what runs this long to finish; the task hub keeps the rest."""
        await self.dispatcher.stop(grace_seconds)
        await self._http.close()

    def _processor_of(self, target: str) -> Processor:
        return self._entities if target.startswith("@") else self._orchestrations
