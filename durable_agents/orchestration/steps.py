"""What an orchestration waits for, one step at a time or several at once.

A step is a generator. It yields tasks of the SDK, alone or as `AnyOf`; several steps at once yield the tasks of all.
`drive` is the one place where the SDK is made to wait, for all tasks that anything in the run waits for: each step is
resumed when one of its own has ended, in the order in which the history has that, so a replay resumes them in the same
order.
"""

import inspect
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

import azure.durable_functions as df
from azure.durable_functions.models.Task import TaskBase

ResultT = TypeVar("ResultT")
ResultT_co = TypeVar("ResultT_co", covariant=True)

Steps: TypeAlias = Generator[Any, Any, ResultT]
"""What an orchestration is, and a part of one, and a step: a generator. It yields what it waits for, is sent what
came of that, and returns its own result."""


class Unused:
    """The steps of a run that were made and not used so far: what is left at its end was forgotten."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        self.next_number = 0

    def add(self, name: str) -> int:
        """Add a step and return its number."""
        number, self.next_number = self.next_number, self.next_number + 1
        self._names[number] = name
        return number

    def remove(self, number: int) -> None:
        """Take out a step that is used now."""
        self._names.pop(number, None)

    def excuse(self, number: int) -> None:
        """Take out what was made from this number on: those who made it may have been ended in the middle."""
        self._names = {made: name for made, name in self._names.items() if made < number}

    def check(self) -> None:
        """Refuse to end a run that has forgotten a step.

        Raises:
            RuntimeError: It has.
        """
        for name in self._names.values():
            raise RuntimeError(
                f"The step {name} was made and never used, so it was not done. Write `yield from` in front of it."
            )


class Step(Generator[Any, Any, ResultT_co]):
    """Something to wait for: use it with `yield from`, or give several to `all` or `first`. Each is used once."""

    def __init__(
        self, name: str, run: Callable[[], Steps[ResultT_co]], unused: Unused, parts: Sequence[Steps[Any]] = ()
    ) -> None:
        self.name = name
        self._parts = parts
        self._run = run
        self._steps: Steps[ResultT_co] | None = None
        self._unused = unused
        self._number = unused.add(name)

    def __iter__(self) -> Steps[ResultT_co]:
        """Begin."""
        self._unused.remove(self._number)
        if self._steps is not None:
            raise RuntimeError(f"The step {self.name} was used before. Make a new one for each use.")
        self._steps = self._run()
        return self._steps

    def leave_out(self) -> None:
        """Take the steps that it is made of for used: those before it in an `all` have failed, or one has won."""
        for part in self._parts:
            if isinstance(part, Step):
                self._unused.remove(part._number)
                part.leave_out()

    def send(self, value: Any) -> Any:
        """Go on with what was waited for."""
        return (self._steps or iter(self)).send(value)

    def throw(self, *error: Any) -> Any:
        """Go on with an error."""
        return (self._steps or iter(self)).throw(*error)


@dataclass(frozen=True, slots=True)
class First(Generic[ResultT]):
    """The first of several steps to end: which one it was, counted from 0, and what came of it."""

    index: int
    result: ResultT


@dataclass(frozen=True, slots=True)
class AnyOf:
    """What a step yields to wait until one of several tasks has ended: it is sent that task, no error is raised."""

    tasks: tuple[Any, ...]


def drive(context: df.DurableOrchestrationContext, steps: Steps[ResultT]) -> Steps[ResultT]:
    """Run steps to their end; this yields to the SDK itself."""
    fiber = Fiber(steps)
    fiber.go_on()
    while fiber.tasks:
        tasks = list(fiber.tasks)
        started = [task._is_scheduled for task in tasks]
        if any(started) and not all(started):
            # A race between a task that was started before and a new one holds back all that is started later, until
            # the new one ends (see the protocol of the extension); the ids of what is held back would then differ from
            # those that the SDK counts, when an activity is tried again meanwhile. A timer that is cancelled from the
            # beginning ends that race for the extension, and starts nothing.
            released: Any = context.create_timer(context.current_utc_datetime)
            released.cancel()
            tasks.append(released)
        try:
            yield tasks[0] if len(tasks) == 1 else context.task_any(tasks)
        except Exception:
            # The task has failed, which the step itself is told, with the error of that task.
            if not tasks[0].is_completed:
                raise
        fiber.go_on()
    result: ResultT = fiber.outcome()
    return result


class Fiber:
    """A step that runs, at times next to others. It has ended when there are no `tasks` that it waits for."""

    def __init__(self, step: Steps[Any]) -> None:
        if not isinstance(step, Step) and not inspect.isgenerator(step):
            raise TypeError(f"{step!r} is no step. Give what a method of the context returns, or call a part with it.")
        self._step = step
        self._generator = iter(step)
        self._is_new = True
        self._waits_for: Any = None
        self._error: Exception | None = None
        self._result: Any = None

    @property
    def tasks(self) -> tuple[Any, ...]:
        """What the step waits for."""
        if self._waits_for is None:
            return ()
        return self._waits_for.tasks if isinstance(self._waits_for, AnyOf) else (self._waits_for,)

    @property
    def has_ended(self) -> bool:
        """Whether the step has ended, with a result or an error."""
        return not self._is_new and self._waits_for is None

    @property
    def has_failed(self) -> bool:
        """Whether the step has ended with an error."""
        return self._error is not None

    def outcome(self, *, raises: bool = True) -> Any:
        """Return the result of the step that has ended; raise its error, or return it."""
        if self._error is not None and raises:
            raise self._error
        return self._result if self._error is None else self._error

    def go_on(self) -> None:
        """Start the step, or resume it, until it waits for something that has not ended."""
        if self._is_new:
            self._is_new = False
            self._resume(lambda: next(self._generator))
        while ended := next((task for task in self.tasks if task.is_completed), None):
            self._answer(ended)

    def cancel(self) -> None:
        """End the step where it waits: it cancels the timers it has started.

        Raises:
            RuntimeError: It goes on all the same.
        """
        self._waits_for = None
        if self._is_new and isinstance(self._step, Step):
            self._step.leave_out()
        try:
            self._generator.throw(GeneratorExit())
        except (GeneratorExit, StopIteration):
            return
        raise RuntimeError(
            "What lost a race, or ran next to a step that failed, is cancelled. It then waits for another step, in a "
            "`finally` or an `except`, but its time is over. Do that after the `all` or `first`."
        )

    def _answer(self, ended: Any) -> None:
        if isinstance(self._waits_for, AnyOf):
            self._resume(lambda: self._generator.send(ended))
        elif ended.state.name == "FAILED":
            self._resume(lambda: self._generator.throw(ended.result))
        else:
            self._resume(lambda: self._generator.send(ended.result))

    def _resume(self, resume: Callable[[], Any]) -> None:
        self._waits_for = None
        try:
            yielded = resume()
            while not isinstance(yielded, AnyOf | TaskBase):
                yielded = self._generator.throw(TypeError(_why_not(yielded)))
            self._waits_for = yielded
        except StopIteration as end:
            self._result = end.value
        except Exception as error:
            # Whoever waits for the step is told of it.
            self._error = error


def run_all(
    steps: Sequence[Steps[Any]], return_exceptions: bool, unused: Unused, width: int | None = None
) -> Steps[list[Any]]:
    """Run the steps side by side, and return their results in their order.

    With a `width`, no more than so many run at a time; the next in their order begins when one has ended. Unless
    exceptions are returned in the place of results, the first error ends the other steps and is raised.
    """
    with _side_by_side(steps, unused) as fibers:
        while True:
            room = len(fibers) if width is None else width
            for fiber in fibers:
                if not room:
                    break
                fiber.go_on()
                room -= not fiber.has_ended
                if fiber.has_failed and not return_exceptions:
                    fiber.outcome()
            if all(fiber.has_ended for fiber in fibers):
                return [fiber.outcome(raises=False) for fiber in fibers]
            yield _tasks_of(fibers)


def run_first(steps: Sequence[Steps[Any]], skip_failures: bool, unused: Unused) -> Steps[First[Any]]:
    """Run the steps side by side until one ends, return its result or raise its error, and end the others.

    With `skip_failures` a step that fails is out of the race; when all have failed, the error of the last is raised.
    """
    if not steps:
        raise ValueError("The first of no steps never ends. Give at least one.")
    with _side_by_side(steps, unused) as fibers:
        running = list(fibers)
        while True:
            for fiber in list(running):
                fiber.go_on()
                if not fiber.has_ended:
                    continue
                running.remove(fiber)
                if not fiber.has_failed or not skip_failures or not running:
                    return First(fibers.index(fiber), fiber.outcome())
            yield _tasks_of(running)


def _tasks_of(fibers: Iterable[Fiber]) -> AnyOf:
    """Return what the fibers wait for; two may wait for one event."""
    return AnyOf(tuple(dict.fromkeys(task for fiber in fibers for task in fiber.tasks)))


@contextmanager
def _side_by_side(steps: Sequence[Steps[Any]], unused: Unused) -> Iterator[list[Fiber]]:
    """Cancel what still waits, however the block ends."""
    fibers, number = [Fiber(step) for step in steps], unused.next_number
    try:
        yield fibers
    finally:
        with ExitStack() as stack:
            if any(fiber.has_failed or not fiber.has_ended for fiber in fibers):
                stack.callback(unused.excuse, number)
            for fiber in fibers:
                stack.callback(fiber.cancel)


def _why_not(yielded: object) -> str:
    if isinstance(yielded, Step):
        return f"The step {yielded.name} was yielded as a value. Write `yield from` in front of a step, not `yield`."
    if inspect.isgenerator(yielded):
        return (
            f"A part, {yielded.__qualname__}(), was yielded as a value. Write `yield from` in front of it, not `yield`."
        )
    return (
        f"{yielded!r} was yielded. An orchestration waits for steps only: `yield from`, with a method of its context."
    )
