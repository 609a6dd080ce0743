"""Everything that runs on one task hub, put together."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from devhost.app_settings import HostSettings
from devhost.clock import Clock
from devhost.engine.activities import Activities
from devhost.engine.builtin_http import HttpActivity
from devhost.engine.client import HubClient
from devhost.engine.commits import Commits
from devhost.engine.dispatcher import Dispatcher, Processor
from devhost.engine.endings import Endings
from devhost.engine.entities import Entities
from devhost.engine.orchestrations import Orchestrations
from devhost.functions import FunctionTable
from devhost.hub.store import TaskHub
from devhost.sessions import Mode
from devhost.worker import Worker


class Engine:
    """Runs the orchestrations, activities and entities of one app; `client` asks it for more, `hub` tells what is.

    Entity functions are bound to the durable client that `client_binding` describes, as JSON. The work of instances and
    entities in `deadly` is not run but ended, for the error. With `early_timers` timers fire up to a second early.
    """

    def __init__(
        self,
        hub: TaskHub,
        worker: Worker,
        functions: FunctionTable,
        clock: Clock,
        settings: HostSettings,
        mode: Mode = Mode.LIVE,
        client_binding: str = "",
        *,
        deadly: Mapping[str, Exception] | None = None,
        early_timers: bool = False,
    ) -> None:
        self.hub = hub
        commits, endings, stopping = Commits(hub), Endings(), asyncio.Event()
        self._orchestrations = Orchestrations(
            hub, commits, worker, functions, clock, max_concurrent=settings.max_concurrent_orchestrators, mode=mode
        )
        self._entities = Entities(
            hub,
            commits,
            worker,
            functions,
            clock,
            stopping,
            max_batch=settings.max_entity_batch,
            client=client_binding,
        )
        self._http = HttpActivity()
        activities = Activities(
            worker, functions, clock, self._http, stopping, max_concurrent=settings.max_concurrent_activities
        )
        self._dispatcher = Dispatcher(
            hub,
            commits,
            clock,
            endings,
            stopping,
            self._processor_of,
            activities.run,
            deadly=deadly,
            early_timers=early_timers,
        )
        self.client = HubClient(hub, commits, endings, clock)

    def start(self) -> int:
        """Go on with all that the task hub holds and return how many messages and activities that was."""
        return self._dispatcher.start()

    async def stop(self, grace_seconds: float) -> None:
        """Start nothing more and give what runs this long to finish; the task hub keeps the rest."""
        await self._dispatcher.stop(grace_seconds)
        await self._http.close()

    def _processor_of(self, target: str) -> Processor:
        return self._entities if target.startswith("@") else self._orchestrations
