"""A worker without an app and without threads: user code runs on the event loop, as the test has it run."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from devhost.functions import Function
from devhost.protocol.answer import Answer
from devhost.protocol.history import Event
from devhost.sessions import Session
from devhost.threads import ResultT
from devhost.worker import Worker


class WorkerHere(Worker):
    """Runs everything on the event loop. A test says how functions run: `run` for all, `call` for orchestrators.

    `orchestrators` are the SDK's, by name, to be kept alive. It does not call its base's `__init__`, which reads the
    library's settings.
    """

    def __init__(self, orchestrators: Mapping[str, Any] | None = None) -> None:
        self.orchestrators = orchestrators or {}

    async def on_thread(self, name: str, work: Callable[[], ResultT]) -> ResultT:
        """Do some work."""
        return work()

    def begin(self, function: Function, request: str) -> tuple[Session, Answer]:
        """Run an orchestrator's first turn and keep it alive."""
        session = Session(self.orchestrators[function.name], request)
        return session, session.begin()

    def go_on(self, function: Function, session: Session, events: Sequence[Event]) -> Answer:
        """Run the next turn of an orchestrator that was kept alive."""
        return session.go_on(events)
