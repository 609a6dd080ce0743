"""Runs activities, at least once each: one is removed in the transaction that records its result."""

from __future__ import annotations

import logging
from asyncio import Semaphore
from collections.abc import Callable

from devhost.clock import Clock
from devhost.engine.builtin_http import HttpActivity, HttpActivityError
from devhost.engine.dispatcher import Dispatcher
from devhost.engine.scheduling import HTTP_ACTIVITY, event_message
from devhost.functions import Function, FunctionTable, TriggerType
from devhost.hub.rows import ActivityItem, Changes
from devhost.protocol import failures, history
from devhost.protocol.history import Event
from devhost.worker import Calls, FunctionFailedError, FunctionTimedOutError, Worker

logger = logging.getLogger("devhost.activities")


class Activities:
    """Runs activity items and sends each result to the execution that asked for it."""

    def __init__(
        self,
        worker: Worker,
        functions: FunctionTable,
        clock: Clock,
        http: HttpActivity,
        dispatcher: Dispatcher,
        *,
        max_concurrent: int,
        go_on: Callable[[Changes], ActivityItem | None],
    ) -> None:
        """Prepare; `go_on` is given the end of each plain function on the thread that it ran on.

        It may take the run further there, and return the activity that comes next.
        """
        self._worker = worker
        self._functions = functions
        self._clock = clock
        self._http = http
        self._dispatcher = dispatcher
        self._running = Semaphore(max_concurrent)
        self._go_on = go_on

    async def run(self, item: ActivityItem) -> Changes | ActivityItem:
        """Run one activity and return the changes that end it: its removal and its result, or its failure as one.

        A plain function's thread may go on to the activities that follow: then the changes are those of the last one,
        or what is returned is the first that it could not run.
        """
        async with self._running:
            if item.name == HTTP_ACTIVITY:
                return await self._run_http(item)
            function = self._functions.find(TriggerType.ACTIVITY, item.name)
            if function is None:
                known = self._functions.names(TriggerType.ACTIVITY)
                text = failures.unknown_function(item.name, "activity", known)
                return self._failed(item, FunctionFailedError(text, text))
            if function.is_plain and self._dispatcher.is_calm:
                return await self._worker.run_calls(self._chain(item, function))
            try:
                return self._completed(item, await self._worker.run(function, _payload(item)))
            except FunctionFailedError as ex:
                return self._failed(item, ex)

    def _chain(self, item: ActivityItem, function: Function) -> Calls[Changes | ActivityItem]:
        """Run one activity after the other on a thread, for as long as one leads to the next."""
        while True:
            try:
                ended = self._completed(item, (yield function, _payload(item)))
            except FunctionTimedOutError as ex:
                return self._failed(item, ex)
            except FunctionFailedError as ex:
                ended = self._failed(item, ex)
            following = self._go_on(ended)
            if following is None:
                return ended
            known = self._functions.find(TriggerType.ACTIVITY, following.name)
            if known is None or not known.is_plain or not self._dispatcher.is_calm:
                return following
            item, function = following, known

    async def _run_http(self, item: ActivityItem) -> Changes:
        try:
            return self._completed(item, await self._http.run(item.input or ""))
        except HttpActivityError as ex:
            _log_failure(item, str(ex))
            return self._end_failed(item, str(ex), str(ex))

    def _completed(self, item: ActivityItem, result: str | None) -> Changes:
        result = None if result == "null" else result
        return _end(item, history.task_completed(self._clock.now(), item.task_id, result))

    def _failed(self, item: ActivityItem, error: FunctionFailedError) -> Changes:
        _log_failure(item, error.text)
        is_late = isinstance(error, FunctionTimedOutError)
        reason = (failures.activity_timed_out if is_late else failures.activity_failed)(item.name, error.text)
        return self._end_failed(item, reason, error.trace)

    def _end_failed(self, item: ActivityItem, reason: str, details: str) -> Changes:
        details = failures.exception_details(details)
        return _end(item, history.task_failed(self._clock.now(), item.task_id, reason, details))


def _payload(item: ActivityItem) -> str:
    return item.input if item.input is not None else "null"


def _end(item: ActivityItem, event: Event) -> Changes:
    message = event_message(item.instance_id, item.execution_id, event, item.task_id)
    return Changes(finished_activity=item.id, messages=[message])


def _log_failure(item: ActivityItem, text: str) -> None:
    logger.error("%s: activity '%s' failed: %s", item.instance_id, item.name, text.partition("\n")[0])
