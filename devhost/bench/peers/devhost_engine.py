"""devhost's engine in process, on a task hub file. The only module of the benchmarks that knows what it is made of."""

from __future__ import annotations

import asyncio
import json
import warnings
from collections.abc import Sequence
from pathlib import Path

from devhost import fast_timestamps as faster
from devhost.app_settings import load_host_settings
from devhost.bench.outcomes import Outcome
from devhost.clock import SystemClock
from devhost.engine.engine import Engine
from devhost.functions import FunctionTable
from devhost.hub.rows import Changes, Entity, Status
from devhost.hub.store import TaskHub
from devhost.protocol.entities import EntityId, Request
from devhost.sessions import Mode
from devhost.worker import Worker


class WatchedHub(TaskHub):
    """A task hub that counts its transactions, and tells when an entity's new state is durable.

    It may be committed to on any thread, one at a time, and is watched on the event loop.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.commits = 0
        self._watched: dict[str, asyncio.Future[None]] = {}

    def watch(self, entity_id: str) -> asyncio.Future[None]:
        """Return a future that is done once the entity's next state is durable."""
        return self._watched.setdefault(entity_id, asyncio.get_running_loop().create_future())

    def commit(self, group: Sequence[Changes]) -> None:
        """Apply changes, count, and tell."""
        super().commit(group)
        self.commits += 1
        for changes in group:
            if changes.entity is not None and changes.entity.entity_id in self._watched:
                done = self._watched.pop(changes.entity.entity_id)
                done.get_loop().call_soon_threadsafe(done.set_result, None)


class BenchEngine:
    """An engine, put together and working on `hub.db` in a folder, with all that the file holds taken up.

    Made and called on the event loop on which it works.
    """

    def __init__(self, folder: Path, app_root: Path, replay: bool, fast_timestamps: bool) -> None:
        """Start it.

        Raises:
            RuntimeError: The app has functions that devhost refuses.
        """
        # Of events that nobody waits for yet the SDK warns; the chains of the benchmarks have them on purpose.
        warnings.filterwarnings("ignore", "Potential duplicate Task completion")
        if fast_timestamps:
            faster.install()
        worker = Worker()
        functions, refused = worker.index(app_root)
        if refused:
            raise RuntimeError(f"devhost refuses functions of {app_root}: {refused}")
        self._hub = WatchedHub(folder / "hub.db")
        settings = load_host_settings(app_root, {})
        mode = Mode.REPLAY if replay else Mode.LIVE
        self._engine = Engine(self._hub, worker, FunctionTable(functions), SystemClock(), settings, mode)
        self._engine.start()

    @property
    def commits(self) -> int:
        """How many transactions there have been."""
        return self._hub.commits

    async def start(self, orchestration: str, instance_id: str | None, size: int) -> str:
        """Start an instance and return its id, a new one when none is given. The input goes as the SDK's client has it.

        That is JSON text in a JSON string: from a bare number the SDK reads no input, and the run fails.
        """
        return await self._engine.client.start(orchestration, instance_id, json.dumps(json.dumps(size)))

    async def send_event(self, instance_id: str, name: str, payload: object) -> None:
        """Send an external event."""
        await self._engine.client.raise_event(instance_id, name, json.dumps(payload))

    async def has_ended(self, instance_id: str, seconds: float) -> bool:
        """Wait until an instance has ended, in whatever way; False when it has not within this time."""
        return await self._engine.client.wait(instance_id, seconds)

    def outcome(self, instance_id: str) -> Outcome | None:
        """Return how an instance stands in the task hub, or None when there is none."""
        instance = self._hub.instance(instance_id)
        if instance is None:
            return None
        output = None if instance.output is None else json.loads(instance.output)
        return Outcome(instance_id, instance.status, output)

    def is_any_pending(self) -> bool:
        """Whether an instance has not begun."""
        return bool(self._hub.instances(statuses=frozenset([Status.PENDING]), limit=1))

    def put_state(self, entity: EntityId, state: str) -> None:
        """Give an entity that has not run yet a state to begin with."""
        self._hub.commit([Changes(entity=Entity(str(entity), True, state, SystemClock().now()))])

    async def operate(self, entity: EntityId, request: Request) -> None:
        """Signal an entity and return once its new state is durable."""
        done = self._hub.watch(str(entity))
        await self._engine.client.signal_entity(entity, request.operation, request.input)
        await done

    def state(self, entity: EntityId) -> str | None:
        """Return an entity's state."""
        found = self._hub.entity(str(entity))
        return None if found is None else found.state
