"""The payloads of one run, as its code sends and gets them: those that are too large travel by reference, unseen."""

import functools
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import azure.durable_functions as df

from durable_agents.orchestration.events import KEPT_EVENTS
from durable_agents.storage.claim_check import ClaimCheck, Kind

_READ_WITHOUT_PAYLOAD = ("decisions",)
"""Members of an output that are looked up where nobody asks for all of it."""


class NoPayload(BaseException):  # no error of a step: whatever would handle that would do otherwise in a replay
    """A payload cannot be read or written, so the run fails with this error."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class RunPayloads:
    """What a run sends and gets. A replay reads what was read before, for a payload never changes.

    Raises:
        NoPayload: A method cannot read or write one.
    """

    def __init__(
        self, durable: df.DurableOrchestrationContext, claims: ClaimCheck, internal_fields: Collection[str] = ()
    ) -> None:
        self._durable = durable
        self._claims = claims
        self._internal_fields = internal_fields
        self._run = str(durable.instance_id)

    def read_input(self) -> Any:
        """Return the input of the run, without the internal fields."""
        stored = self.receive(self._durable.get_input())
        if isinstance(stored, dict):
            return {name: value for name, value in stored.items() if name not in self._internal_fields}
        return stored

    def send(self, kind: Kind, name: str, value: Any) -> Any:
        """Return what is sent to an activity or a child in the place of the value."""
        if not self._claims.is_reader(kind, name):
            return value
        beside = self._internal_fields if kind == "orchestration" else ()
        with _ending_the_run():
            return self._claims.call(self._run, value, self._run, beside=beside, is_repeated=self._durable.is_replaying)

    def receive(self, value: Any) -> Any:
        """Return what came, from an activity, a child or who has started the run, as it was sent."""
        with _ending_the_run():
            return self._claims.restore(self._run, value, keeps=True)

    def kept_events(self) -> dict[str, list[Any]]:
        """Return the events that nobody had taken when the run began anew, by name."""
        stored: Any = self._durable.get_input()
        is_kept = KEPT_EVENTS in self._internal_fields and isinstance(stored, dict)
        return stored.get(KEPT_EVENTS, {}) if is_kept else {}

    def begin_anew(self, value: Any, changed: Mapping[str, Any]) -> Any:
        """Return what the run begins anew with in the place of the value: its internal fields are those of before, but
        for those that are `changed`, and for events that are no longer kept.
        """
        stored = self._durable.get_input()
        if isinstance(stored, dict) and isinstance(value, dict):
            own = {name: one for name, one in stored.items() if name in self._internal_fields and name != KEPT_EVENTS}
            value = {**value, **own, **changed}
        with _ending_the_run():
            return self._claims.call(
                self._run,
                value,
                self._caller,
                beside=self._internal_fields,
                is_repeated=self._durable.is_replaying,
            )

    def end(self, output: Any) -> Any:
        """Return what the run ends with in the place of its output. A parent that reads no references gets it whole."""
        if self._durable.parent_instance_id is not None and self._caller is None:
            return output
        return self._claims.shorten(self._run, output, beside=_READ_WITHOUT_PAYLOAD)

    @property
    def _caller(self) -> str | None:
        return self._claims.caller_of(self._durable.get_input())


@contextmanager
def _ending_the_run() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise NoPayload(error) from error


def ending_by_reference(orchestration: Callable[..., Any], claims: ClaimCheck) -> Callable[..., Any]:
    """Return the orchestration with a reference for its output, where that is too large for the history."""

    @functools.wraps(orchestration)
    def run(context: df.DurableOrchestrationContext, **dependencies: Any) -> Generator[Any, Any, Any]:
        output = yield from orchestration(context, **dependencies)
        return RunPayloads(context, claims).end(output)

    return run
