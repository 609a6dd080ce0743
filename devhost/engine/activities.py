"""Runs activities, at least once each: one is removed in the transaction that records its result."""

from __future__ import annotations

import logging
from asyncio import Semaphore

from devhost.clock import Clock
from devhost.engine.builtin_http import HttpActivity, HttpActivityError
from devhost.engine.scheduling import HTTP_ACTIVITY, event_message
from devhost.functions import FunctionTable, TriggerType
from devhost.hub.rows import ActivityItem, Changes
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
    ) -> None:
        self._worker = worker
        self._functions = functions
        self._clock = clock
        self._http = http
        self._running = Semaphore(max_concurrent)

    async def run(self, item: ActivityItem) -> Changes:
        """Run one activity and return the changes that end it: its removal and its result, or its failure as one."""
        async with self._running:
            event = await self._result(item)
        message = event_message(item.instance_id, item.execution_id, event, item.task_id)
        return Changes(finished_activity=item.id, messages=[message])

    async def _result(self, item: ActivityItem) -> Event:
        try:
            is_http = item.name == HTTP_ACTIVITY
            result = await (self._http.run(item.input or "") if is_http else self._run_function(item))
        except FunctionFailedError as ex:
            _log_failure(item, ex.text)
            is_late = isinstance(ex, FunctionTimedOutError)
            reason = (failures.activity_timed_out if is_late else failures.activity_failed)(item.name, ex.text)
            return history.task_failed(self._clock.now(), item.task_id, reason, failures.exception_details(ex.trace))
        except HttpActivityError as ex:
            _log_failure(item, str(ex))
            return history.task_failed(self._clock.now(), item.task_id, str(ex), failures.exception_details(str(ex)))
        return history.task_completed(self._clock.now(), item.task_id, None if result == "null" else result)

    async def _run_function(self, item: ActivityItem) -> str | None:
        function = self._functions.find(TriggerType.ACTIVITY, item.name)
        if function is None:
            known = self._functions.names(TriggerType.ACTIVITY)
            text = failures.unknown_function(item.name, "activity", known)
            raise FunctionFailedError(text, text)
        result: str | None = await self._worker.run(function, item.input if item.input is not None else "null")
        return result


def _log_failure(item: ActivityItem, text: str) -> None:
    logger.error("%s: activity '%s' failed: %s", item.instance_id, item.name, text.partition("\n")[0])
