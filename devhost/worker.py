"""The app's functions, indexed and run by Azure's own Python worker library.

Beside `http_messages` the only module that imports `azure_functions_runtime`. That library answers a failure with
`repr(exception)`, which the Durable Functions protocol cannot be read from, so an invocation is put together here from
the library's own steps and its exception kept. Pinned to version 1.3.0; `tests/unit/devhost/test_worker.py` fails when
these steps change shape.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import traceback
import uuid
from collections.abc import Callable, Generator, Sequence
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

from azure_functions_runtime import handle_event, native_invocation
from azure_functions_runtime.bindings.datumdef import Datum
from azure_functions_runtime.bindings.meta import load_binding_registry
from azure_functions_runtime.functions import FunctionInfo
from azure_functions_runtime.loader import index_function_app
from azure_functions_runtime.logging import logger as library_logger
from azure_functions_runtime.utils import threadpool
from azure_functions_runtime.utils.executor import invocation_id_cv, run_sync_func

from devhost import threads
from devhost.functions import Function, Refused, TriggerType
from devhost.http_messages import HttpRequest, HttpResponse, http_datum, http_response
from devhost.protocol.answer import Answer
from devhost.protocol.history import Event
from devhost.sessions import Begin, Begun, Session, keep_alive
from devhost.threads import LimitExceededError, Threads

logger = logging.getLogger("devhost.worker")

_TIMED_OUT = "Timeout value of %s exceeded by function '%s' (Id: '%s'). Initiating cancellation."
_GOES_ON = "%s is not a coroutine, so it cannot be stopped: it goes on in its thread and its result is dropped."
# The numbers of the host's BindingInfo message, which the library compares directions and data types with.
_PROTOS = SimpleNamespace(BindingInfo=SimpleNamespace(inout=2, out=1, undefined=0))

ResultT = TypeVar("ResultT")
Calls = Generator[tuple[Function, str], str | None, ResultT]
"""Yields functions and the JSON text to run each on, is sent its answer, or thrown its error, and returns a result."""


class AppLoadError(Exception):
    """The app cannot be imported or indexed; Azure would show "0 functions found"."""


class FunctionFailedError(Exception):
    """A function raised. `text` is `Type: message`, as the worker reports it; `trace` its stack trace."""

    def __init__(self, text: str, trace: str) -> None:
        super().__init__(text)
        self.text = text
        self.trace = trace


class FunctionTimedOutError(FunctionFailedError):
    """A function did not end within the time-out of host.json."""


class Worker:
    """Runs one app's functions as Azure's worker does: plain ones on its thread pool, coroutines on the loop.

    There is one app a process: the library keeps its registry in a module. With `live_orchestrators`, orchestrators can
    be kept alive.

    A coroutine that exceeds the `timeout` is canceled. A plain function cannot be stopped: its thread goes on, where
    Azure would restart the worker, and its result is dropped. Orchestrators have no time-out, as a turn is short.
    """

    def __init__(self, timeout: timedelta | None = None, *, live_orchestrators: bool = False) -> None:
        self._timeout = timeout
        self._limit = None if timeout is None else timeout.total_seconds()
        self._live_orchestrators = live_orchestrators
        load_binding_registry()
        threadpool.start_threadpool_executor()
        self._threads = Threads(threadpool.get_threadpool_executor())
        self._process_id = str(uuid.uuid4())[:-12]
        self._numbers = count()

    @property
    def thread_count(self) -> int:
        """How many plain functions run at a time."""
        return self._threads.count

    @property
    def threads_are_wanted(self) -> bool:
        """Whether a plain function waits for a thread; may be asked on any."""
        return self._threads.are_wanted

    def index(self, app_root: Path) -> tuple[list[Function], list[Refused]]:
        """Import `function_app.py` under the root and return its functions, and those the worker cannot load.

        Raises:
            AppLoadError: The module does not import, holds no app or more than one, or names a function twice.
        """
        sys.path.insert(0, str(app_root))
        library_logger.disabled = True  # it logs what it raises
        try:
            indexed = index_function_app(str(app_root / "function_app.py"))
        except Exception as ex:
            # The library wraps an import error in another, with the same trace and Azure's advice.
            cause = ex.__cause__ or ex.__context__ or ex
            trace = "".join(traceback.format_exception(cause)).strip()
            raise AppLoadError(f"{app_root / 'function_app.py'} cannot be loaded.\n{trace}") from ex
        finally:
            library_logger.disabled = False
        functions: list[Function] = []
        refused: list[Refused] = []
        for one in indexed:
            try:
                info = handle_event._functions.add_indexed_function(one, _PROTOS)
                if self._live_orchestrators and hasattr(info.func, "orchestrator_function"):
                    info = info._replace(func=keep_alive(info.func))
                    handle_event._functions._functions[info.function_id] = info
            except Exception as ex:  # whatever keeps one function from loading, the others are served
                refused.append(Refused(one.get_function_name(), str(ex)))
            else:
                functions.append(_describe(info, json.loads(one.get_function_json())))
        return functions, refused

    async def run(self, function: Function, payload: str, client: str = "") -> Any:
        """Run any function but an HTTP one on JSON text and return the text of its answer, or None.

        The answer of an MCP tool is any text, all others' is JSON. `client` is the JSON of its durable client bindings,
        where it has any.

        Raises:
            FunctionFailedError: The function raised, or its answer is no JSON.
            FunctionTimedOutError: It did not end in time.
        """
        return _value(await self._invoke(function, _text_datum(function, payload), client))

    async def run_calls(self, calls: Calls[ResultT]) -> ResultT:
        """Run plain functions as `run` does, one after the other on one thread, and return their result.

        What `calls` does between them it does on that thread too, where it may use `call`. It is thrown
        `FunctionTimedOutError` on the event loop, and then has to end.
        """
        result: ResultT = await self._threads.run(self._invocations(calls), self._limit)
        return result

    async def on_thread(self, work: Callable[[], ResultT]) -> ResultT:
        """Run what uses `call` on a thread of the pool."""
        result: ResultT = await self._threads.run(threads.once(work))
        return result

    def call(self, function: Function, payload: str) -> Any:
        """Run a plain function as `run` does, but on this thread and without a time-out.

        Raises:
            FunctionFailedError: The function raised, or its answer is no JSON.
        """
        return _value(self._call(function, _text_datum(function, payload), "", self._next_id()))

    def begin(self, function: Function, request: str) -> Begun:
        """Run an orchestrator's turn on this thread and keep the orchestrator alive.

        Raises:
            FunctionFailedError: The SDK could not begin the session.
        """
        begun = self.call(function, Begin(request))
        if not isinstance(begun, Begun):
            raise TypeError(f"'{function.name}' cannot be kept alive: the worker was not told to")
        return begun

    def go_on(self, function: Function, session: Session, events: Sequence[Event]) -> Answer:
        """Run the next turn of an orchestrator that was kept alive, on this thread, as a call of its function.

        Raises:
            FunctionFailedError: The orchestrator raised what no orchestrator may, such as `SystemExit`.
        """
        invocation_id = self._next_id()
        context = native_invocation._prepare_context(_info(function), invocation_id, {})
        try:
            answer: Answer = run_sync_func(invocation_id, context, session.go_on, {"events": events})
        except BaseException as ex:
            raise _failed(ex) from ex
        return answer

    async def run_http(self, function: Function, request: HttpRequest, client: str) -> HttpResponse:
        """Run an HTTP function. `client` is the JSON of its durable client bindings.

        Raises:
            FunctionFailedError: The function raised, or answered with something that is no HTTP response.
            FunctionTimedOutError: It did not end in time.
        """
        datum = await self._invoke(function, http_datum(request), client)
        return http_response(datum)

    def close(self) -> None:
        """Start nothing more on the thread pool; what runs there goes on until the process ends."""
        self._threads.close()

    async def _invoke(self, function: Function, trigger: Datum, client: str) -> Datum | None:
        invocation_id = self._next_id()
        try:
            if not function.is_plain:
                return await self._await(function, trigger, client, invocation_id)
            call = partial(self._call, function, trigger, client, invocation_id)
            datum: Datum | None = await self._threads.run(threads.once(call), self._limit)
            return datum
        except LimitExceededError as ex:
            raise self._timed_out(function, invocation_id) from ex

    def _invocations(self, calls: Calls[ResultT]) -> threads.Calls:
        """Turn functions to run into calls of them."""
        go_on: Callable[[], tuple[Function, str]] = partial(next, calls)
        while True:
            try:
                function, payload = go_on()
            except StopIteration as finished:
                return finished.value
            invocation_id = self._next_id()
            try:
                datum = yield partial(self._call, function, _text_datum(function, payload), "", invocation_id)
                go_on = partial(calls.send, _value(datum))
            except FunctionFailedError as ex:
                go_on = partial(calls.throw, ex)
            except LimitExceededError:
                go_on = partial(calls.throw, self._timed_out(function, invocation_id))

    def _call(self, function: Function, trigger: Datum, client: str, invocation_id: str) -> Datum | None:
        """Run a plain function on this thread."""
        try:
            info, context, arguments = _prepare(function, trigger, client, invocation_id)
            return _answer(info, run_sync_func(invocation_id, context, info.func, arguments))
        except BaseException as ex:  # a future cannot carry all of them from thread to thread
            raise _failed(ex) from ex

    async def _await(self, function: Function, trigger: Datum, client: str, invocation_id: str) -> Datum | None:
        """Run a coroutine function on the loop."""
        timer = asyncio.timeout(self._limit)
        token = invocation_id_cv.set(invocation_id)
        try:
            info, context, arguments = _prepare(function, trigger, client, invocation_id)
            context.thread_local_storage.invocation_id = invocation_id
            async with timer:
                result = await info.func(**arguments)
            return _answer(info, result)
        except asyncio.CancelledError as ex:
            if (caller := asyncio.current_task()) is not None and caller.cancelling():
                raise
            raise _failed(ex) from ex
        except (Exception, SystemExit, KeyboardInterrupt) as ex:
            if isinstance(ex, TimeoutError) and timer.expired():
                raise LimitExceededError from ex
            raise _failed(ex) from ex
        finally:
            invocation_id_cv.reset(token)

    def _timed_out(self, function: Function, invocation_id: str) -> FunctionTimedOutError:
        """Log a time-out in the host's words, and return the error that reports it."""
        days, time_of_day = divmod(self._timeout or timedelta(), timedelta(days=1))
        value = f"{f'{days}.' if days else ''}{time_of_day!s:0>8}"
        name = f"Functions.{function.name}"
        logger.error(_TIMED_OUT, value, name, invocation_id)
        if function.is_plain:
            logger.warning(_GOES_ON, name)
        text = f"Timeout value of {value} was exceeded by function: {name}"
        return FunctionTimedOutError(text, text)

    def _next_id(self) -> str:
        """Return a GUID that is unique to this process and to each invocation in it; may be called on any thread."""
        return f"{self._process_id}{next(self._numbers):012x}"


