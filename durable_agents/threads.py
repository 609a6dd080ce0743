"""Threads for what waits for a model: in the worker's own pool it would hold up orchestrations and all else."""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

ParametersT = ParamSpec("ParametersT")
ResultT = TypeVar("ResultT")

_MOST_THREADS = 32
_threads = ThreadPoolExecutor(_MOST_THREADS, thread_name_prefix="model")


async def in_thread(
    function: Callable[ParametersT, ResultT], *args: ParametersT.args, **options: ParametersT.kwargs
) -> ResultT:
    """Call a function in one of the threads, and return its result or raise its error.

    It sees the context variables of its caller: they hold what ties log lines to an invocation.
    """
    context, loop = contextvars.copy_context(), asyncio.get_running_loop()
    return await loop.run_in_executor(_threads, lambda: context.run(function, *args, **options))
