"""Runs activities, at least once each: one is removed in the transaction that records its result."""

from __future__ import annotations

import asyncio
import logging

from devhost.clock import Clock
from devhost.engine.builtin_http import HttpActivity, HttpActivityError
from devhost.engine.scheduling import HTTP_ACTIVITY, event_message
from devhost.functions import FunctionTable, TriggerType
from devhost.hub.rows import ActivityItem, Changes
from devhost.protocol import failures, history
from devhost.size_warnings import SizeWarnings
from devhost.tracebacks import of_the_app
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
        stopping: asyncio.Event,
        *,
        max_concurrent: int,
    ) -> None:
        self._worker = worker
        self._functions = functions
        self._clock = clock
        self._http = http
        self._stopping = stopping
        self._sizes = SizeWarnings()
        self._running = asyncio.Semaphore(max_concurrent)

    async def run(self, item: ActivityItem, error: Exception | None) -> Changes | None:
        """Run one activity and return the changes that end it: its removal and its result, or its failure as one.

        With an `error` of this host's it fails for that. None says that it failed while the host stops, which may be
        why: the next start runs it again.
        """
        try:
            if error is not None:
                raise FunctionFailedError(f"devhost could not run it ({type(error).__name__}: {error})", "") from error
            async with self._running:
                logger.debug("%s: activity '%s' begins, task %d.", item.instance_id, item.name, item.task_id)
                result = await self._result(item)
        except (FunctionFailedError, HttpActivityError) as ex:
            return None if self._stopping.is_set() else self._failed(item, ex)
        self._sizes.look(item.instance_id, f"the input of activity '{item.name}'", item.input)
        self._sizes.look(item.instance_id, f"the result of activity '{item.name}'", result)
        event = history.task_completed(self._clock.now(), item.task_id, None if result == "null" else result)
        return _end(item, event)

    async def _result(self, item: ActivityItem) -> str | None:
        if item.name == HTTP_ACTIVITY:
            return await self._http.run(item.input or "")
        function = self._functions.find(TriggerType.ACTIVITY, item.name)
        if function is None:
            text = failures.unknown_function(item.name, "activity", self._functions.names(TriggerType.ACTIVITY))
            raise FunctionFailedError(text, text)
        result: str | None = await self._worker.run(function, item.input if item.input is not None else "null")
        return result

    def _failed(self, item: ActivityItem, error: FunctionFailedError | HttpActivityError) -> Changes:
        text = str(error)
        cause = None if isinstance(error, FunctionTimedOutError | HttpActivityError) else error.__cause__
        first_line = text.partition("\n")[0]
        logger.error("%s: activity '%s' failed: %s", item.instance_id, item.name, first_line, **of_the_app(cause))
        if isinstance(error, HttpActivityError):
            reason, trace = text, text
        else:
            reason, trace = failures.activity_failed(item.name, text), error.trace
        details = failures.exception_details(trace)
        return _end(item, history.task_failed(self._clock.now(), item.task_id, reason, details))


def _end(item: ActivityItem, event: history.Event) -> Changes:
    message = event_message(item.instance_id, item.execution_id, event, item.task_id)
    return Changes(finished_activity=item.id, messages=[message])