def _prepare(
    function: Function, trigger: Datum, client: str, invocation_id: str
) -> tuple[FunctionInfo, Any, dict[str, Any]]:
    info = _info(function)
    inputs = [(function.parameter, trigger)]
    inputs += [(name, Datum(client, "string")) for name in function.client_parameters]
    arguments = native_invocation._decode_inputs(info, inputs, {})
    context = native_invocation._prepare_context(info, invocation_id, arguments)
    return info, context, arguments


def _info(function: Function) -> FunctionInfo:
    info: FunctionInfo = handle_event._functions.get_function(function.worker_id)
    return info


def _answer(info: FunctionInfo, result: Any) -> Datum | None:
    native_invocation._check_return(info, result)
    datum: Datum | None = native_invocation._encode_return(info, result)
    return datum


def _text_datum(function: Function, payload: str) -> Datum:
    return Datum(payload, "json" if function.trigger_type in (TriggerType.ACTIVITY, TriggerType.TIMER) else "string")


def _value(datum: Datum | None) -> Any:
    return None if datum is None else datum.value


def _failed(ex: BaseException) -> FunctionFailedError:
    return FunctionFailedError(f"{type(ex).__name__}: {ex}", traceback.format_exc())


def _describe(info: FunctionInfo, definition: dict[str, Any]) -> Function:
    bindings = definition["bindings"]
    trigger = next(one for one in bindings if one["type"].lower().endswith("trigger"))
    return Function(
        name=info.name,
        worker_id=info.function_id,
        trigger_type=trigger["type"],
        parameter=trigger["name"],
        trigger=trigger,
        client_parameters=tuple(one["name"] for one in bindings if one["type"] == "durableClient"),
        is_plain=not info.is_async,
    )
