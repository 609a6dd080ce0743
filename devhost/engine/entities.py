"""Runs entities: one batch of operations at a time, state and replies in one transaction."""

from __future__ import annotations

import logging
from collections import deque
from itertools import islice

from devhost.clock import Clock
from devhost.engine.dispatcher import Dispatcher
from devhost.functions import FunctionTable, TriggerType
from devhost.hub.rows import ActivityItem, Changes, Entity, Message
from devhost.hub.store import TaskHub
from devhost.protocol import failures, history
from devhost.protocol.answer import ProtocolError
from devhost.protocol.entities import BatchResult, EntityId, OperationResult, Request, batch_request, parse_batch_result
from devhost.protocol.history import EventType
from devhost.protocol.json_text import compact
from devhost.worker import FunctionFailedError, Worker

logger = logging.getLogger("devhost.entities")


class Entities:
    """Processes the operations sent to entities, in order, up to `max_batch` in one transaction.

    A crash repeats the batch it interrupts. With batches of one, no operation that was committed is ever run again.
    """

    def __init__(
        self,
        hub: TaskHub,
        dispatcher: Dispatcher,
        worker: Worker,
        functions: FunctionTable,
        clock: Clock,
        *,
        max_batch: int,
        client: str = "",
    ) -> None:
        """Prepare the entities; `client` is the JSON of the functions' durable client bindings."""
        self._hub = hub
        self._dispatcher = dispatcher
        self._worker = worker
        self._functions = functions
        self._clock = clock
        self._max_batch = max_batch
        self._client = client

    async def process(self, target: str, messages: deque[Message]) -> list[ActivityItem]:
        """Run the next batch and commit the entity's state, its replies and the end of the messages."""
        batch = list(islice(messages, self._max_batch))
        requests = [Request.load(message.body) for message in batch]
        present = self._hub.entity(target)
        result = await self._run(EntityId.parse(target), present, requests)
        now = self._clock.now()
        activities = await self._dispatcher.commit_soon(
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
        return activities

    async def _run(self, entity_id: EntityId, present: Entity | None, requests: list[Request]) -> BatchResult:
        """Run the operations; when the entity cannot answer, each fails and the state stays as it was."""
        exists, state = (present.present, present.state) if present is not None else (False, None)
        try:
            function = self._functions.find(TriggerType.ENTITY, entity_id.name)
            if function is None:
                known = self._functions.names(TriggerType.ENTITY)
                raise ProtocolError(failures.unknown_function(entity_id.name, "entity", known))
            text = await self._worker.run(function, batch_request(entity_id, exists, state, requests), self._client)
            return parse_batch_result(text or "", len(requests))
        except (ProtocolError, FunctionFailedError) as ex:
            logger.error("%s: %d operation(s) failed: %s", entity_id, len(requests), str(ex).partition("\n")[0])
            return BatchResult(exists, state, [OperationResult(compact(str(ex)), is_error=True) for _ in requests])


def _reply(request: Request, event: history.Event) -> Message:
    return Message(str(request.parent), EventType.EVENT_RAISED, history.dump(event), request.parent_execution)
