"""The events of a run: each reaches one wait, and none is lost because nobody has waited for it yet, or any more."""

import json
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any

import azure.durable_functions as df


class Mailbox:
    """The events of one name.

    All who wait for the name share one wait of the SDK, which outlives those who give up: the SDK gives an event to the
    wait that is the youngest, whether anybody still reads it or not.
    """

    def __init__(self, context: df.DurableOrchestrationContext, name: str) -> None:
        self._context = context
        self._name = name
        self._wait: Any = None

    def task(self) -> Any:
        """Return the task that ends when there is an event to take."""
        if self._wait is None:
            self._wait = self._context.wait_for_external_event(self._name)
        return self._wait

    def take(self) -> tuple[Any] | None:
        """Return what the next event brings, or None when there is none. Of those who wait, who asks first has it."""
        event = self.take_raw()
        return None if event is None else (_read(event[0]),)

    def take_raw(self) -> tuple[Any] | None:
        """Return the same as it came: what a text that is also JSON stands for is for the caller to say."""
        if self._wait is None or not self._wait.is_completed:
            return None
        wait, self._wait = self._wait, None
        return (wait.result,)


class Events:
    """The mailboxes of a run."""

    def __init__(self, context: df.DurableOrchestrationContext) -> None:
        self._context = context
        self._mailboxes: dict[str, Mailbox] = {}
        context.deferred_tasks = _Deferred()  # type: ignore[assignment]  # the SDK declares other values than it puts there

    def of(self, name: str) -> Mailbox:
        """Return the mailbox for the events of this name."""
        return self._mailboxes.setdefault(name, Mailbox(self._context, name))


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
