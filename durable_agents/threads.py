"""Threads for what waits: in the worker's own few it would hold up orchestrations and all else.

There are three pools, so that none waits for a thread that is held by who waits for it: turns and async activities, the
synchronous tools that turns call, and the short calls of files, tables and blobs.
"""

import asyncio
import contextvars
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock, Thread
from typing import Any, ParamSpec, TypeVar

from agent_framework_durabletask import run_agent_coroutine

ParametersT = ParamSpec("ParametersT")
ResultT = TypeVar("ResultT")

MOST_THREADS = 32
"""What each pool has, however few processors there are: its threads wait."""


class Threads(ThreadPoolExecutor):
    """Runs up to `count` functions at a time, in the order in which they come; an event loop takes it as its executor.

    Nothing ends a thread. One whose result nobody waits for any more, as of a tool that hangs when its turn is over,
    keeps running, and another takes its place. The threads do not keep the process from ending.
    """

    def __init__(self, count: int, name: str) -> None:
        super().__init__(count, thread_name_prefix=name)
        self._count = count
        self._name = name
        # Of both: which calls wait for a thread, and how many threads serve them.
        self._lock = Lock()
        self._waiting: deque[Callable[[], None]] = deque()
        self._serving = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call the function in a thread, as soon as one is free; cancelling its future gives up its thread."""
        future = _Call(self)

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        with self._lock:
            self._waiting.append(lambda: self._serve(future, run))
            self._start_threads()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Do nothing: the threads end by themselves when nothing waits for one."""

    def replace(self, call: "_Call") -> None:
        """Let another thread take the place of the one that a call keeps."""
        with self._lock:
            if call.is_served:
                call.is_served = False
                self._serving -= 1
                self._start_threads()

    def _start_threads(self) -> None:
        while self._waiting and self._serving < self._count:
            self._serving += 1
            Thread(target=self._waiting.popleft(), name=self._name, daemon=True).start()

    def _serve(self, call: "_Call", run: Callable[[], None]) -> None:
        with self._lock:
            call.is_served = True
        run()
        self.replace(call)


class _Call(Future[Any]):
    """A call on its way through a pool; `is_served` says that it keeps one of the threads that are counted."""

    def __init__(self, threads: Threads) -> None:
        super().__init__()
        self.is_served = False
        self._threads = threads

    def cancel(self) -> bool:
        """Have the function not called any more; if it runs, its thread is given up."""
        is_cancelled = super().cancel()
        if not is_cancelled and not self.done():
            self._threads.replace(self)
        return is_cancelled


_turns = Threads(MOST_THREADS, "turn")
_tools = Threads(MOST_THREADS, "tool")
_stores = Threads(MOST_THREADS, "store")


def size_pool_of_tools() -> None:
    """Give the event loop of agents a pool for their synchronous tools: else, on one processor, there are 5 threads."""

    async def size() -> None:
        asyncio.get_running_loop().set_default_executor(_tools)

    run_agent_coroutine(size())


async def in_thread(
    function: Callable[ParametersT, ResultT], *args: ParametersT.args, **options: ParametersT.kwargs
) -> ResultT:
    """Take a turn, or do what else waits for a model, in a thread; return its result or raise its error.

    It sees the context variables of its caller: they hold what ties log lines to an invocation.
    """
    return await _in(_turns, function, *args, **options)


async def in_store_thread(
    function: Callable[ParametersT, ResultT], *args: ParametersT.args, **options: ParametersT.kwargs
) -> ResultT:
    """Read or write a file, a table or a blob in a thread; return the result or raise the error."""
    return await _in(_stores, function, *args, **options)


async def _in(
    threads: Threads, function: Callable[ParametersT, ResultT], *args: ParametersT.args, **options: ParametersT.kwargs
) -> ResultT:
    context, loop = contextvars.copy_context(), asyncio.get_running_loop()
    return await loop.run_in_executor(threads, lambda: context.run(function, *args, **options))
