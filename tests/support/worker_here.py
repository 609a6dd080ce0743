"""A worker without an app and without threads: user code runs on the event loop, as the test has it run."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, cast

from devhost.functions import Function
from devhost.worker import Calls, FunctionFailedError, ResultT, Worker

Advance = tuple[tuple[Function, str] | None, Any]
"""The next function to run and its payload, or the result of all."""


class WorkerHere(Worker):
    """Runs everything on the event loop. A test says how functions run: `run` for all, `call` for orchestrators.

    It does not call its base's `__init__`, which starts the library's threads.
    """

    def __init__(self) -> None:
        pass

    @property
    def thread_count(self) -> int:
        """One: the event loop's."""
        return 1

    @property
    def threads_are_wanted(self) -> bool:
        """Never: nothing waits."""
        return False

    async def run_calls(self, calls: Calls[ResultT]) -> ResultT:
        """Run functions one after the other."""
        return await run_calls_here(self.run, calls)

    async def on_thread(self, work: Callable[[], ResultT]) -> ResultT:
        """Do some work."""
        return work()


async def run_calls_here(
    run: Callable[[Function, str], Awaitable[Any]],
    calls: Calls[ResultT],
    between: Callable[[Callable[[], Advance]], Awaitable[Advance]] | None = None,
) -> ResultT:
    """Run functions one after the other with `run`; what `calls` does between them is done here, or with `between`."""
    go_on: Callable[[], tuple[Function, str]] = partial(next, calls)
    while True:
        step = partial(_advance, go_on)
        call, result = step() if between is None else await between(step)
        if call is None:
            return cast(ResultT, result)
        try:
            go_on = partial(calls.send, await run(*call))
        except FunctionFailedError as ex:
            go_on = partial(calls.throw, ex)


def _advance(go_on: Callable[[], tuple[Function, str]]) -> Advance:
    try:
        return go_on(), None
    except StopIteration as finished:
        return None, finished.value
