"""Runs activities, at least once each: one is removed in the transaction that records its result."""

from __future__ import annotations

import logging
from asyncio import Semaphore
from collections.abc import Callable

from devhost.clock import Clock
from devhost.engine.builtin_http import HttpActivity, HttpActivityError
from devhost.engine.scheduling import HTTP_ACTIVITY, event_message
from devhost.functions import FunctionTable, TriggerType
from devhost.hub.rows import ActivityItem, Changes, Message
from devhost.protocol import failures, history
from devhost.protocol.history import Event
from devhost.worker import FunctionFailedError, FunctionTimedOutError, Worker

logger = logging.getLogger("devhost.activities")


class Activities:
    """Runs activity items and sends each result to the execution that asked for it."""

    def __init__(
        self,
        worker: Worker,
        functions: FunctionTable,
        clock: Clock,
        http: HttpActivity,
        *,
        max_concurrent: int,
        came_in: Callable[[Message], None],
    ) -> None:
        """Prepare; `came_in` is called with each result of a plain function, on the thread that the function ran on."""
        self._worker = worker
        self._functions = functions
        self._clock = clock
        self._http = http
        self._running = Semaphore(max_concurrent)
        self._came_in = came_in

    async def run(self, item: ActivityItem) -> Changes:
        """Run one activity and return the changes that end it: its removal and its result, or its failure as one."""
        async with self._running:
            try:
                if item.name == HTTP_ACTIVITY:
                    return self._completed(item, await self._http.run(item.input or ""))
                return await self._run_function(item)
            except FunctionFailedError as ex:
                _log_failure(item, ex.text)
                is_late = isinstance(ex, FunctionTimedOutError)
                reason = (failures.activity_timed_out if is_late else failures.activity_failed)(item.name, ex.text)
                return self._failed(item, reason, ex.trace)
            except HttpActivityError as ex:
                _log_failure(item, str(ex))
                return self._failed(item, str(ex), str(ex))

    async def _run_function(self, item: ActivityItem) -> Changes:
        function = self._functions.find(TriggerType.ACTIVITY, item.name)
        if function is None:
            known = self._functions.names(TriggerType.ACTIVITY)
            text = failures.unknown_function(item.name, "activity", known)
            raise FunctionFailedError(text, text)
        payload = item.input if item.input is not None else "null"
        if not function.is_plain:
            return self._completed(item, await self._worker.run(function, payload))

        def go_on(result: str | None) -> Changes:
            changes = self._completed(item, result)
            self._came_in(changes.messages[0])
            return changes

        return await self._worker.run_then(function, payload, go_on)

    def _completed(self, item: ActivityItem, result: str | None) -> Changes:
        result = None if result == "null" else result
        return _end(item, history.task_completed(self._clock.now(), item.task_id, result))

    def _failed(self, item: ActivityItem, reason: str, details: str) -> Changes:
        details = failures.exception_details(details)
        return _end(item, history.task_failed(self._clock.now(), item.task_id, reason, details))


def _end(item: ActivityItem, event: Event) -> Changes:
    message = event_message(item.instance_id, item.execution_id, event, item.task_id)
    return Changes(finished_activity=item.id, messages=[message])


def _log_failure(item: ActivityItem, text: str) -> None:
    logger.error("%s: activity '%s' failed: %s", item.instance_id, item.name, text.partition("\n")[0])
