"""The events of an agent's answer while it is being made, and what a store of them must do.

A stream belongs to one run. Each attempt to answer begins with a `start`: what came before it is void, for a crash or a
passing failure has interrupted an earlier attempt. An attempt that came to its end has an `end`. That is no proof of an
outcome, which only the stored session holds: the host may die between the two, and the turn is then taken again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, Self

from durable_agents.ids import STREAM_CURSOR

EventKind = Literal["start", "text", "tool_call", "end"]


@dataclass(frozen=True, slots=True)
class StreamId:
    """Names the stream of one run. All three have been checked, so they are safe in the key of a store."""

    agent: str
    session_id: str
    correlation_id: str

    @property
    def key(self) -> str:
        """The stream as one text; the separator occurs in none of its parts."""
        return f"{self.agent}/{self.session_id}/{self.correlation_id}"


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """Where an event stands in its stream; later events have greater cursors. Its text is opaque to callers.

    Attributes:
        epoch: The attempt: the time at which it began, in milliseconds since 1970, or a greater number if another
            attempt began then or later.
        number: The place within the attempt; its `start` is 0.
    """

    epoch: int
    number: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.number}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the cursor with this text, or None if no cursor has it."""
        if STREAM_CURSOR.fullmatch(text) is None:
            return None
        epoch, _, number = text.partition("-")
        return cls(int(epoch), int(number))

    @classmethod
    def of_start(cls, now: float, last: Self | None) -> Self:
        """Return the cursor of the `start` of an attempt that begins at `now` (seconds since 1970), after `last`."""
        epoch = int(now * 1000)
        return cls(epoch if last is None else max(epoch, last.epoch + 1), 0)

    def next(self) -> Self:
        """Return the cursor of the event that follows in the same attempt."""
        return type(self)(self.epoch, self.number + 1)


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event. `data` is what callers see of it: `{"text": ...}`, `{"name": ...}` of a tool, or nothing."""

    kind: EventKind
    data: Mapping[str, str] = field(default_factory=dict)


START = StreamEvent("start")
END = StreamEvent("end")


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event with its place in the stream."""

    cursor: Cursor
    event: StreamEvent


class StreamTakenError(Exception):
    """A later attempt has begun in this stream, so an earlier one must write no more.

    It shows that two hosts take the same turn, of which the task hub will keep one.
    """

    def __init__(self, stream: StreamId) -> None:
        super().__init__(
            f"Stream {stream.key!r} has a later attempt than the one that writes. It goes on without this."
        )


class StreamStore(Protocol):
    """Keeps streams for a while after their last event. Safe to use from several event loops and processes at once."""

    async def begin(self, stream: StreamId) -> Cursor:
        """Append a `start` and return its cursor. Repeated, it begins yet another attempt, which does no harm.

        Raises:
            StreamTakenError: Another attempt began at the same moment.
        """
        ...

    async def append(self, stream: StreamId, after: Cursor, events: Sequence[StreamEvent]) -> Cursor:
        """Append the events, all or none, behind the event at `after`, and return the cursor of the last one.

        Raises:
            StreamTakenError: There are later events than the one at `after`.
        """
        ...

    async def read(self, stream: StreamId, after: Cursor | None, wait_seconds: float) -> list[StoredEvent]:
        """Return the events after the cursor, oldest first and at most `PAGE_EVENTS`; None means from the beginning.

        If there are none, wait up to `wait_seconds` for the first and return an empty list when the time is over.
        """
        ...

    async def remove(self, streams: Sequence[StreamId]) -> None:
        """Remove these streams, with all their events, whether they are there or not."""
        ...


PAGE_EVENTS = 1_000
"""How many events one read returns at most."""


def continues(previous: Cursor | None, events: Sequence[StoredEvent]) -> bool:
    """Say whether nothing is missing between the event at `previous` and these: a store may have dropped old ones."""
    for stored in events:
        follows = previous is not None and stored.cursor == previous.next()
        if not follows and stored.event.kind != "start":
            return False
        previous = stored.cursor
    return True
