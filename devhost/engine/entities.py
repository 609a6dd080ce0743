"""Runs entities: one batch of operations at a time, state and replies in one transaction."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from itertools import islice

from devhost.clock import Clock
from devhost.engine.commits import Commits
from devhost.functions import FunctionTable, TriggerType
from devhost.hub.rows import Changes, Entity, Message
from devhost.hub.store import TaskHub
from devhost.protocol import failures, history
from devhost.protocol.answer import ProtocolError
from devhost.protocol.entities import BatchResult, EntityId, OperationResult, Request, batch_request, parse_batch_result
from devhost.protocol.history import EventType
from devhost.protocol.json_text import compact
from devhost.size_warnings import SizeWarnings
from devhost.tracebacks import of_the_app
from devhost.worker import FunctionFailedError, Worker

logger = logging.getLogger("devhost.entities")


class Entities:
    """Processes the operations sent to entities, in order, up to `max_batch` in one transaction.

    A crash repeats the batch it interrupts. With batches of one, no operation that was committed is ever run again.
    """

    def __init__(
        self,
        hub: TaskHub,
        commits: Commits,
        worker: Worker,
        functions: FunctionTable,
        clock: Clock,
        stopping: asyncio.Event,
        *,
        max_batch: int,
        client: str = "",
    ) -> None:
        """Prepare the entities; `client` is the JSON of the functions' durable client bindings."""
        self._hub = hub
        self._commits = commits
        self._worker = worker
        self._functions = functions
        self._clock = clock
        self._stopping = stopping
        self._max_batch = max_batch
        self._client = client
        self._sizes = SizeWarnings()

    async def process(self, target: str, messages: deque[Message], error: Exception | None) -> bool:
        """Run the next batch and commit the entity's state, its replies and the end of the messages.

        With an `error` of this host's the operations fail for it instead. What fails while the host stops, which may be
        why, is left for the next start.
        """
        batch = list(islice(messages, self._max_batch))
        requests = [Request.load(message.body) for message in batch]
        present = self._hub.entity(target) or Entity(target, False, None, self._clock.now())
        result = await self._run(target, present, requests, error)
        if self._stopping.is_set() and any(one.is_error for one in result.results):
            return False
        self._sizes.look(target, f"the state of an entity {EntityId.parse(target).name!r}", result.state)
        now = self._clock.now()
        await self._commits.soon(
            Changes(
                consumed=[message.id for message in batch],
                entity=Entity(target, result.exists, result.state, now),
                messages=[
                    _reply(request, history.event_raised(now, request.request_id, one.reply()))
                    for request, one in zip(requests, result.results, strict=True)
                    if not request.is_signal
                ],
            )
        )
        for _ in batch:
            messages.popleft()
        return True

    async def _run(self, target: str, present: Entity, requests: list[Request], error: Exception | None) -> BatchResult:
        """Run the operations; when the entity cannot answer, each fails and the state stays as it was."""
        try:
            if error is not None:
                raise ProtocolError(f"devhost could not process the operations ({type(error).__name__}: {error}).")
            entity_id = EntityId.parse(target)
            function = self._functions.find(TriggerType.ENTITY, entity_id.name)
            if function is None:
                known = self._functions.names(TriggerType.ENTITY)
                raise ProtocolError(failures.unknown_function(entity_id.name, "entity", known))
            request = batch_request(entity_id, present.present, present.state, requests)
            text = await self._worker.run(function, request, self._client)
            return parse_batch_result(text or "", len(requests))
        except (ProtocolError, FunctionFailedError) as ex:
            first_line = str(ex).partition("\n")[0]
            logger.error(
                "%s: %d operation(s) failed: %s", target, len(requests), first_line, **of_the_app(ex.__cause__)
            )
            failed = OperationResult(compact(str(ex)), is_error=True)
            return BatchResult(present.present, present.state, [failed] * len(requests))


def _reply(request: Request, event: history.Event) -> Message:
    return Message(str(request.parent), EventType.EVENT_RAISED, history.dump(event), request.parent_execution)
