"""The app's functions, indexed and run by Azure's own Python worker library.

The only module that imports `azure_functions_runtime`. That library answers a failure with `repr(exception)`, which the
Durable Functions protocol cannot be read from, so an invocation is put together here from the library's own steps and
its exception kept. Pinned to version 1.3.0; `tests/unit/devhost/test_worker.py` fails when these steps change shape.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import traceback
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
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

from devhost.functions import Function, Refused, TriggerType
from devhost.sessions import Begin, Continue, Turned, keep_alive
from devhost.threads import LimitExceededError, Threads

logger = logging.getLogger("devhost.worker")

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


class FunctionTimedOutError(FunctionFailedError):
    """A function did not end within the time-out of host.json."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request for an HTTP function. Header and query values of one name are joined, as the host joins them."""

    method: str
    url: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    route_values: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """An HTTP function's answer; `cookies` are values for `Set-Cookie`."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cookies: tuple[str, ...] = ()


class Worker:
    """Runs one app's functions as Azure's worker does: plain ones on its thread pool, coroutines on the loop.

    There is one app a process: the library keeps its registry in a module. With `live_orchestrators`, orchestrators
    take the requests of `devhost.sessions` too.

    A coroutine that exceeds the `timeout` is canceled. A plain function cannot be stopped: its thread goes on, where
    Azure would restart the worker, and its result is dropped. Orchestrators have no time-out, as a turn is short.
    """

    def __init__(self, timeout: timedelta | None = None, *, live_orchestrators: bool = False) -> None:
        self._timeout = timeout
        self._live_orchestrators = live_orchestrators
        load_binding_registry()
        threadpool.start_threadpool_executor()
        self._threads = Threads(threadpool.get_threadpool_executor())
        self._invocation_ids = _invocation_ids()

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
        kind = "json" if function.trigger_type in (TriggerType.ACTIVITY, TriggerType.TIMER) else "string"
        datum = await self._invoke(function, Datum(payload, kind), client)
        return None if datum is None else datum.value

    async def run_live(self, function: Function, request: Begin | Continue) -> Turned:
        """Run a turn of an orchestrator that is kept alive.

        Raises:
            FunctionFailedError: The SDK could not begin the session.
        """
        turned = await self.run(function, request)
        if not isinstance(turned, Turned):
            raise TypeError(f"'{function.name}' takes no live requests: the worker was not told to keep it alive")
        return turned

    async def run_http(self, function: Function, request: HttpRequest, client: str) -> HttpResponse:
        """Run an HTTP function. `client` is the JSON of its durable client bindings.

        Raises:
            FunctionFailedError: The function raised, or answered with something that is no HTTP response.
            FunctionTimedOutError: It did not end in time.
        """
        datum = await self._invoke(function, _http_datum(request), client)
        return _http_response(datum)

    def close(self) -> None:
        """Start nothing more on the thread pool; what runs there goes on until the process ends."""
        self._threads.close()

    async def _invoke(self, function: Function, trigger: Datum, client: str) -> Datum | None:
        info: FunctionInfo = handle_event._functions.get_function(function.worker_id)
        invocation_id = next(self._invocation_ids)
        inputs = [(function.parameter, trigger)]
        inputs += [(name, Datum(client, "string")) for name in function.client_parameters]
        limit = None if function.trigger_type == TriggerType.ORCHESTRATION else self._timeout
        try:
            arguments = native_invocation._decode_inputs(info, inputs, {})
            context = native_invocation._prepare_context(info, invocation_id, arguments)
            run = self._run_coroutine if info.is_async else self._run_plain
            result = await run(
                info, invocation_id, context, arguments, None if limit is None else limit.total_seconds()
            )
            native_invocation._check_return(info, result)
            datum: Datum | None = native_invocation._encode_return(info, result)
            return datum
        except FunctionFailedError:
            raise
        except LimitExceededError as ex:
            raise _timed_out(limit or timedelta(), function.name, invocation_id, is_plain=not info.is_async) from ex
        except asyncio.CancelledError as ex:
            if (caller := asyncio.current_task()) is not None and caller.cancelling():
                raise
            raise _failed(ex) from ex
        except Exception as ex:
            raise _failed(ex) from ex

    async def _run_plain(
        self, info: FunctionInfo, invocation_id: str, context: Any, arguments: dict[str, Any], limit: float | None
    ) -> Any:
        return await self._threads.run(_call_plain, info, invocation_id, context, arguments, limit=limit)

    async def _run_coroutine(
        self, info: FunctionInfo, invocation_id: str, context: Any, arguments: dict[str, Any], limit: float | None
    ) -> Any:
        context.thread_local_storage.invocation_id = invocation_id
        token = invocation_id_cv.set(invocation_id)
        timer = asyncio.timeout(limit)
        try:
            async with timer:
                return await info.func(**arguments)
        except (SystemExit, KeyboardInterrupt) as ex:
            raise _failed(ex) from ex
        except TimeoutError as ex:
            if timer.expired():
                raise LimitExceededError from ex
            raise
        finally:
            invocation_id_cv.reset(token)


def _invocation_ids() -> Iterator[str]:
    """Yield GUIDs that are unique to this process and to each invocation in it."""
    of_process = str(uuid.uuid4())[:-12]
    for number in count():
        yield f"{of_process}{number:012x}"


def _failed(ex: BaseException) -> FunctionFailedError:
    return FunctionFailedError(f"{type(ex).__name__}: {ex}", traceback.format_exc())


def _timed_out(limit: timedelta, name: str, invocation_id: str, *, is_plain: bool) -> FunctionTimedOutError:
    """Log a time-out in the host's words, and return the error that reports it."""
    days, time_of_day = divmod(limit, timedelta(days=1))
    value = f"{f'{days}.' if days else ''}{time_of_day!s:0>8}"
    name = f"Functions.{name}"
    logger.error(
        "Timeout value of %s exceeded by function '%s' (Id: '%s'). Initiating cancellation.", value, name, invocation_id
    )
    if is_plain:
        logger.warning(
            "%s is not a coroutine, so it cannot be stopped: it goes on in its thread and its result is dropped.", name
        )
    text = f"Timeout value of {value} was exceeded by function: {name}"
    return FunctionTimedOutError(text, text)


