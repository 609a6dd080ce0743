"""The app's functions, indexed and run by Azure's own Python worker library.

Beside `http_messages` the only module that imports `azure_functions_runtime`. That library answers a failure with
`repr(exception)`, which the Durable Functions protocol cannot be read from, so an invocation is put together here from
the library's own steps and its exception kept. Pinned to version 1.3.0; `devhost/tests/unit/test_worker.py` fails when
these steps change shape.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import traceback
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from azure_functions_runtime import handle_event, native_invocation
from azure_functions_runtime.bindings.datumdef import Datum
from azure_functions_runtime.bindings.meta import load_binding_registry
from azure_functions_runtime.functions import FunctionInfo
from azure_functions_runtime.loader import index_function_app
from azure_functions_runtime.logging import logger as library_logger
from azure_functions_runtime.utils import threadpool
from azure_functions_runtime.utils.executor import invocation_id_cv, run_sync_func

from devhost.entity_functions import telling
from devhost.functions import Function, Refused, TriggerType
from devhost.http_messages import HttpRequest, HttpResponse, http_datum, http_response
from devhost.namesakes import forget_namesakes
from devhost.protocol.answer import Answer
from devhost.protocol.history import Event
from devhost.sessions import Session
from devhost.threads import LimitExceededError, ResultT, Threads

logger = logging.getLogger("devhost.worker")

_TIMED_OUT = "Timeout value of %s exceeded by function '%s' (Id: '%s'). Initiating cancellation."
_GOES_ON = (
    "%s is not a coroutine, so it cannot be stopped: it goes on in its thread, another thread takes that one's place, "
    "and its result is dropped. It is here now:\n%s"
)
# The numbers of the host's BindingInfo message, which the library compares directions and data types with.
_PROTOS = SimpleNamespace(BindingInfo=SimpleNamespace(inout=2, out=1, undefined=0))


class AppLoadError(Exception):
    """The app cannot be imported or indexed; Azure would show "0 functions found"."""


class FunctionFailedError(Exception):
    """A function raised. `text` is `Type: message`, as the worker reports it; `trace` its stack trace."""

    def __init__(self, text: str, trace: str) -> None:
        super().__init__(text)
        self.text = text
        self.trace = trace

    @property
    def first_line(self) -> str:
        """The type, and the first line of the message."""
        return self.text.partition("\n")[0]


class FunctionTimedOutError(FunctionFailedError):
    """A function did not end within the time-out of host.json."""


class Worker:
    """Runs one app's functions as Azure's worker does: plain ones on threads, coroutines on the loop.

    There is one app a process: the library keeps its registry in a module.

    A coroutine that exceeds the `timeout` is canceled. A plain function cannot be stopped: its thread goes on, where
    Azure would restart the worker, and its result is dropped.
    """

    def __init__(self, timeout: timedelta | None = None, begins: Callable[[], object] = lambda: None) -> None:
        """Prepare; `begins` is called on the thread of each plain function, right before it."""
        self._timeout = timeout
        self._limit = None if timeout is None else timeout.total_seconds()
        load_binding_registry()
        threadpool.start_threadpool_executor()
        # As many threads as the library's pool may have, which reads PYTHON_THREADPOOL_THREAD_COUNT; it has none.
        self._threads = Threads(threadpool.get_threadpool_executor()._max_workers, begins)
        self._process_id = str(uuid.uuid4())[:-12]
        self._numbers = count()

    def index(self, app_root: Path) -> tuple[list[Function], list[Refused]]:
        """Import `function_app.py` under the root and return its functions, and those the worker cannot load.

        Raises:
            AppLoadError: The module does not import, holds no app or more than one, or names a function twice.
        """
        sys.path.insert(0, str(app_root))
        forget_namesakes(app_root)
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
            one._func = telling(one.get_user_function())
            try:
                info = handle_event._functions.add_indexed_function(one, _PROTOS)
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

    async def on_thread(self, name: str, work: Callable[[], ResultT]) -> ResultT:
        """Run a part of a function's work on a thread: what uses `call`, `begin` and `go_on`.

        Raises:
            FunctionTimedOutError: It did not end in time.
        """
        try:
            return await self._threads.run(work, self._limit)
        except LimitExceededError as ex:
            raise self._timed_out(name, self._next_id(), ex) from ex

    def call(self, function: Function, payload: str) -> Any:
        """Run a plain function as `run` does, but on this thread and without a time-out.

        Raises:
            FunctionFailedError: The function raised, or its answer is no JSON.
        """
        return _value(self._call(function, _text_datum(function, payload), "", self._next_id()))

    def begin(self, function: Function, request: str) -> tuple[Session, Answer]:
        """Run an orchestrator's turn on this thread and keep the orchestrator alive.

        Raises:
            FunctionFailedError: The SDK could not begin the session.
        """
        session = self._on_this_thread(function, Session, {"handle": _info(function).func, "request": request})
        return session, self._on_this_thread(function, session.begin, {})

    def go_on(self, function: Function, session: Session, events: Sequence[Event]) -> Answer:
        """Run the next turn of an orchestrator that was kept alive, on this thread, as a call of its function.

        Raises:
            FunctionFailedError: The orchestrator raised what no orchestrator may, such as `SystemExit`.
        """
        return self._on_this_thread(function, session.go_on, {"events": events})

    def _on_this_thread(self, function: Function, work: Callable[..., ResultT], arguments: dict[str, Any]) -> ResultT:
        invocation_id = self._next_id()
        context = native_invocation._prepare_context(_info(function), invocation_id, {})
        try:
            result: ResultT = run_sync_func(invocation_id, context, work, arguments)
            return result
        except BaseException as ex:
            raise _failed(ex) from ex

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
            return await self._threads.run(partial(self._call, function, trigger, client, invocation_id), self._limit)
        except LimitExceededError as ex:
            raise self._timed_out(function.name, invocation_id, ex) from ex

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
        except BaseException as ex:
            if (caller := asyncio.current_task()) is not None and caller.cancelling():
                raise asyncio.CancelledError from ex  # whatever the function made of being canceled
            if isinstance(ex, TimeoutError) and timer.expired():
                raise LimitExceededError from ex
            raise _failed(ex) from ex
        finally:
            invocation_id_cv.reset(token)

    def _timed_out(self, name: str, invocation_id: str, late: LimitExceededError) -> FunctionTimedOutError:
        """Log a time-out in the host's words, and return the error that reports it."""
        days, time_of_day = divmod(self._timeout or timedelta(), timedelta(days=1))
        value = f"{f'{days}.' if days else ''}{time_of_day!s:0>8}"
        name = f"Functions.{name}"
        logger.error(_TIMED_OUT, value, name, invocation_id)
        if late.stack:
            logger.warning(_GOES_ON, name, late.stack.rstrip())
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
    try:
        text = f"{type(ex).__name__}: {ex}"
    except Exception as unprintable:
        text = f"{type(ex).__name__}: (its text cannot be had: {type(unprintable).__name__})"
    return FunctionFailedError(text, "".join(traceback.format_exception(ex)))


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
