"""The events of a run: each reaches one wait, and none is lost because nobody has waited for it yet, or any more."""

import json
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import azure.durable_functions as df
from azure.durable_functions.models.history.HistoryEventType import HistoryEventType

KEPT_EVENTS = "_kept_events"
"""The field of a stored input with the events that nobody had taken when the run began anew."""


class Mailbox:
    """The events of one name.

    All who wait for the name share one wait of the SDK, which outlives those who give up: the SDK gives an event to the
    wait that is the youngest, whether anybody still reads it or not.
    """

    def __init__(self, context: df.DurableOrchestrationContext, name: str, kept: list[Any]) -> None:
        self._context = context
        self._name = name
        self._wait: Any = None
        self.kept = deque(kept)
        self.taken = 0

    def task(self) -> Any:
        """Return the task that ends when there is an event to take."""
        if self._wait is None:
            self._wait = self._context.wait_for_external_event(self._name)
        return self._wait

    def take(self) -> tuple[Any] | None:
        """Return what the next event brings, or None when there is none. Of those who wait, who asks first has it."""
        if self.kept:
            return (self.kept.popleft(),)
        event = self.take_raw()
        return None if event is None else (_read(event[0]),)

    def take_raw(self) -> tuple[Any] | None:
        """Return the same as it came: what a text that is also JSON stands for is for the caller to say."""
        if self._wait is None or not self._wait.is_completed:
            return None
        wait, self._wait = self._wait, None
        self.taken += 1
        return (wait.result,)

    def left(self, history: Iterable[Any]) -> list[Any]:
        """Return what nobody has taken: what was kept, and what came for the wait that is open, also in this turn.

        The SDK does not look at what stands in a turn after the event with which the run begins anew.
        """
        if self._wait is None or not self._wait._is_scheduled:
            return list(self.kept)
        is_raised = HistoryEventType.EVENT_RAISED
        came = [event.Input for event in history if event.event_type == is_raised and event.Name == self._name]
        return [*self.kept, *(_read(json.loads(text or "null")) for text in came[self.taken :][:1])]


class Events:
    """The mailboxes of a run; `kept` are the events that it has not taken before it began anew, by name."""

    def __init__(self, context: df.DurableOrchestrationContext, kept: Mapping[str, list[Any]]) -> None:
        self._context = context
        self._mailboxes = {name: Mailbox(context, name, events) for name, events in kept.items()}
        context.deferred_tasks = _Deferred()  # type: ignore[assignment]  # the SDK declares other values than it puts there

    def of(self, name: str) -> Mailbox:
        """Return the mailbox for the events of this name."""
        return self._mailboxes.setdefault(name, Mailbox(self._context, name, []))

    def left(self) -> dict[str, list[Any]]:
        """Return what the task hub has given to a wait of the SDK, and nobody has taken of it, by name.

        The task hub itself keeps what no wait of the SDK was open for, for a run that begins anew.
        """
        left = {name: mailbox.left(self._context.histories) for name, mailbox in self._mailboxes.items()}
        return {name: events for name, events in left.items() if events}


class _Deferred(dict[Any, Callable[[], None]]):
    """What the SDK keeps for a wait that is yet to come: every event in its order, and each for one wait.

    The SDK's own dict has only the last of a name, and gives it to every wait that follows.
    """

    def __init__(self) -> None:
        super().__init__()
        self._kept: defaultdict[Any, deque[Callable[[], None]]] = defaultdict(deque)

    def __setitem__(self, key: Any, update: Callable[[], None]) -> None:
        self._kept[key].append(update)

    def __contains__(self, key: object) -> bool:
        return bool(self._kept.get(key))

    def __getitem__(self, key: Any) -> Callable[[], None]:
        return self._kept[key].popleft()


def _read(payload: object) -> Any:
    """Return what an event brings: as JSON text when the SDK raised it, an object from the webhook."""
    if isinstance(payload, str):
        try:
            return json.loads(payload)
        except (ValueError, RecursionError):
            return payload
    return payload
