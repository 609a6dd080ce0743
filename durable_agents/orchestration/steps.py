"""What an orchestration waits for, one step at a time or several at once.

A step is a generator of the SDK's tasks. Several at once are run side by side: each is resumed when the task that it
waits for has ended, in the order in which the history has that, so a replay resumes them in the same order.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

import azure.durable_functions as df

ResultT = TypeVar("ResultT")
ResultT_co = TypeVar("ResultT_co", covariant=True)

Steps: TypeAlias = Generator[Any, Any, ResultT]
"""What an orchestration, or a part of one, is: it yields durable tasks, is sent their results, and returns a result."""

_YIELDED = "The step {} was yielded as a value. Write `yield from` in front of a step, not `yield`."


class Step(Generic[ResultT_co]):
    """Something to wait for: use it with `yield from`, or give several to `all` or `first`. Each is used once."""

    def __init__(self, name: str, run: Callable[[], Steps[ResultT_co]]) -> None:
        self.name = name
        self._run: Callable[[], Steps[ResultT_co]] | None = run

    def __iter__(self) -> Steps[ResultT_co]:
        run, self._run = self._run, None
        if run is None:
            raise RuntimeError(f"The step {self.name} was used before. Make a new one for each use.")
        return run()

    @property
    def _is_scheduled(self) -> bool:
        """What the SDK asks of whatever an orchestration yields.

        Raises:
            TypeError: Always. A step is no task.
        """
        raise TypeError(_YIELDED.format(self.name))


@dataclass(frozen=True, slots=True)
class First(Generic[ResultT]):
    """The first of several steps to end: which one it was, counted from 0, and what came of it."""

    index: int
    result: ResultT


StepLike: TypeAlias = Step[ResultT] | Generator[Any, Any, ResultT]
"""A step, or a part of an orchestration: a generator that waits for several, one after the other."""


class _Fiber:
    """One of several steps that run side by side. It waits for `task` until it has ended, with a result or an error."""

    def __init__(self, step: StepLike[Any]) -> None:
        self._generator = iter(step)
        self.task: Any = None
        self.result: Any = None
        self.error: Exception | None = None
        self._resume(lambda: next(self._generator))

    def go_on(self) -> None:
        """Resume the step with what its task has ended with."""
        result = self.task.result
        has_failed = self.task.state.name == "FAILED"
        self._resume(lambda: self._generator.throw(result) if has_failed else self._generator.send(result))

    def cancel(self) -> None:
        """End the step where it waits: it cancels the timers it has started."""
        self._generator.close()

    def _resume(self, resume: Callable[[], Any]) -> None:
        try:
            self.task = resume()
            if isinstance(self.task, Step):
                raise TypeError(_YIELDED.format(self.task.name))
            return
        except StopIteration as end:
            self.result = end.value
        except Exception as error:
            # Whoever waits for the steps is told of it.
            self.error = error
        self.task = None


def run_all(
    context: df.DurableOrchestrationContext, steps: Sequence[StepLike[Any]], return_exceptions: bool
) -> Steps[list[Any]]:
    """Run the steps side by side, and return their results in their order.

    Unless exceptions are returned in the place of results, the first error ends the other steps and is raised.
    """
    fibers = [_Fiber(step) for step in steps]
    with _cancelled_at_the_end(fibers):
        while True:
            failed = next((fiber.error for fiber in fibers if fiber.error is not None), None)
            if failed is not None and not return_exceptions:
                raise failed
            if all(fiber.task is None for fiber in fibers):
                return [fiber.result if fiber.error is None else fiber.error for fiber in fibers]
            yield from _wait_for_any(context, fibers)


def run_first(
    context: df.DurableOrchestrationContext, steps: Sequence[StepLike[Any]], skip_failures: bool
) -> Steps[First[Any]]:
    """Run the steps side by side until one ends, return its result or raise its error, and end the others.

    With `skip_failures` a step that fails is out of the race; when all have failed, the error of the last is raised.
    """
    if not steps:
        raise ValueError("The first of no steps never ends. Give at least one.")
    fibers = [_Fiber(step) for step in steps]
    failed: list[_Fiber] = []
    with _cancelled_at_the_end(fibers):
        while True:
            for index, fiber in enumerate(fibers):
                if fiber.task is not None or fiber in failed:
                    continue
                if fiber.error is None:
                    return First(index, fiber.result)
                failed.append(fiber)
                if not skip_failures or len(failed) == len(fibers):
                    raise fiber.error
            yield from _wait_for_any(context, fibers)


def _wait_for_any(context: df.DurableOrchestrationContext, fibers: Iterable[_Fiber]) -> Steps[None]:
    """Wait until the task of one of the fibers has ended, and resume that one."""
    waiting = [fiber for fiber in fibers if fiber.task is not None]
    ended = next((fiber for fiber in waiting if fiber.task.is_completed), None)
    if ended is None:
        tasks = [fiber.task for fiber in waiting]
        started = [task._is_scheduled for task in tasks]
        if any(started) and not all(started):
            # A race between a task that was started before and a new one holds back all that is started later, until
            # the new one ends (see the protocol of the extension). A timer that is due ends that at once.
            tasks.append(context.create_timer(context.current_utc_datetime))
        winner = yield context.task_any(tasks)
        ended = next((fiber for fiber in waiting if fiber.task is winner), None)
    if ended is not None:
        ended.go_on()


@contextmanager
def _cancelled_at_the_end(fibers: Iterable[_Fiber]) -> Iterator[None]:
    """End what still waits, however the block ends."""
    try:
        yield
    finally:
        for fiber in fibers:
            fiber.cancel()
