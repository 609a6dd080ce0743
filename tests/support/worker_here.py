"""A worker without an app and without threads: user code runs on the event loop, as the test has it run."""

from collections.abc import Callable

from devhost.functions import Function
from devhost.worker import ResultT, Worker


class WorkerHere(Worker):
    """Runs everything on the event loop. A test says how functions run: `run` for all, `call` for orchestrators.

    It does not call its base's `__init__`, which starts the library's threads.
    """

    def __init__(self) -> None:
        pass

    @property
    def threads(self) -> int:
        """One: the event loop's."""
        return 1

    async def run_then(self, function: Function, payload: str, then: Callable[[str | None], ResultT]) -> ResultT:
        """Run a function, and then what follows."""
        return then(await self.run(function, payload))

    async def on_thread(self, work: Callable[[], ResultT]) -> ResultT:
        """Do some work."""
        return work()