def _call_plain(info: FunctionInfo, invocation_id: str, context: Any, arguments: dict[str, Any]) -> Any:
    try:
        return run_sync_func(invocation_id, context, info.func, arguments)
    except (SystemExit, KeyboardInterrupt, StopIteration, asyncio.CancelledError) as ex:
        raise _failed(ex) from ex  # a future cannot carry these from thread to thread


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
    )


def _http_datum(request: HttpRequest) -> Datum:
    return Datum(
        {
            "method": Datum(request.method, "string"),
            "url": Datum(request.url, "string"),
            "headers": _strings(request.headers),
            "params": _strings(request.route_values),
            "query": _strings(request.query),
            "body": Datum(request.body, "bytes"),
        },
        "http",
    )


def _strings(values: Mapping[str, str]) -> dict[str, Datum]:
    return {name: Datum(value, "string") for name, value in values.items()}


def _http_response(datum: Datum | None) -> HttpResponse:
    if datum is None or datum.value is None:
        return HttpResponse(204, {}, b"")
    if datum.type != "http":
        return HttpResponse(200, {"content-type": "text/plain; charset=utf-8"}, str(datum.value).encode())
    value = datum.value
    body = value["body"].value
    cookies = [morsel.OutputString() for jar in value.get("cookies") or () for morsel in jar.values()]
    return HttpResponse(
        status=int(value["status_code"].value),
        headers={name: one.value for name, one in value["headers"].items()},
        body=body if isinstance(body, bytes) else str(body).encode(),
        cookies=tuple(cookies),
    )
